"""Encoder of the body's own state: proprioception, interoception, touch, and what the body just did and got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("body_encoder")
@dataclass(frozen=True)
class BodyEncoderConfig:
    """One dense layer over all vector senses that are wired into it, side by side."""

    inputs: ClassVar = {"senses": Input("concat", rank=1)}
    width: int = option(32, "units of the code", low=1)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(code=Port((self.width,)))


class BodyEncoder(Module[BodyEncoderConfig]):
    def __init__(self, config: BodyEncoderConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.layer = dense(inputs["senses"].shape[0], config.width, rngs)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        return state, {"code": nnx.tanh(self.layer(inputs["senses"]))}
