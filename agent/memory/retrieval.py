"""Episodic memory that also recalls how it went on: attention to the retrieved moments and to what followed them."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense, softmax
from agent.memory.store import NEVER, Store, StoreConfig
from agent.module import Arrays, State
from agent.ports import Ports
from agent.registry import register


@register("retrieval")
@dataclass(frozen=True)
class RetrievalConfig(StoreConfig):
    """Cross-attention to the nearest moments and to the moments written after each (after Borgeaud et al. 2022, RETRO).

    Keys find the moments; how alike each is, sharpened, counts before (Guu et al. 2020, REALM), and learned projections
    of the values, of how many writes later they were, and of the query decide what is taken from them.
    """

    read: int = option(4, "nearest moments that take part in a recall; 0: all", low=0)
    follow: int = option(2, "moments that followed each, c", low=0)
    sharpness: float = option(10.0, "how much more a more alike moment counts before", low=0.0)
    width: int = option(32, "features of the attention, all heads together", low=1)
    heads: int = option(2, "heads", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide width ({self.width}).")


class Retrieval(Store[RetrievalConfig]):
    def __init__(self, config: RetrievalConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        size = inputs["value"].shape[0]
        self.ask = dense(config.features, config.width, rngs, gain=1.0)
        self.keys = dense(size, config.width, rngs, gain=1.0, use_bias=False)
        self.values = dense(size, config.width, rngs, gain=1.0)
        self.later = nnx.Param(0.1 * jax.random.normal(rngs.params(), (config.follow + 1, config.width)))
        self.out = dense(config.width, size, rngs, gain=1.0)

    def beside(self, state: State, found: Arrays) -> Arrays:
        """The values of the moments that were written next, `[B, k, c, V]`, and whether there are such."""
        order, rows = self._order(state), jnp.arange(found["slots"].shape[0])[:, None]
        episode = state.get("episode", jnp.zeros_like(order))
        held = (state["written"] >= 0)[:, None]
        now, of = order[rows, found["slots"]], episode[rows, found["slots"]]
        there, slots = [], []
        for _ in range(self.config.follow):
            after = held & (order[:, None] > now[:, :, None]) & (episode[:, None] == of[:, :, None])
            times = jnp.where(after, order[:, None], NEVER)
            slots.append(times.argmin(axis=2))
            now = times.min(axis=2)
            there.append(now < NEVER)
        if not slots:
            return {}
        at = jnp.stack(slots, axis=2)
        followed = jnp.stack(there, axis=2) & (found["written"] >= 0)[:, :, None]
        return {"next": state["values"][rows[:, :, None], at], "followed": followed}

    def weigh(self, query: jax.Array, found: Arrays, likeness: jax.Array) -> jax.Array:
        return softmax(self.config.sharpness * likeness, found["written"] >= 0)

    def combine(self, query: jax.Array, found: Arrays, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        values, there = found["values"][:, :, None], (weights > 0)[:, :, None]
        if self.config.follow:
            values = jnp.concatenate([values, found["next"]], axis=2)
            there = jnp.concatenate([there, found["followed"]], axis=2)
        batch, count, steps, _ = values.shape
        heads = (batch, count * steps, self.config.heads, -1)
        asked = self.ask(query).reshape(batch, self.config.heads, -1)
        keys = (self.keys(values) + self.later[...][None, None]).reshape(heads)
        before = jnp.repeat(jnp.log(jnp.maximum(weights, 1e-30)), steps, axis=1)[:, None]
        scores = jnp.einsum("bhd,bnhd->bhn", asked, keys) / asked.shape[-1] ** 0.5 + before
        mask = there.reshape(batch, 1, -1)
        attention = softmax(scores, mask)
        mixed = jnp.einsum("bhn,bnhd->bhd", attention, self.values(values).reshape(heads)).reshape(batch, -1)
        recall = self.out(mixed) * mask.any(axis=(1, 2))[:, None]
        return recall, attention.mean(axis=1).reshape(batch, count, steps).sum(axis=2)
