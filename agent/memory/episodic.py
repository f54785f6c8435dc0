"""Episodic memory: moments written once, read back exactly by likeness."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from agent.config import option
from agent.memory.store import Store, StoreConfig
from agent.module import Arrays
from agent.registry import register


@register("episodic_memory")
@dataclass(frozen=True)
class EpisodicMemoryConfig(StoreConfig):
    """A key-value store with one-shot writes and an exact read (after Pritzel et al. 2017; Ritter et al. 2018).

    Read: s_k = cos(q, key_k); w = softmax(β s) over the moments with s_k > threshold; recall = Σ w_k value_k, and zero
    if no moment is like enough.
    """

    threshold: float = option(0.5, "smallest cosine between query and key that recalls", low=-1.0, high=1.0)
    sharpness: float = option(10.0, "inverse temperature β of the read", low=0.0)


class EpisodicMemory(Store[EpisodicMemoryConfig]):
    def weigh(self, query: jax.Array, found: Arrays, likeness: jax.Array) -> jax.Array:
        eligible = (found["written"] >= 0) & ((likeness > self.config.threshold) | (self.config.threshold <= -1.0))
        excited = jnp.where(eligible, jnp.exp(self.config.sharpness * (likeness - 1.0)), 0.0)
        total = excited.sum(axis=1, keepdims=True)
        return excited / jnp.where(total > 0, total, 1.0)
