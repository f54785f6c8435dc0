"""The families of pretrained transformers: what each adds to the common core, around `Transformer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from agent.language.transformer import Shape, Transformer


class Read(NamedTuple):
    """What a pretrained transformer makes of its input."""

    hidden: list[jax.Array]  # [B, L, D] each: the embedded tokens, then every block
    last: jax.Array  # [B, L, D], after the final layer norm where the family has one
    output: jax.Array  # the family's own: pooled [B, D], logits [B, L, words], or an embedding [B, E]


def _norm(width: int, eps: float, rngs: nnx.Rngs) -> nnx.LayerNorm:
    return nnx.LayerNorm(width, epsilon=eps, use_fast_variance=False, rngs=rngs)


def _table(rows: int, width: int, rngs: nnx.Rngs) -> nnx.Param[jax.Array]:
    return nnx.Param(0.02 * jax.random.normal(rngs.params(), (rows, width)))


class Bert(nnx.Module):
    """BERT (Devlin et al. 2019), and with it MiniLM (Wang et al. 2020). Output: the pooled first token, `[B, D]`."""

    def __init__(self, config: Mapping[str, Any], rngs: nnx.Rngs) -> None:
        width = config["hidden_size"]
        shape = Shape(
            width,
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["intermediate_size"],
            config.get("hidden_act", "gelu"),
            config.get("layer_norm_eps", 1e-12),
            norm_first=False,
        )
        self.words = _table(config["vocab_size"], width, rngs)
        self.places = _table(config["max_position_embeddings"], width, rngs)
        self.types = _table(config["type_vocab_size"], width, rngs)
        self.norm, self.body = _norm(width, shape.eps, rngs), Transformer(shape, rngs)
        self.pooler = nnx.Linear(width, width, rngs=rngs)

    def embed(self, ids: jax.Array) -> jax.Array:
        """`[B, L]` token ids -> `[B, L, D]`."""
        return self.norm(self.words[...][ids] + self.places[...][None, : ids.shape[1]] + self.types[...][None, :1])

    def __call__(self, ids: jax.Array, there: jax.Array | None = None) -> Read:
        hidden = self.body(self.embed(ids), there)
        return Read(hidden, hidden[-1], jnp.tanh(self.pooler(hidden[-1][:, 0])))


class Gpt2(nnx.Module):
    """GPT-2 (Radford et al. 2019). Output: logits of the next token, `[B, L, words]`, by the words' embeddings."""

    def __init__(self, config: Mapping[str, Any], rngs: nnx.Rngs) -> None:
        width = config["n_embd"]
        shape = Shape(
            width,
            config["n_layer"],
            config["n_head"],
            config.get("n_inner") or 4 * width,
            config.get("activation_function", "gelu_new"),
            config.get("layer_norm_epsilon", 1e-5),
            causal=True,
        )
        self.words, self.places = _table(config["vocab_size"], width, rngs), _table(config["n_positions"], width, rngs)
        self.body, self.norm = Transformer(shape, rngs), _norm(width, shape.eps, rngs)

    def embed(self, ids: jax.Array) -> jax.Array:
        """`[B, L]` token ids -> `[B, L, D]`."""
        return self.words[...][ids] + self.places[...][None, : ids.shape[1]]

    def __call__(self, ids: jax.Array, there: jax.Array | None = None) -> Read:
        hidden = self.body(self.embed(ids), there)
        last = self.norm(hidden[-1])
        return Read(hidden, last, last @ self.words[...].T)


