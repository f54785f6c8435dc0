"""Small layers that several modules share."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx


def dense(
    size_in: int, size_out: int, rngs: nnx.Rngs, gain: float = math.sqrt(2.0), use_bias: bool = True
) -> nnx.Linear:
    """A linear layer with orthogonal weights (Saxe et al. 2014) of the given gain, and a bias that starts at zero."""
    return nnx.Linear(size_in, size_out, use_bias=use_bias, kernel_init=nnx.initializers.orthogonal(gain), rngs=rngs)


def flatten(x: jax.Array) -> jax.Array:
    """`[B, ...]` -> `[B, D]`."""
    return x.reshape(x.shape[0], -1)


def softmax(scores: jax.Array, there: jax.Array) -> jax.Array:
    """Over the last axis, of what is there; all 0 where nothing is."""
    top = jax.lax.stop_gradient(jnp.where(there, scores, -jnp.inf).max(axis=-1, keepdims=True))
    excited = jnp.where(there, jnp.exp(jnp.where(there, scores - top, 0.0)), 0.0)
    total = excited.sum(axis=-1, keepdims=True)
    return excited / jnp.where(total > 0, total, 1.0)


def standard(x: jax.Array) -> jax.Array:
    """`[..., D]`, centred and of mean square 1: a few features of a pretrained transformer dwarf all others."""
    x = x - x.mean(-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + 1e-6)
