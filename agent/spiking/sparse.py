"""Sparse connections between many neurons, and propagation that costs by the spike and not by the synapse.

Neurons stand in a grid of `COLUMNS` columns. A tick finds the columns in which some neuron fired, then the neuron in
the column, and adds its row of weights to what arrives at its targets: two short searches per spike, within one
compiled program. (`jnp.nonzero` with a padded scatter-add takes eight times as long.)
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

COLUMNS = 128


class Fan(NamedTuple):
    """The synapses of N neurons, sorted by sender.

    targets: `[N, K]` places that a spike reaches, different ones, sorted; unused ones lie behind all neurons.
    weights: `[N]`, of all synapses of a sender, or `[N, K]`. ticks: `[N]` or a number, delay of its axon, from 1.
    channel: `[N]` or a number, which of the receivers' inputs it reaches.
    """

    targets: jax.Array | np.ndarray
    weights: jax.Array | np.ndarray
    ticks: jax.Array | np.ndarray | int = 1
    channel: jax.Array | np.ndarray | int = 0

    @property
    def size(self) -> int:
        return self.targets.shape[0]

    @property
    def width(self) -> int:
        """Places per channel: the grid, and room for unused targets."""
        return padded(self.size) + self.targets.shape[1]


def padded(size: int) -> int:
    """Places of the grid; those behind the last neuron stay silent."""
    return -(-size // COLUMNS) * COLUMNS


def grid(x: jax.Array | np.ndarray, fill: float = 0.0) -> jax.Array:
    """`[N]` -> `[rows, COLUMNS]`."""
    size = x.shape[0]
    return jnp.pad(x, (0, padded(size) - size), constant_values=fill).reshape(-1, COLUMNS)


def ungrid(x: jax.Array, size: int) -> jax.Array:
    """`[rows, COLUMNS]` -> `[N]`."""
    return x.reshape(-1)[:size]


class Axons(NamedTuple):
    """What is under way: `arriving`, flat, of shape `[longest delay, channels, width]`, of which row `now` is due."""

    arriving: jax.Array
    now: jax.Array


def silent(fan: Fan, channels: int, longest: int) -> Axons:
    """Nothing under way; `longest` is the largest delay, ticks."""
    return Axons(jnp.zeros(longest * channels * fan.width), jnp.zeros((), jnp.int32))


def due(axons: Axons, fan: Fan, channels: int) -> tuple[Axons, jax.Array]:
    """Takes what arrives now, `[channels, rows, COLUMNS]`."""
    row = channels * fan.width
    arrived = jax.lax.dynamic_slice(axons.arriving, (axons.now * row,), (row,))
    left = jax.lax.dynamic_update_slice(axons.arriving, jnp.zeros(row), (axons.now * row,))
    places = arrived.reshape(channels, fan.width)[:, : padded(fan.size)]
    return Axons(left, axons.now), places.reshape(channels, -1, COLUMNS)


def sent(axons: Axons, fan: Fan, spikes: jax.Array, channels: int) -> Axons:
    """The axons a tick later, with the spikes `[rows, COLUMNS]` (bool) of this one under way."""
    rows, width = spikes.shape[0], fan.width
    longest = axons.arriving.shape[0] // (channels * width)
    targets, weights = jnp.asarray(fan.targets), jnp.asarray(fan.weights)
    ticks, channel = jnp.asarray(fan.ticks, jnp.int32), jnp.asarray(fan.channel, jnp.int32)

    def pending(carry: tuple[jax.Array, ...]) -> jax.Array:
        return carry[1].any()

    def send(carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        spikes, columns, arriving = carry
        column = jnp.argmax(columns)
        fired = jax.lax.dynamic_slice(spikes, (0, column), (rows, 1))[:, 0]
        row = jnp.argmax(fired)
        spikes = jax.lax.dynamic_update_slice(spikes, jnp.zeros((1, 1), bool), (row, column))
        columns = jax.lax.dynamic_update_slice(columns, (fired.sum() > 1)[None], (column,))
        sender = row * COLUMNS + column
        delivery = (axons.now + _of(ticks, sender)) % longest
        places = targets[sender] + (delivery * channels + _of(channel, sender)) * width
        arriving = arriving.at[places].add(
            weights[sender], mode="promise_in_bounds", unique_indices=True, indices_are_sorted=True
        )
        return spikes, columns, arriving

    _, _, arriving = jax.lax.while_loop(pending, send, (spikes, spikes.any(axis=0), axons.arriving))
    return Axons(arriving, (axons.now + 1) % longest)


def _of(values: jax.Array, sender: jax.Array) -> jax.Array:
    """A sender's own, or what is the same for all."""
    return values[sender] if values.ndim else values


@lru_cache(maxsize=4)
def connect(size: int, excitatory: int, probability: float, seed: int = 0) -> np.ndarray:
    """Targets `[N, K]`: every neuron receives from as many excitatory and inhibitory ones, the part `probability` of
    each, drawn at random, as in Brunel (2000). The first `excitatory` neurons are those.
    """
    random = np.random.default_rng(seed)
    parts = [(0, excitatory), (excitatory, size)]
    counts = [round(probability * (high - low)) for low, high in parts]
    senders = np.empty((size, sum(counts)), np.int32)
    for target in range(size):
        drawn = [
            low + random.choice(high - low, n, replace=False, shuffle=False)
            for (low, high), n in zip(parts, counts, strict=True)
        ]
        senders[target] = np.concatenate(drawn)
    return by_sender(senders.ravel(), np.repeat(np.arange(size, dtype=np.int32), senders.shape[1]), size)


def by_sender(senders: np.ndarray, targets: np.ndarray, size: int) -> np.ndarray:
    """Pairs, one per synapse, as `[N, K]` targets, K being the most that a sender has."""
    order = np.lexsort((targets, senders))
    senders, targets = senders[order], targets[order]
    count = np.bincount(senders, minlength=size)
    most = max(int(count.max(initial=0)), 1)
    table = np.broadcast_to(padded(size) + np.arange(most, dtype=np.int32), (size, most)).copy()
    place = np.arange(len(senders)) - np.repeat(np.cumsum(count) - count, count)
    table[senders, place] = targets
    return table
