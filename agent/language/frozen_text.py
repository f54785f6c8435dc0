"""A sentence as a frozen pretrained transformer reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.config import option
from agent.language import pretrained, sentences
from agent.language.words import SENTENCE, sentences_of, split
from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.ports import Port, Ports
from agent.registry import register

_MANY = 64
"""Sentences per environment from which on it is less work to read out those alone that hold."""

_LEAST = 1e-4
"""Of the largest variance: what is added to all of them before they are levelled."""


@register("frozen_text")
@dataclass(frozen=True)
class FrozenTextConfig:
    """The pooled embedding of a sentence (Reimers & Gurevych 2019) through a trained projection.

    All sentences are embedded once, before the first decision; a decision looks its own one up. What they vary in most
    is often how they are put, and not what is meant: `whiten` them by all that the task may say (Su et al. 2021).
    With `noise` what is learned of a sentence holds for those that are like it, as with a ridge penalty (Bishop 1995).
    """

    inputs: ClassVar = SENTENCE
    width: int = option(64, "units of the code", low=1)
    model: str = option("minilm", "the transformer: a name of `scrubjay weights list`, or a directory")
    whiten: float = option(
        0.0, "how far directions in which sentences vary much are levelled, 1: wholly", low=0.0, high=1.0
    )
    noise: float = option(
        0.0, "deviation of what is added to an embedding at every decision; its own numbers have 1", low=0.0
    )
    opening: bool = option(True, "keep what sentences that begin with the same word share")
    shuffled: bool = option(False, "give every sentence the embedding of another one: a control")

    def ports(self, inputs: Ports) -> Ports:
        embeddings(self, sentences_of(inputs))  # here, before any program is traced
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
        return embeddings(self.config, self.sentences)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        table, row = jnp.asarray(self._table), inputs["sentence"]
        if len(table) > _MANY * len(row):
            code = self.readout(table[row])
        else:
            code = self.readout(table)[row]  # the same in every decision: XLA takes it out of the loop
        return state, {"code": code + self._blur(key) if self.config.noise else code}

    def _blur(self, key: jax.Array) -> jax.Array:
        """`[B, width]`: as ε W of white noise ε in the embedding; drawn as z L, Lᵀ L = Wᵀ W, with random signs z."""
        weights = self.readout.kernel[...]
        along = jnp.linalg.cholesky(weights.T @ weights + 1e-6 * jnp.eye(weights.shape[1]), upper=True)
        return self.config.noise * signs(key, along.shape[0]) @ along


def signs(key: jax.Array, count: int) -> jax.Array:
    """`[B, count]` of 1 and -1, each as likely; a word of random bits gives 32 of them. key: `[B]`."""
    words = jax.vmap(lambda k: jax.random.bits(k, (-(-count // 32),)))(key)
    bits = (words[:, :, None] >> jnp.arange(32, dtype=words.dtype)[None, None]) & 1
    return 2.0 * bits.reshape(words.shape[0], -1)[:, :count].astype(jnp.float32) - 1.0


@lru_cache(maxsize=8)
def embeddings(config: FrozenTextConfig, known: tuple[str, ...]) -> np.ndarray:
    """`[S, D]` float32, a row for each sentence of the task."""
    table = embedded(config, known, known)
    return table[np.random.default_rng(0).permutation(len(table))] if config.shuffled else table


def embedded(config: FrozenTextConfig, known: tuple[str, ...], texts: Sequence[str]) -> np.ndarray:
    """`[N, D]` float32, any sentences, centred and levelled as the `known` ones; every row has a mean square of 1."""
    with jax.ensure_compile_time_eval():
        rows = sentences.embed(config.model, texts)
    means, levels = _statistics(config, known)
    rows = rows - np.stack([means.get(_group(config, text), means[""]) for text in texts])
    rows = rows if levels is None else rows @ levels
    return rows / np.sqrt(np.square(rows).mean(1, keepdims=True))


@lru_cache(maxsize=8)
def _statistics(config: FrozenTextConfig, known: tuple[str, ...]) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Means of the known sentences, of all of them under "", and what levels their variances, `[D, D]`."""
    with jax.ensure_compile_time_eval():
        table = sentences.embed(config.model, known)
    groups = np.array([_group(config, text) for text in known])
    shared = [group for group, count in zip(*np.unique(groups, return_counts=True), strict=True) if count > 1]
    means = {str(group): table[groups == group].mean(0) for group in shared} | {"": table.mean(0)}
    if not config.whiten:
        return means, None
    return means, levelling(table - np.stack([means.get(group, means[""]) for group in groups]), config.whiten)


def _group(config: FrozenTextConfig, text: str) -> str:
    return "" if config.opening else next(iter(split(text)), "")


def levelling(table: np.ndarray, power: float) -> np.ndarray:
    """C^(-power/2) `[D, D]` float32 for the covariance C of centred rows; the least variances are taken for more."""
    variances, axes = np.linalg.eigh(table.T.astype(np.float64) @ table / len(table))
    variances = np.maximum(variances, 0) + _LEAST * variances.max()
    return (axes * variances ** (-power / 2) @ axes.T).astype(np.float32)
