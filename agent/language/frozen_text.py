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
from agent.language import sentences
from agent.language.words import SENTENCE, sentences_of
from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.ports import Port, Ports
from agent.registry import register

_LEAST = 1e-4
"""Of the largest variance: what is added to all of them before they are levelled."""


@register("frozen_text")
@dataclass(frozen=True)
class FrozenTextConfig:
    """The pooled embedding of a sentence (Reimers & Gurevych 2019) through a trained projection.

    All sentences are embedded once, before the first decision; a decision looks its own one up. What they vary in most
    is often how they are put, and not what is meant: `whiten` them by all that the task may say (Su et al. 2021).
    """

    inputs: ClassVar = SENTENCE
    width: int = option(64, "units of the code", low=1)
    model: str = option("minilm", "the transformer: a name of `scrubjay weights list`, or a directory")
    whiten: float = option(
        0.0, "how far directions in which sentences vary much are levelled, 1: wholly", low=0.0, high=1.0
    )
    shuffled: bool = option(False, "give every sentence the embedding of another one: a control")

    def ports(self, inputs: Ports) -> Ports:
        embeddings(self.model, sentences_of(inputs), self.shuffled, self.whiten)  # here, before any program is traced
        return Ports(code=Port((self.width,)))


class FrozenText(Module[FrozenTextConfig]):
    def __init__(self, config: FrozenTextConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.sentences = sentences_of(inputs)
        self.readout = dense(self._table.shape[1], config.width, rngs, gain=1.0)

    @property
    def _table(self) -> np.ndarray:
        return embeddings(self.config.model, self.sentences, self.config.shuffled, self.config.whiten)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        return state, {"code": self.readout(jnp.asarray(self._table)[inputs["sentence"]])}


@lru_cache(maxsize=8)
def embeddings(model: str, texts: tuple[str, ...], shuffled: bool = False, whiten: float = 0.0) -> np.ndarray:
    """`[S, D]` float32, centred and of mean square 1 in every row: what all sentences share says nothing."""
    with jax.ensure_compile_time_eval():
        table = sentences.embed(model, texts)
    table = whitened(table - table.mean(0, keepdims=True), whiten)
    table = table / np.sqrt(np.square(table).mean(1, keepdims=True))
    return table[np.random.default_rng(0).permutation(len(table))] if shuffled else table


def whitened(table: np.ndarray, power: float) -> np.ndarray:
    """x C^(-power/2) for the covariance C of the rows, `[S, D]`; its smallest variances are taken for a little more."""
    if not power:
        return table
    variances, axes = np.linalg.eigh(table.T.astype(np.float64) @ table / len(table))
    variances = np.maximum(variances, 0) + _LEAST * variances.max()
    return ((table @ axes) * variances ** (-power / 2) @ axes.T).astype(np.float32)
