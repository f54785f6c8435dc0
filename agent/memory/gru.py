"""Working memory: a gated recurrent unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("gru")
@dataclass(frozen=True)
class GruConfig:
    """A gated recurrent unit (Cho et al. 2014)."""

    inputs: ClassVar = {"input": Input("concat", rank=1)}
    size: int = option(128, "units", low=1)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(state=Port((self.size,)))


class Gru(Module[GruConfig]):
    def __init__(self, config: GruConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.cell = nnx.GRUCell(inputs["input"].shape[0], config.size, rngs=rngs)

    def initial(self, batch: int) -> State:
        return jnp.zeros((batch, self.config.size))

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        state, _ = self.cell(state, inputs["input"])
        return state, {"state": state}
