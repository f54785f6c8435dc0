"""Weights of many inputs that seldom spike: a sum over the spikes instead of a product with mostly zeros.

What reaches a layer in a tick is the sum of the weights of the inputs that spiked, and the gradient of an input's
weights a sum over the moments at which it spiked: sums of rows, picked by the places of bits. On CPUs that is faster
than the dense product while few spike. Where many do, where a value is neither 0 nor 1, and on other devices, the
product is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np

LIST = 1024
"""Places that one list covers: 32 words of 32 bits, so that one more word says which of them are not empty."""

FEWEST = 256
"""With fewer inputs than this, or fewer moments, the dense product is as fast."""

FULL = 8
"""Where one part in so many of a list's places is taken, the dense product is as fast."""

PICKED = 16
"""Rows that are added in one go."""

BIT = np.arange(32, dtype=np.uint32)[None, :, None]

Product = Callable[[jax.Array, jax.Array], jax.Array]
Few = tuple[jax.Array, jax.Array]
"""Spikes as bits, `[T B / 32, I]` words of 32 moments each; and whether they are all there is to a train."""


def weighted(train: jax.Array, weights: jax.Array) -> jax.Array:
    """Trains `[B, T, I]` through weights `[I, N]`: `[T, B, N]`."""
    batch, ticks, inputs = train.shape
    return _product(train, weights) if min(batch * ticks, inputs) < FEWEST else _weighted(train, weights)


@jax.custom_vjp
def _weighted(train: jax.Array, weights: jax.Array) -> jax.Array:
    return _ahead(train, weights)[0]


def _ahead(train: jax.Array, weights: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array, Few]]:
    few = jax.lax.platform_dependent(train, cpu=_bits, default=_none)
    return _either(few, _by_moment, _product, train, weights), (train, weights, few)


def _back(residuals: tuple[jax.Array, jax.Array, Few], wanted: jax.Array) -> tuple[jax.Array, jax.Array]:
    train, weights, few = residuals
    change = _either(few, _by_input, _product_back, train, wanted)
    return (wanted @ weights.T).swapaxes(0, 1), change


_weighted.defvjp(_ahead, _back)


def _product(train: jax.Array, weights: jax.Array) -> jax.Array:
    """The smaller one is turned around: trains, or what weights make of them."""
    if weights.shape[1] < weights.shape[0]:
        return (train @ weights).swapaxes(0, 1)
    return train.swapaxes(0, 1) @ weights


def _product_back(train: jax.Array, wanted: jax.Array) -> jax.Array:
    if wanted.shape[2] < train.shape[2]:
        return jnp.einsum("bti,btn->in", train, wanted.swapaxes(0, 1))
    return jnp.einsum("tbi,tbn->in", train.swapaxes(0, 1), wanted)


def _either(
    few: Few, lists: Callable[[jax.Array], jax.Array], product: Product, train: jax.Array, other: jax.Array
) -> jax.Array:
    """Rows of the other, summed by lists where all are short, else through the product."""
    words, binary = few
    batch, ticks, inputs = train.shape
    places = inputs if lists is _by_moment else batch * ticks
    shape = (ticks, batch, other.shape[-1]) if lists is _by_moment else (inputs, other.shape[-1])

    words = lists(words)

    def listed(words: jax.Array, _: jax.Array, other: jax.Array) -> jax.Array:
        sums = _picked(words, other.reshape(places, -1))
        return sums[: math.prod(shape[:-1])].reshape(shape)

    def dense(_: jax.Array, train: jax.Array, other: jax.Array) -> jax.Array:
        return product(train, other)

    longest = jax.lax.population_count(words).sum(axis=1, dtype=jnp.uint32).max()
    return jax.lax.cond(binary & (longest * FULL <= min(places, LIST)), listed, dense, words, train, other)


def _bits(train: jax.Array) -> Few:
    moments = _filled(train.swapaxes(0, 1).reshape(-1, train.shape[2]), 32)
    moments = moments.reshape(-1, 32, moments.shape[1])
    bits = (moments != 0).astype(jnp.uint32) << BIT
    graded = ((moments != 0) & (moments != 1)).astype(jnp.uint32)
    zero = np.uint32(0)
    words, graded = jax.lax.reduce((bits, graded), (zero, zero), lambda a, b: (a[0] | b[0], a[1] | b[1]), (1,))
    return _filled(words, 32, axis=1), ~graded.any()


