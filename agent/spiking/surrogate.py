"""Spikes with a usable gradient: a step forward, a smooth bump backward."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp

Surrogate = Literal["fast_sigmoid", "arctangent", "triangle", "straight_through"]

_SLOPES: dict[Surrogate, Callable[[jax.Array, float], jax.Array]] = {
    "fast_sigmoid": lambda v, beta: 1.0 / jnp.square(1.0 + beta * jnp.abs(v)),
    "arctangent": lambda v, beta: 1.0 / (1.0 + jnp.square(0.5 * math.pi * beta * v)),
    "triangle": lambda v, beta: jnp.maximum(0.0, 1.0 - beta * jnp.abs(v)),
    "straight_through": lambda v, beta: jnp.ones_like(v),
}


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def spike(v: jax.Array, surrogate: Surrogate = "fast_sigmoid", beta: float = 10.0) -> jax.Array:
    """1 where the membrane is above threshold (`v > 0`), else 0; its gradient is `slope(v, surrogate, beta)`."""
    return (v > 0).astype(v.dtype)


@spike.defjvp
def _(surrogate: Surrogate, beta: float, primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple:
    (v,), (dv,) = primals, tangents
    return spike(v, surrogate, beta), dv * slope(v, surrogate, beta)


def slope(v: jax.Array, surrogate: Surrogate = "fast_sigmoid", beta: float = 10.0) -> jax.Array:
    """The derivative that stands in for that of the step; 1 at the threshold, of width 1 / β around it.

    fast_sigmoid      1 / (1 + β|v|)²           Zenke & Ganguli 2018 (SuperSpike)
    arctangent        1 / (1 + (π β v / 2)²)    Fang et al. 2021
    triangle          max(0, 1 - β|v|)          Bellec et al. 2018
    straight_through  1                         Bengio, Léonard & Courville 2013
    """
    return _SLOPES[surrogate](v, beta)
