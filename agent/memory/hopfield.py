"""Episodic memory as an associative network: the query falls into the pattern that it is nearest to."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from agent.config import option
from agent.layers import softmax
from agent.memory.store import Store, StoreConfig
from agent.module import Arrays
from agent.registry import register


@register("hopfield")
@dataclass(frozen=True)
class HopfieldConfig(StoreConfig):
    """A modern Hopfield network over what was lived (Ramsauer et al. 2021, eq. 3).

    Read: ξ ← Σ softmax(β ξ key_k) key_k, some times; recall = Σ softmax(β ξ key_k) value_k. Always recalls something
    once there is something.
    """

    sharpness: float = option(8.0, "inverse temperature β", low=0.0)
    iterations: int = option(1, "updates, the last of which reads the values", low=1)


class Hopfield(Store[HopfieldConfig]):
    def weigh(self, query: jax.Array, found: Arrays, likeness: jax.Array) -> jax.Array:
        there, pattern = found["written"] >= 0, query
        weights = self._softmax(pattern, found["keys"], there)
        for _ in range(self.config.iterations - 1):
            pattern = jnp.einsum("bk,bkd->bd", weights, found["keys"])
            weights = self._softmax(pattern, found["keys"], there)
        return weights

    def _softmax(self, pattern: jax.Array, keys: jax.Array, there: jax.Array) -> jax.Array:
        scores = self.config.sharpness * jnp.einsum("bd,bkd->bk", pattern, keys)
        return softmax(scores, there)