def _none(train: jax.Array) -> Few:
    batch, ticks, inputs = train.shape
    return jnp.zeros((-(-batch * ticks // 32), -(-inputs // 32) * 32), jnp.uint32), jnp.zeros((), bool)


def _by_input(words: jax.Array) -> jax.Array:
    """The moments at which each input spiked: `[Q, 32, I]` words, lists over Q stretches of LIST moments."""
    return _filled(words, 32).reshape(-1, 32, words.shape[1])


def _by_moment(words: jax.Array) -> jax.Array:
    """The inputs that spiked in each moment: `[Q, 32, T B]` words, lists over Q stretches of LIST inputs."""
    turned = _turned(jnp.moveaxis(words.reshape(words.shape[0], -1, 32), 2, 0))
    moments = jnp.transpose(turned, (2, 1, 0)).reshape(turned.shape[2], -1)
    return _filled(moments, 32).reshape(-1, 32, moments.shape[1])


def _turned(words: jax.Array) -> jax.Array:
    """`[32, ...]` words as matrices of 32 x 32 bits, transposed (Warren 2013, Hacker's Delight, fig. 7-7)."""
    shape = words.shape
    for half, mask in ((16, 0x0000FFFF), (8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        pairs = words.reshape(-1, 2, half, *shape[1:])
        low, high = pairs[:, 0], pairs[:, 1]
        moved = ((low >> half) ^ high) & np.uint32(mask)
        words = jnp.stack([low ^ (moved << half), high ^ moved], axis=1).reshape(shape)
    return words


def _picked(words: jax.Array, source: jax.Array) -> jax.Array:
    """`[L, N]`: for each list `[Q, 32, L]` the sum of the rows of the source `[<= Q LIST, N]` at its places."""
    stretches, _, lists = words.shape
    full = ((words != 0).astype(jnp.uint32) << BIT).sum(axis=1, dtype=jnp.uint32).reshape(-1)
    flat = jnp.moveaxis(words, 1, 0).reshape(32, -1)
    column = np.arange(stretches * lists, dtype=np.int32)
    offset = jnp.asarray(LIST * (column // lists))[None]
    rows = jnp.concatenate([source, jnp.zeros_like(source[:1])])

    def word(full: jax.Array) -> jax.Array:
        first = flat.at[jnp.minimum(_lowest(full), 31), column].get(mode="promise_in_bounds")
        return jnp.where(full != 0, first, 0)

    def advance(
        place: tuple[jax.Array, jax.Array], _: None
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
        """The lowest bit of the lowest word that is not empty is where a list stands."""
        full, left = place
        rest = left & (left - 1)
        later = jnp.where(rest == 0, full & (full - 1), full)
        return (later, jnp.where(rest == 0, word(later), rest)), (full, left)

    def some(carry: tuple) -> tuple:
        place, sums = carry
        place, (full, left) = jax.lax.scan(advance, place, None, PICKED)
        at = jnp.where(full != 0, offset + 32 * _lowest(full) + _lowest(left), source.shape[0])
        at = jax.lax.optimization_barrier(at)
        return place, sum((rows.at[row].get(mode="promise_in_bounds") for row in at), sums)

    start = (full, word(full)), jnp.zeros((len(column), source.shape[1]), source.dtype)
    _, sums = jax.lax.while_loop(lambda carry: (carry[0][0] != 0).any(), some, start)
    return reduce(jnp.add, sums.reshape(stretches, lists, -1))


def _lowest(words: jax.Array) -> jax.Array:
    """The place of the lowest bit; 32 where there is none."""
    return jax.lax.population_count((words & -words) - 1).astype(jnp.int32)


def _filled(x: jax.Array, multiple: int, axis: int = 0) -> jax.Array:
    """With zeros behind, up to a multiple."""
    missing = -x.shape[axis] % multiple
    return jnp.pad(x, [(0, missing if a == axis else 0) for a in range(x.ndim)]) if missing else x
