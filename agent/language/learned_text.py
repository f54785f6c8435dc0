"""A sentence encoder that starts knowing no word: what `frozen_text` is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.config import option
from agent.language.words import SENTENCE, sentences_of, split
from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.perception.retina import TransformerLayer
from agent.ports import Port, Ports
from agent.registry import register


@register("learned_text")
@dataclass(frozen=True)
class LearnedTextConfig:
    """Embeddings of words and places, transformer layers and a mean over the words (Vaswani et al. 2017), learned."""

    inputs: ClassVar = SENTENCE
    width: int = option(64, "units of the code", low=1)
    features: int = option(64, "features of a word", low=1)
    heads: int = option(2, "attention heads", low=1)
    layers: int = option(1, "transformer layers", low=0)

    def __post_init__(self) -> None:
        if self.features % self.heads:
            raise ValueError(f"features ({self.features}) must be a multiple of heads ({self.heads}).")

    def ports(self, inputs: Ports) -> Ports:
        sentences_of(inputs)
        return Ports(code=Port((self.width,)))


class LearnedText(Module[LearnedTextConfig]):
    def __init__(self, config: LearnedTextConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.sentences = sentences_of(inputs)
        ids = word_ids(self.sentences)
        draw = lambda number: nnx.Param(jax.random.normal(rngs.params(), (number, config.features)))  # noqa: E731
        self.words, self.places = draw(int(ids.max()) + 1), draw(ids.shape[1])
        self.layers = nnx.List([TransformerLayer(config.features, config.heads, rngs) for _ in range(config.layers)])
        self.readout = dense(config.features, config.width, rngs, gain=1.0)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        ids = jnp.asarray(word_ids(self.sentences))[inputs["sentence"]]  # [B, L]
        said = (ids > 0)[..., None]
        x = jnp.where(said, self.words[...][ids] + 0.1 * self.places[...][None], 0.0)
        for layer in self.layers:
            x = jnp.where(said, layer(x), 0.0)
        return state, {"code": self.readout(x.sum(1) / jnp.maximum(said.sum(1), 1))}


@lru_cache(maxsize=8)
def word_ids(sentences: tuple[str, ...]) -> np.ndarray:
    """`[S, L]` int32: the words of every sentence as places in the sorted vocabulary, from 1; 0 after the last one."""
    spoken = [split(sentence) for sentence in sentences]
    vocabulary = sorted({word for words in spoken for word in words})
    ids = {word: number for number, word in enumerate(vocabulary, start=1)}
    longest = max(map(len, spoken))
    return np.array([[ids[word] for word in words] + [0] * (longest - len(words)) for words in spoken], np.int32)
