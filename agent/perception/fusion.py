"""Fusion: several codes joined into one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense, flatten, standard
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register

PARTS = {"parts": Input("concat", rank=1)}


@register("fusion_concat")
@dataclass(frozen=True)
class FusionConcatConfig:
    """One dense layer over all parts, side by side; with `norm` in the layer's deviations (Ba, Kiros & Hinton 2016)."""

    inputs: ClassVar = PARTS
    width: int = option(128, "units of the code", low=1)
    norm: bool = option(False, "bring every code to the same mean and mean square before it is rectified")

    def ports(self, inputs: Ports) -> Ports:
        return Ports(code=Port((self.width,)))


class FusionConcat(Module[FusionConcatConfig]):
    def __init__(self, config: FusionConcatConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.layer = dense(inputs["parts"].shape[0], config.width, rngs)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        code = self.layer(inputs["parts"])
        return state, {"code": nnx.relu(standard(code) if self.config.norm else code)}


@register("fusion_attention")
@dataclass(frozen=True)
class FusionAttentionConfig:
    """Learned queries attend to the parts, one token each (cross-attention; Perceiver, Jaegle et al. 2021)."""

    inputs: ClassVar = PARTS
    width: int = option(128, "units of the code", low=1)
    features: int = option(64, "features of a token", low=1)
    heads: int = option(2, "attention heads", low=1)
    queries: int = option(4, "learned queries", low=1)

    def __post_init__(self) -> None:
        if self.features % self.heads:
            raise ValueError(f"features ({self.features}) must be a multiple of heads ({self.heads}).")

    def ports(self, inputs: Ports) -> Ports:
        return Ports(
            code=Port((self.width,)), attention=Port((self.heads, self.queries, len(inputs["parts"].parts)), "signal")
        )


class FusionAttention(Module[FusionAttentionConfig]):
    def __init__(self, config: FusionAttentionConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.tokens = nnx.List([dense(size, config.features, rngs) for size in inputs["parts"].parts])
        self.norm = nnx.LayerNorm(config.features, rngs=rngs)
        self.keys = dense(config.features, config.features, rngs, gain=1.0, use_bias=False)  # softmax cancels a bias
        self.values = dense(config.features, config.features, rngs, gain=1.0)
        self.queries = nnx.Param(
            jax.random.normal(rngs.params(), (config.queries, config.heads, config.features // config.heads))
        )
        self.readout = dense(config.queries * config.features, config.width, rngs)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        ends = list(accumulate(self.inputs["parts"].parts))[:-1]
        parts = jnp.split(inputs["parts"], ends, axis=1)
        tokens = jnp.stack([layer(part) for layer, part in zip(self.tokens, parts, strict=True)], axis=1)
        tokens = self.norm(nnx.relu(tokens))
        heads = (*tokens.shape[:2], self.config.heads, -1)
        keys, values = self.keys(tokens).reshape(heads), self.values(tokens).reshape(heads)
        match = jnp.einsum("qhd,bphd->bhqp", self.queries[...], keys) / jnp.sqrt(keys.shape[-1])
        attention = jax.nn.softmax(match, axis=-1)
        read = jnp.einsum("bhqp,bphd->bqhd", attention, values)
        return state, {"code": nnx.relu(self.readout(flatten(read))), "attention": attention}