def _patches(pixels: jax.Array, size: int) -> jax.Array:
    """`[B, 3, H, W]` -> `[B, patches, 3 * size * size]`, row by row."""
    batch, channels, height, width = pixels.shape
    cut = pixels.reshape(batch, channels, height // size, size, width // size, size)
    return cut.transpose(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * size * size)


class Vit(nnx.Module):
    """ViT (Dosovitskiy et al. 2021): pixels `[B, 3, H, W]`. Output: the class token after the last norm, `[B, D]`."""

    def __init__(self, config: Mapping[str, Any], rngs: nnx.Rngs) -> None:
        width, self.patch = config["hidden_size"], config["patch_size"]
        shape = Shape(
            width,
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["intermediate_size"],
            config.get("hidden_act", "gelu"),
            config.get("layer_norm_eps", 1e-12),
        )
        count = (config["image_size"] // self.patch) ** 2
        self.first, self.places = _table(1, width, rngs), _table(count + 1, width, rngs)
        self.patches = nnx.Linear(config.get("num_channels", 3) * self.patch**2, width, rngs=rngs)
        self.body, self.norm = Transformer(shape, rngs), _norm(width, shape.eps, rngs)

    def __call__(self, pixels: jax.Array) -> Read:
        seen = self.patches(_patches(pixels, self.patch))
        first = jnp.broadcast_to(self.first[...][None], (len(seen), 1, seen.shape[2]))
        hidden = self.body(jnp.concatenate([first, seen], 1) + self.places[...][None])
        last = self.norm(hidden[-1])
        return Read(hidden, last, last[:, 0])


def _clip_shape(config: Mapping[str, Any], causal: bool) -> Shape:
    return Shape(
        config["hidden_size"],
        config["num_hidden_layers"],
        config["num_attention_heads"],
        config["intermediate_size"],
        config.get("hidden_act", "quick_gelu"),
        config.get("layer_norm_eps", 1e-5),
        causal=causal,
    )


class ClipText(nnx.Module):
    """CLIP's text half (Radford et al. 2021). Output: the embedding `[B, E]` of the token that ends the sentence."""

    def __init__(self, config: Mapping[str, Any], size: int, rngs: nnx.Rngs) -> None:
        shape = _clip_shape(config, causal=True)
        self.end = config.get("eos_token_id", 2)
        self.words = _table(config["vocab_size"], shape.width, rngs)
        self.places = _table(config["max_position_embeddings"], shape.width, rngs)
        self.body, self.norm = Transformer(shape, rngs), _norm(shape.width, shape.eps, rngs)
        self.projection = nnx.Linear(shape.width, size, use_bias=False, rngs=rngs)

    def __call__(self, ids: jax.Array, there: jax.Array | None = None) -> Read:
        hidden = self.body(self.words[...][ids] + self.places[...][None, : ids.shape[1]], there)
        last = self.norm(hidden[-1])
        # configs from before 2023 say 2 and mean the largest id
        end = jnp.argmax(ids if self.end == 2 else ids == self.end, axis=1)
        return Read(hidden, last, self.projection(last[jnp.arange(len(ids)), end]))


class ClipVision(nnx.Module):
    """CLIP's image half: pixels `[B, 3, H, W]`. Output: the image's embedding `[B, E]`."""

    def __init__(self, config: Mapping[str, Any], size: int, rngs: nnx.Rngs) -> None:
        shape, self.patch = _clip_shape(config, causal=False), config["patch_size"]
        self.first = _table(1, shape.width, rngs)
        self.places = _table((config["image_size"] // self.patch) ** 2 + 1, shape.width, rngs)
        self.patches = nnx.Linear(config.get("num_channels", 3) * self.patch**2, shape.width, use_bias=False, rngs=rngs)
        self.norm_first, self.norm = _norm(shape.width, shape.eps, rngs), _norm(shape.width, shape.eps, rngs)
        self.body, self.projection = Transformer(shape, rngs), nnx.Linear(shape.width, size, use_bias=False, rngs=rngs)

    def __call__(self, pixels: jax.Array) -> Read:
        seen = self.patches(_patches(pixels, self.patch))
        first = jnp.broadcast_to(self.first[...][None], (len(seen), 1, seen.shape[2]))
        hidden = self.body(self.norm_first(jnp.concatenate([first, seen], 1) + self.places[...][None]))
        return Read(hidden, hidden[-1], self.projection(self.norm(hidden[-1][:, 0])))


class Clip(nnx.Module):
    """CLIP (Radford et al. 2021): a text and an image half with a common space; `text(ids)`, `vision(pixels)`."""

    def __init__(self, config: Mapping[str, Any], rngs: nnx.Rngs) -> None:
        size = config.get("projection_dim", 512)
        self.text = ClipText(config["text_config"], size, rngs)
        self.vision = ClipVision(config["vision_config"], size, rngs)


FAMILIES: dict[str, type[nnx.Module]] = {"bert": Bert, "gpt2": Gpt2, "vit": Vit, "clip": Clip}
"""By the `model_type` of Hugging Face configs."""
