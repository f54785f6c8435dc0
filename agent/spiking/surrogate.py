"""Spikes with a usable gradient: a step forward, a smooth bump backward."""

from __future__ import annotations

import jax
import jax.numpy as jnp


@jax.custom_jvp
def spike(v: jax.Array) -> jax.Array:
    """1 where the membrane is above threshold (`v > 0`), else 0.

    The gradient is that of the fast sigmoid, 1 / (1 + β|v|)², β = 10 (Zenke & Ganguli 2018, SuperSpike).
    """
    return (v > 0).astype(v.dtype)


@spike.defjvp
def _(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (v,), (dv,) = primals, tangents
    return spike(v), dv / jnp.square(1.0 + 10.0 * jnp.abs(v))
