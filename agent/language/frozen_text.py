"""A sentence as a frozen pretrained transformer reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.config import option
from agent.language import pretrained, sentences
from agent.language.words import SENTENCE, sentences_of
from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.ports import Port, Ports
from agent.registry import register

_MANY = 8
"""Sentences per environment from which on it is less work to read out those alone that hold."""


@register("frozen_text")
@dataclass(frozen=True)
class FrozenTextConfig:
    """The pooled embedding of a sentence (Reimers & Gurevych 2019) through a trained projection.

    All sentences are embedded once, before the first decision; a decision looks its own one up.
    """

    inputs: ClassVar = SENTENCE
    width: int = option(64, "units of the code", low=1)
    model: str = option("minilm", "the transformer: a name of `scrubjay weights list`, or a directory")
    shuffled: bool = option(False, "give every sentence the embedding of another one: a control")

    def ports(self, inputs: Ports) -> Ports:
        embeddings(self.model, sentences_of(inputs), self.shuffled)  # here, before any program is traced
        return Ports(code=Port((self.width,)))


class FrozenText(Module[FrozenTextConfig]):
    def __init__(self, config: FrozenTextConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.sentences = sentences_of(inputs)
        self.readout = dense(self._table.shape[1], config.width, rngs, gain=1.0)

    @property
    def digest(self) -> str:
        return pretrained.load(self.config.model).digest

    @property
    def _table(self) -> np.ndarray:
        return embeddings(self.config.model, self.sentences, self.config.shuffled)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        table, row = jnp.asarray(self._table), inputs["sentence"]
        if len(table) > _MANY * len(row):
            return state, {"code": self.readout(table[row])}
        return state, {"code": self.readout(table)[row]}  # the same in every decision: XLA takes it out of the loop


@lru_cache(maxsize=8)
def embeddings(model: str, texts: tuple[str, ...], shuffled: bool = False) -> np.ndarray:
    """`[S, D]` float32, centred and of mean square 1 in every row: what all sentences share says nothing."""
    with jax.ensure_compile_time_eval():
        table = sentences.embed(model, texts)
    table = table - table.mean(0, keepdims=True)
    table = table / np.sqrt(np.square(table).mean(1, keepdims=True))
    return table[np.random.default_rng(0).permutation(len(table))] if shuffled else table
