"""What is seen, as words before a sentence that a frozen language transformer reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.config import option
from agent.language import pretrained, sentences, weights
from agent.language.words import sentences_of
from agent.layers import dense, flatten, standard
from agent.module import Arrays, Module, State
from agent.perception.retina import TransformerLayer
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("visual_prefix")
@dataclass(frozen=True)
class VisualPrefixConfig:
    """Multimodal understanding by a frozen language transformer, Frozen (Tsimpoukelli et al. 2021).

    A trained encoder turns an image into tokens, which stand before those of the sentence, or of the `prompt` where
    none is wired. Gradient passes through the transformer to the encoder; its weights stay. `answer` is how likely it
    takes each of the candidates for the next word, log p among them; the loss `naming` is -log p of the one that
    `right` numbers, 0 where that is no candidate's number.
    """

    inputs: ClassVar = {
        "image": Input("one", rank=3),
        "sentence": Input("one", rank=0, dtype="int32", optional=True),
        "right": Input("one", rank=0, dtype="int32", optional=True),
    }
    width: int = option(64, "units of the code", low=1)
    model: str = option(pretrained.GPT2, "a causal transformer: owner/name in the Hugging Face cache, or a directory")
    tokens: int = option(2, "tokens that an image becomes", low=1)
    prompt: str = option("", "what follows the image where no sentence is wired, such as 'What colour is it? It is'")
    candidates: tuple[str, ...] = option((), "words that may be the answer, such as [red, green, blue]")
    patch: int = option(4, "rays or pixels on a side of a patch, at most those that there are", low=1)
    features: int = option(64, "features of a patch", low=1)
    heads: int = option(2, "attention heads of the encoder", low=1)
    layers: int = option(1, "transformer layers of the encoder", low=0)
    seed: int = option(0, "of weights that are not pretrained", low=0)
    pretrained: bool = option(True, "false: random weights of the frozen transformer: a control")

    def __post_init__(self) -> None:
        if self.features % self.heads:
            raise ValueError(f"features ({self.features}) must be a multiple of heads ({self.heads}).")

    def ports(self, inputs: Ports) -> Ports:
        patches(inputs["image"].shape, self.patch)
        most = self.transformer.config["n_positions"]
        ids, _ = self.text(inputs)
        if (needed := self.tokens + ids.shape[1]) > most:
            raise ValueError(f"image and sentence make {needed} tokens, but {self.model!r} takes at most {most}.")
        code = Port((self.width,))
        if not self.candidates:
            return Ports(code=code)
        _first_tokens(self.model, self.candidates)
        answer = Port((len(self.candidates),), "signal")
        return Ports(code=code, answer=answer, **({"naming": Port((), "loss")} if "right" in inputs else {}))

    @property
    def transformer(self) -> pretrained.Pretrained:
        return pretrained.causal(self.model, pretrained=self.pretrained, seed=self.seed)

    def text(self, inputs: Ports) -> tuple[np.ndarray, np.ndarray]:
        """Token ids `[S, L]` of all that may follow the image, and which of them there are."""
        return _tokens(self.model, sentences_of(inputs) if "sentence" in inputs else (self.prompt,))


class VisualPrefix(Module[VisualPrefixConfig]):
    """Outputs: `code`, of the last hidden state; with candidates `answer`, `[C]`; with `right` wired `naming`."""

    def __init__(self, config: VisualPrefixConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.frozen = config.transformer.module
        count, size = patches(inputs["image"].shape, config.patch)
        self.embed = dense(size, config.features, rngs)
        self.place = nnx.Param(0.02 * jax.random.normal(rngs.params(), (count, config.features)))
        self.layers = nnx.List([TransformerLayer(config.features, config.heads, rngs) for _ in range(config.layers)])
        self.prefix = dense(count * config.features, config.tokens * config.transformer.width, rngs, gain=1.0)
        self.readout = dense(config.transformer.width, config.width, rngs, gain=1.0)

    @property
    def digest(self) -> str:
        return self.config.transformer.digest

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        last = self.frozen.norm(self.read(inputs))
        outputs = {"code": self.readout(standard(last))}
        if self.config.candidates:
            among = self.frozen.words[...][jnp.asarray(_first_tokens(self.config.model, self.config.candidates))]
            answer = outputs["answer"] = jax.nn.log_softmax(last @ among.T)
            if "right" in inputs:
                outputs["naming"] = -(jax.nn.one_hot(inputs["right"], answer.shape[1]) * answer).sum(1)
        return state, outputs

    def read(self, inputs: Arrays) -> jax.Array:
        """What the last block makes of the last token, `[B, D]`."""
        seen = self.see(inputs["image"])
        ids, there = self.config.text(self.inputs)
        row = inputs.get("sentence", jnp.zeros(len(seen), jnp.int32))
        words, said = self.frozen.words[...][jnp.asarray(ids)[row]], jnp.asarray(there)[row]
        x = jnp.concatenate([seen, words], 1)
        there = jnp.concatenate([jnp.ones(seen.shape[:2], bool), said], 1)
        x = self.frozen.body(x + self.frozen.places[...][None, : x.shape[1]], there)[-1]
        return x[jnp.arange(len(x)), there.sum(1) - 1]

    def see(self, image: jax.Array) -> jax.Array:
        """`[B, H, W, C]` -> `[B, tokens, D]`, as large as words are."""
        x = self.embed(cut(image, self.config.patch)) + self.place[...][None]
        for layer in self.layers:
            x = layer(x)
        words = self.frozen.words[...]
        tokens = standard(self.prefix(flatten(x)).reshape(len(x), self.config.tokens, -1))
        return tokens * jnp.sqrt(jnp.square(words).mean())


def patches(shape: tuple[int, ...], patch: int) -> tuple[int, int]:
    """How many patches there are in an image `(H, W, C)`, and how many numbers in one."""
    height, width, channels = shape
    tall, wide = min(patch, height), min(patch, width)
    if height % tall or width % wide:
        raise ValueError(f"patch ({patch}) must divide the sides of the image ({height} x {width}).")
    return (height // tall) * (width // wide), tall * wide * channels


def cut(image: jax.Array, patch: int) -> jax.Array:
    """`[B, H, W, C]` -> `[B, patches, numbers]`, row by row."""
    batch, height, width, channels = image.shape
    tall, wide = min(patch, height), min(patch, width)
    x = image.reshape(batch, height // tall, tall, width // wide, wide, channels)
    return x.swapaxes(2, 3).reshape(batch, -1, tall * wide * channels)


@lru_cache(maxsize=8)
def _tokens(model: str, texts: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids `[S, L]`, and which of them there are; at least one place."""
    if not any(texts):
        return np.zeros((1, 0), np.int32), np.zeros((1, 0), bool)
    encoded = [each.ids for each in sentences.tokenizer(weights.find(model)).encode_batch(list(texts))]
    ids = np.zeros((len(texts), max(map(len, encoded))), np.int32)
    there = np.zeros(ids.shape, bool)
    for row, each in enumerate(encoded):
        ids[row, : len(each)], there[row, : len(each)] = each, True
    return ids, there


@lru_cache(maxsize=8)
def _first_tokens(model: str, candidates: tuple[str, ...]) -> np.ndarray:
    """`[C]` int32: the token with which each candidate goes on after a word; ValueError where two have the same."""
    encode = sentences.tokenizer(weights.find(model)).encode
    first = [next(iter(encode(f" {word}", add_special_tokens=False).ids), -1) for word in candidates]
    for number, token in enumerate(first):
        if token < 0 or token in first[:number]:
            raise ValueError(
                f"candidates: {candidates[number]!r} has no first token of its own in {model!r}"
                + (f"; it is that of {candidates[first.index(token)]!r}. Choose other words." if token >= 0 else ".")
            )
    return np.array(first, np.int32)
