"""A pretrained transformer from a directory as Hugging Face lays it out. Reading it runs no code.

`load("minilm")` gives weights that no optimizer ever sees: they are held here, beside the brain and not in its params.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.errors import unknown
from agent.language import names, weights
from agent.language.families import FAMILIES
from agent.language.transformer import ACTIVATIONS
from agent.language.weights import WeightsError

GPT2 = "openai-community/gpt2"
"""The causal transformer that is meant where none is named."""


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A frozen transformer: `module` is one of `families.FAMILIES`, with its weights."""

    family: str
    config: Mapping[str, Any]
    module: Any
    path: Path
    digest: str  # SHA-256 of the tensors; for random weights that of their sizes and seed

    @property
    def width(self) -> int:
        """Features of a token."""
        return self.module.body.shape.width


def load(model: str, *, pretrained: bool = True, seed: int = 0) -> Pretrained:
    """A transformer by the name or directory that `weights.find` knows.

    With `pretrained=False` its weights are random, drawn from `seed`, as before it was ever trained.
    WeightsError where something is missing, damaged, of an unknown family, or of other shapes than its config says.
    """
    path = weights.find(model)
    return _load(path, None if pretrained else seed, weights.stamp(path) if pretrained else ())


@lru_cache(maxsize=8)
def _load(path: Path, seed: int | None, stamp: tuple[tuple[Path, int], ...]) -> Pretrained:
    """Read once, and anew where a file was written since."""
    config = read_config(path)
    family = str(config.get("model_type"))
    if family not in FAMILIES:
        raise WeightsError(f"{path / 'config.json'}: {unknown('family (model_type)', family, FAMILIES)}")
    _check_manner(path, family, config)
    with jax.ensure_compile_time_eval():  # arrays, even where a program is being traced
        if seed is not None:
            drawn = hashlib.sha256(json.dumps([config, seed], sort_keys=True).encode()).hexdigest()
            return Pretrained(family, config, _made(path, family, config, seed), path, f"random:{drawn}")
        definition, state = nnx.split(_made(path, family, config, None))
        nnx.replace_by_pure_dict(state, filled(path, family, config, nnx.to_pure_dict(state)))
        return Pretrained(family, config, nnx.merge(definition, state), path, weights.digest(path))


def _made(path: Path, family: str, config: Mapping[str, Any], seed: int | None) -> Any:
    """A module of the family with random weights, or with shapes in their place."""

    def make() -> Any:
        return FAMILIES[family](config, nnx.Rngs(seed or 0))  # type: ignore[call-arg]

    try:
        return nnx.eval_shape(make) if seed is None else make()
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise WeightsError(
            f"{path / 'config.json'}: what {family} needs is missing or wrong there: {error}."
        ) from error


def causal(model: str, *, pretrained: bool = True, seed: int = 0) -> Pretrained:
    """A transformer that sees only what came before; WeightsError for another one."""
    found = load(model, pretrained=pretrained, seed=seed)
    if found.family != "gpt2":
        raise WeightsError(
            f"model {model!r} is a {found.family}; what is wanted is a causal transformer, which sees only what came "
            f"before: a gpt2, such as {GPT2!r} or 'distilbert/distilgpt2'."
        )
    return found


def read_config(path: Path) -> dict[str, Any]:
    """`config.json` of a directory."""
    file = path / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise WeightsError(
            f"{file} cannot be read: {error}. Take it from the model's page, or get the model anew."
        ) from error
    if not isinstance(config, dict):
        raise WeightsError(f"{file}: expected a mapping, got {type(config).__name__}.")
    return config


_PLAIN: dict[str, dict[str, Any]] = {
    "bert": {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False},
    "gpt2": {
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
        "add_cross_attention": False,
        "tie_word_embeddings": True,
    },
    "vit": {"qkv_bias": True},
}
"""Options of configs that change what is calculated, and their only values here."""


def _check_manner(path: Path, family: str, config: Mapping[str, Any]) -> None:
    """Refuses a config that asks for more than the family does here, rather than to calculate something else."""
    parts = [config, *(config.get(half) or {} for half in ("text_config", "vision_config"))]
    for part in parts:
        for name, value in _PLAIN.get(family, {}).items():
            if part.get(name, value) != value:
                raise WeightsError(
                    f"{path / 'config.json'}: {name} is {part[name]!r}, but only {value!r} is known here for {family}."
                )
        for name in ("hidden_act", "activation_function"):
            if name in part and part[name] not in ACTIVATIONS:
                raise WeightsError(f"{path / 'config.json'}: {unknown(name, part[name], ACTIVATIONS)}")


def filled(path: Path, family: str, config: Mapping[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    """A module's tree with the tensors of the file in it; every tensor is used, and every place is filled."""
    tensors = {names.bare(family, name): tensor for name, tensor in weights.tensors(path).items()}
    wanted = names.tensors_of(family, config)
    missing = [n for each in wanted if each.needed for n in each.names if n not in tensors]
    if missing:
        raise WeightsError(f"{path}: {_some(missing)} missing from the tensors of this {family}. Get the model anew.")
    used = {n for each in wanted for n in each.names}
    left = [name for name in tensors if name not in used and not names.spare(name)]
    if left:
        raise WeightsError(f"{path}: {_some(left)} unknown to family {family!r}; config.json may be of another model.")
    for each in wanted:
        _put(tree, each, each.read(tensors) if all(name in tensors for name in each.names) else None, path)
    return tree


def _put(tree: dict[Any, Any], tensor: names.Tensor, value: np.ndarray | None, path: Path) -> None:
    """A tensor into its place; zeros where the file does without."""
    *way, last = (int(part) if part.isdigit() else part for part in tensor.path.split("."))
    for part in way:
        tree = tree[part]
    shape = tree[last].shape
    value = np.zeros(shape, np.float32) if value is None else value
    if value.size != np.prod(shape) or value.shape[-1:] != shape[-1:]:
        raise WeightsError(
            f"{path}: tensor {' + '.join(tensor.names)} makes {list(value.shape)}, "
            f"but config.json asks for {list(shape)}."
        )
    tree[last] = jnp.asarray(value.reshape(shape))


def _some(listed: list[str]) -> str:
    more = f" and {len(listed) - 3} more are" if len(listed) > 3 else (" are" if len(listed) > 1 else " is")
    return f"{', '.join(listed[:3])}{more}"
