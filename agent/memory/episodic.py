"""Episodic memory: moments written once, read back exactly by likeness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("episodic_memory")
@dataclass(frozen=True)
class EpisodicMemoryConfig:
    """A key-value store with one-shot writes and a dense, exact read (after Pritzel et al. 2017; Ritter et al. 2018).

    Read: s_k = cos(q, key_k); w = softmax(β s) over the slots with s_k > threshold; recall = Σ w_k value_k, and zero
    if no slot is like enough. A moment is read before it is written, so it never recalls itself. The oldest slot is
    written over first.
    """

    inputs: ClassVar = {"key": Input("concat", rank=1), "value": Input("concat", rank=1)}
    slots: int = option(64, "moments that can be held, K", low=1)
    features: int = option(16, "length of a key", low=1)
    every: int = option(4, "decisions from one write to the next", low=1)
    threshold: float = option(0.5, "smallest cosine between query and key that recalls", low=-1.0, high=1.0)
    sharpness: float = option(10.0, "inverse temperature β of the read", low=0.0)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(
            recall=inputs["value"],
            match=Port((1,), "signal"),
            weights=Port((self.slots,), "signal"),
            written=Port((self.slots,), "index", "int32"),
        )


class EpisodicMemory(Module[EpisodicMemoryConfig]):
    """Outputs: `recall`; `match`, the best cosine; `weights` of all slots; `written`, the decision each holds, or -1.

    What is written counts as data: gradient reaches the query, not the writers.
    """

    def __init__(self, config: EpisodicMemoryConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.project = dense(inputs["key"].shape[0], config.features, rngs)

    def initial(self, batch: int) -> State:
        slots = (batch, self.config.slots)
        return {
            "keys": jnp.zeros((*slots, self.config.features)),
            "values": jnp.zeros((*slots, *self.inputs["value"].shape)),
            "written": jnp.full(slots, -1, jnp.int32),
            "now": jnp.zeros((batch,), jnp.int32),
        }

    def reset(self, state: State, first: jax.Array) -> State:
        """Forgets by marking every slot as empty, which costs less than clearing the store."""
        return {
            **state,
            "written": jnp.where(first[:, None], -1, state["written"]),
            "now": jnp.where(first, 0, state["now"]),
        }

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        query = self.project(inputs["key"])
        query = query * jax.lax.rsqrt(jnp.square(query).sum(axis=1, keepdims=True) + 1e-6)
        likeness, weights = self._match(query, state)
        recall = jnp.einsum("bk,bkd->bd", weights, state["values"])
        match = jnp.maximum(likeness.max(axis=1, keepdims=True), 0.0)
        outputs = {"recall": recall, "match": match, "weights": weights, "written": state["written"]}
        return self._write(state, query, inputs["value"]), outputs

    def _match(self, query: jax.Array, state: State) -> tuple[jax.Array, jax.Array]:
        """Cosines `[B, K]` (-1 for empty slots) and read weights `[B, K]`, which add up to 1 or are all 0."""
        cosine = jnp.einsum("bd,bkd->bk", query, state["keys"])
        likeness = jnp.where(state["written"] >= 0, cosine, -1.0)
        eligible = likeness > self.config.threshold
        excited = jnp.where(eligible, jnp.exp(self.config.sharpness * (likeness - 1.0)), 0.0)
        total = excited.sum(axis=1, keepdims=True)
        return likeness, excited / jnp.where(total > 0, total, 1.0)

    def _write(self, state: State, query: jax.Array, value: jax.Array) -> State:
        """An unconditional indexed write; between writes the index lies outside the store and drops it."""
        now = state["now"]
        slot = jnp.where(
            now % self.config.every == 0, (now // self.config.every) % self.config.slots, self.config.slots
        )
        at = (jnp.arange(now.shape[0]), slot)
        keys, values = jax.lax.stop_gradient((query, value))
        return {
            "keys": state["keys"].at[at].set(keys, mode="drop"),
            "values": state["values"].at[at].set(values, mode="drop"),
            "written": state["written"].at[at].set(now, mode="drop"),
            "now": now + 1,
        }
