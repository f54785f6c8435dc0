"""Diagonal Gaussian policies as arrays: `policy[..., 2A]` holds A means and A logarithms of deviations."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp


def pack(mean: jax.Array, log_std: jax.Array) -> jax.Array:
    """Means and log deviations, `[..., A]` each (the deviations may lack leading axes), as one `[..., 2A]` array."""
    return jnp.concatenate([mean, jnp.broadcast_to(log_std, mean.shape)], axis=-1)


def mode(policy: jax.Array) -> jax.Array:
    """The most likely action, `[..., A]`."""
    return jnp.split(policy, 2, axis=-1)[0]


def sample(policy: jax.Array, key: jax.Array) -> jax.Array:
    """One action per environment: `policy [B, 2A]`, `key [B]` -> `[B, A]`."""
    mean, log_std = jnp.split(policy, 2, axis=-1)
    noise = jax.vmap(lambda k: jax.random.normal(k, mean.shape[1:]))(key)
    return mean + jnp.exp(log_std) * noise


def log_prob(policy: jax.Array, action: jax.Array) -> jax.Array:
    """log N(a; μ, σ) summed over the action's components, `[...]`."""
    mean, log_std = jnp.split(policy, 2, axis=-1)
    z = (action - mean) * jnp.exp(-log_std)
    return -0.5 * jnp.sum(jnp.square(z) + 2.0 * log_std + math.log(2.0 * math.pi), axis=-1)


def entropy(policy: jax.Array) -> jax.Array:
    """H = Σ (log σ + ½ log 2πe), `[...]`."""
    _, log_std = jnp.split(policy, 2, axis=-1)
    return jnp.sum(log_std + 0.5 * math.log(2.0 * math.pi * math.e), axis=-1)
