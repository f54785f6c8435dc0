"""Episodic memory as a differentiable dictionary: near-identical moments share an entry."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from agent.config import option
from agent.memory.store import Store, StoreConfig
from agent.module import Arrays, State
from agent.registry import register


@register("dnd")
@dataclass(frozen=True)
class DndConfig(StoreConfig):
    """A differentiable neural dictionary (Pritzel et al. 2017, eqs. 1 to 5), over keys of length 1 that are learned.

    Read: w_k = 1 / (|q - key_k|² + δ) over the nearest, made to add up to 1. A write to a key nearer than `same` moves
    its value: v ← v + α (value - v), and dates it anew; any other is kept as it is.
    """

    read: int = option(8, "nearest moments that take part in a recall; 0: all", low=0)
    delta: float = option(1e-3, "δ of the kernel", low=1e-9)
    alpha: float = option(0.5, "α, how far a value moves towards a later one of the same key", low=0.0, high=1.0)
    same: float = option(1e-3, "squared distance below which two keys are one", low=0.0)


class Dnd(Store[DndConfig]):
    def likeness(self, query: jax.Array, keys: jax.Array) -> jax.Array:
        """1 - d²/2: the cosine, for keys of length 1."""
        return 1.0 - 0.5 * jnp.square(query[:, None] - keys).sum(axis=2)

    def weigh(self, query: jax.Array, found: Arrays, likeness: jax.Array) -> jax.Array:
        kernel = 1.0 / (2.0 * (1.0 - likeness) + self.config.delta)
        kernel = jnp.where(found["written"] >= 0, kernel, 0.0)
        total = kernel.sum(axis=1, keepdims=True)
        return kernel / jnp.where(total > 0, total, 1.0)

    def settle(self, state: State, moment: Arrays, slot: jax.Array) -> tuple[Arrays, jax.Array]:
        likeness = jnp.where(state["written"] >= 0, self.likeness(moment["keys"], state["keys"]), -1.0)
        near = likeness.argmax(axis=1)
        same = 2.0 * (1.0 - likeness.max(axis=1)) < self.config.same
        rows = jnp.arange(near.shape[0])
        key, value = state["keys"][rows, near], state["values"][rows, near]
        moved = value + self.config.alpha * (moment["values"] - value)
        kept = {"keys": jnp.where(same[:, None], key, moment["keys"])}
        kept["values"] = jnp.where(same[:, None], moved, moment["values"])
        return moment | kept, jnp.where(same, near, slot)
