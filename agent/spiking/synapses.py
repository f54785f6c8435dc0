"""How spikes and drives become currents: filters of synapses, axons with delays, Dale's law."""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Synapse = Literal["delta", "current", "conductance"]


class Gates(NamedTuple):
    """How open the channels of excitation and of inhibition are, both `[B, N]` and not negative."""

    excitation: jax.Array
    inhibition: jax.Array

    def after(self, arriving: Gates, decay: tuple[float, float]) -> Gates:
        """After one tick: g ← κ g + (1 - κ) x, so that a constant x comes to be passed on as it is."""
        return Gates(*(k * g + (1.0 - k) * x for k, g, x in zip(decay, self, arriving, strict=True)))

    def current(self) -> jax.Array:
        """What flows through channels that do not care about the membrane."""
        return self.excitation - self.inhibition

    def current_at(self, v: jax.Array, rest: float, reversals: tuple[float, float]) -> jax.Array:
        """What flows through conductances, Σ g (E - v) / |E - rest|: as much as above where the membrane rests."""
        excitation, inhibition = ((e - v) / abs(e - rest) for e in reversals)
        return self.excitation * excitation + self.inhibition * inhibition


def split(drive: jax.Array) -> Gates:
    """A drive of both signs as excitation and inhibition."""
    return Gates(jax.nn.relu(drive), jax.nn.relu(-drive))


def signs(neurons: int, inhibitory: float) -> np.ndarray:
    """+1 for excitatory, -g for inhibitory neurons, `[N]`: the last ones; g balances their smaller number."""
    few = round(neurons * inhibitory)
    balance = (neurons - few) / few if few else 1.0
    return np.concatenate([np.ones(neurons - few), np.full(few, -balance)]).astype(np.float32)


def delays(neurons: int, longest: int) -> np.ndarray:
    """Ticks that the axon of every neuron takes, `[N]`: spread evenly from 1 to the longest, in a fixed mixed order."""
    return np.random.default_rng(0).permutation(np.arange(neurons) % max(longest, 1)) + 1


def arrived(sent: jax.Array, ticks: np.ndarray) -> jax.Array:
    """What comes out of axons now, `[B, N]`; `sent` is `[B, longest, N]`, the newest first."""
    return sent[:, 0] if sent.shape[1] == 1 else sent[:, ticks - 1, np.arange(len(ticks))]


def shifted(sent: jax.Array, spikes: jax.Array) -> jax.Array:
    """The axons one tick later."""
    return jnp.concatenate([spikes[:, None], sent[:, :-1]], axis=1)


def at_ticks(train: jax.Array, ticks: int) -> jax.Array:
    """A train `[B, T, N]` on another number of ticks per decision, every spike in the tick in which it falls."""
    given = train.shape[1]
    if given == ticks:
        return train
    place = np.arange(given) * ticks // given
    return jnp.einsum("bgn,gt->btn", train, (place[:, None] == np.arange(ticks)).astype(np.float32))
