"""Exact search for the largest: block maxima first, so that next to nothing is sorted."""

from __future__ import annotations

import jax
import jax.numpy as jnp

BLOCK = 32
"""Numbers of which only the largest is looked at first."""
CHUNK = 2048
"""Keys whose products with all queries stay in a core's cache while their maxima are taken."""

FEW = 8
"""Queries below which the products are so few that reading the keys is all that takes time."""


def largest(scores: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """The largest numbers of every row, falling, and where they stand: `[B, K]` -> `([B, count], [B, count] int32)`.

    The `count` largest lie in the `count` blocks with the largest maxima: only these are sorted.
    """
    batch, size = scores.shape
    if size <= 2 * BLOCK * count:
        return jax.lax.top_k(scores, count)
    padded = jnp.pad(scores, ((0, 0), (0, -size % BLOCK)), constant_values=-jnp.inf)
    blocks = padded.reshape(batch, -1, BLOCK)
    chosen = _best_blocks(blocks.max(axis=2), count)
    inside = jnp.take_along_axis(blocks, chosen[:, :, None], axis=1).reshape(batch, -1)
    found, at = jax.lax.top_k(inside, count)
    return found, _position(chosen, at)


def nearest(queries: jax.Array, keys: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """The keys with the largest inner products: `[B, D], [K, D]` -> `([B, count], [B, count] int32)`.

    The products are made chunk by chunk and never kept; those of the best blocks are made a second time.
    """
    size = keys.shape[0]
    whole = size - size % CHUNK
    if queries.shape[0] < FEW or whole <= 2 * CHUNK or whole <= 2 * BLOCK * count:
        return largest(queries @ keys.T, count)
    found, at = _over_chunks(queries, keys, whole // CHUNK, count)
    if whole == size:
        return found, at
    rest, later = largest(queries @ keys[whole:].T, min(count, size - whole))
    both, where = jnp.concatenate([found, rest], axis=1), jnp.concatenate([at, later + whole], axis=1)
    best, order = jax.lax.top_k(both, count)
    return best, jnp.take_along_axis(where, order, axis=1)


def _over_chunks(queries: jax.Array, keys: jax.Array, chunks: int, count: int) -> tuple[jax.Array, jax.Array]:
    batch = queries.shape[0]

    def maxima(number: jax.Array) -> jax.Array:
        chunk = jax.lax.dynamic_slice_in_dim(keys, number * CHUNK, CHUNK)
        return (queries @ chunk.T).reshape(batch, -1, BLOCK).max(axis=2)

    tops = jax.lax.map(maxima, jnp.arange(chunks)).swapaxes(0, 1).reshape(batch, -1)
    chosen = _best_blocks(tops, count)
    rows = chosen[:, :, None] * BLOCK + jnp.arange(BLOCK)[None, None]
    again = jnp.einsum("bd,bnd->bn", queries, keys[rows.reshape(batch, -1)])
    found, at = jax.lax.top_k(again, count)
    return found, _position(chosen, at)


def _best_blocks(tops: jax.Array, count: int) -> jax.Array:
    """In rising order, so that of equal numbers the first is found, as `lax.top_k` does."""
    return jnp.sort(largest(tops, count)[1], axis=1)


def _position(chosen: jax.Array, at: jax.Array) -> jax.Array:
    return jnp.take_along_axis(chosen, at // BLOCK, axis=1) * BLOCK + at % BLOCK
