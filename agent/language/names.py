"""What Hugging Face files call each tensor of ours, family by family, and how it is laid out there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np


class Tensor(NamedTuple):
    """One of our tensors: `path` in the module's tree, the `names` in the file, side by side, and how they lie there.

    lies: `linear` (`[out, in]`, ours is `[in, out]`), `patch` (a convolution `[out, C, P, P]`) or `same`.
    """

    path: str
    names: tuple[str, ...]
    lies: str = "same"
    needed: bool = True

    def read(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """The tensor as ours."""
        parts = [tensors[name].astype(np.float32) for name in self.names]
        if self.lies == "patch":
            parts = [part.reshape(part.shape[0], -1).T for part in parts]
        if self.lies == "linear":
            parts = [part.T for part in parts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, -1)


def _linear(path: str, *names: str, lies: str = "linear", bias: bool = True) -> Iterator[Tensor]:
    yield Tensor(f"{path}.kernel", tuple(f"{name}.weight" for name in names), lies)
    if bias:
        yield Tensor(f"{path}.bias", tuple(f"{name}.bias" for name in names))


def _norm(path: str, name: str) -> Iterator[Tensor]:
    yield Tensor(f"{path}.scale", (f"{name}.weight",))
    yield Tensor(f"{path}.bias", (f"{name}.bias",))


def _block(path: str, name: str, parts: Mapping[str, Any], lies: str = "linear") -> Iterator[Tensor]:
    """One block; `parts` are its names for ours."""
    for ours in ("qkv", "out", "up", "down"):
        theirs = parts[ours] if isinstance(parts[ours], tuple) else (parts[ours],)
        yield from _linear(f"{path}.{ours}", *(f"{name}.{each}" for each in theirs), lies=lies)
    for ours in ("norm_attention", "norm_mlp"):
        yield from _norm(f"{path}.{ours}", f"{name}.{parts[ours]}")


def _blocks(path: str, name: str, number: int, parts: Mapping[str, Any], lies: str = "linear") -> Iterator[Tensor]:
    for index in range(number):
        yield from _block(f"{path}.blocks.{index}", f"{name}.{index}", parts, lies)


def _bert(config: Mapping[str, Any]) -> Iterator[Tensor]:
    for ours, theirs in (("words", "word"), ("places", "position"), ("types", "token_type")):
        yield Tensor(ours, (f"embeddings.{theirs}_embeddings.weight",))
    yield from _norm("norm", "embeddings.LayerNorm")
    parts = {
        "qkv": tuple(f"attention.self.{each}" for each in ("query", "key", "value")),
        "out": "attention.output.dense",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm_attention": "attention.output.LayerNorm",
        "norm_mlp": "output.LayerNorm",
    }
    yield from _blocks("body", "encoder.layer", config["num_hidden_layers"], parts)
    yield from (tensor._replace(needed=False) for tensor in _linear("pooler", "pooler.dense"))


def _gpt2(config: Mapping[str, Any]) -> Iterator[Tensor]:
    yield Tensor("words", ("wte.weight",))
    yield Tensor("places", ("wpe.weight",))
    parts = {
        "qkv": "attn.c_attn",
        "out": "attn.c_proj",
        "up": "mlp.c_fc",
        "down": "mlp.c_proj",
        "norm_attention": "ln_1",
        "norm_mlp": "ln_2",
    }
    yield from _blocks("body", "h", config["n_layer"], parts, lies="same")  # its Conv1D lies as ours
    yield from _norm("norm", "ln_f")


def _vit(config: Mapping[str, Any]) -> Iterator[Tensor]:
    yield Tensor("first", ("embeddings.cls_token",))
    yield Tensor("places", ("embeddings.position_embeddings",))
    yield from _linear("patches", "embeddings.patch_embeddings.projection", lies="patch")
    parts = {
        "qkv": tuple(f"attention.attention.{each}" for each in ("query", "key", "value")),
        "out": "attention.output.dense",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm_attention": "layernorm_before",
        "norm_mlp": "layernorm_after",
    }
    yield from _blocks("body", "encoder.layer", config["num_hidden_layers"], parts)
    yield from _norm("norm", "layernorm")


def _clip(config: Mapping[str, Any]) -> Iterator[Tensor]:
    parts = {
        "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "out": "self_attn.out_proj",
        "up": "mlp.fc1",
        "down": "mlp.fc2",
        "norm_attention": "layer_norm1",
        "norm_mlp": "layer_norm2",
    }
    yield Tensor("text.words", ("text_model.embeddings.token_embedding.weight",))
    yield Tensor("text.places", ("text_model.embeddings.position_embedding.weight",))
    layers = config["text_config"]["num_hidden_layers"]
    yield from _blocks("text.body", "text_model.encoder.layers", layers, parts)
    yield from _norm("text.norm", "text_model.final_layer_norm")
    yield from _linear("text.projection", "text_projection", bias=False)
    yield Tensor("vision.first", ("vision_model.embeddings.class_embedding",))
    yield Tensor("vision.places", ("vision_model.embeddings.position_embedding.weight",))
    yield from _linear("vision.patches", "vision_model.embeddings.patch_embedding", lies="patch", bias=False)
    layers = config["vision_config"]["num_hidden_layers"]
    yield from _blocks("vision.body", "vision_model.encoder.layers", layers, parts)
    yield from _norm("vision.norm_first", "vision_model.pre_layrnorm")  # so spelt
    yield from _norm("vision.norm", "vision_model.post_layernorm")
    yield from _linear("vision.projection", "visual_projection", bias=False)


_NAMES = {"bert": _bert, "gpt2": _gpt2, "vit": _vit, "clip": _clip}
_PREFIX = {"bert": "bert.", "gpt2": "transformer.", "vit": "vit.", "clip": ""}
_UNUSED = re.compile(
    r"(position_ids|attn\.(masked_)?bias|logit_scale|lm_head\.weight|pooler\..*|(classifier|cls|qa_outputs)\..*)$"
)
"""Tensors that a file may hold and nothing here needs: counters, masks, and the heads of other tasks."""


def tensors_of(family: str, config: Mapping[str, Any]) -> list[Tensor]:
    """Every tensor of a family, as its config sizes it."""
    return list(_NAMES[family](config))


def bare(family: str, name: str) -> str:
    """A tensor's name without the prefix under which files of whole tasks have it."""
    return name.removeprefix(_PREFIX[family])


def spare(name: str) -> bool:
    """Whether a tensor may be left unused."""
    return bool(_UNUSED.search(name))
