"""A leaky integrator: the smallest useful module with weights and a state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent import Input, Module, Port, Ports, option, register
from agent.layers import dense
from agent.module import DECISION_SECONDS, Arrays, State


@register("leaky")
@dataclass(frozen=True)
class LeakyConfig:
    """Units that leak with a time constant and are driven by the weighted sum of their inputs."""

    inputs: ClassVar = {"drive": Input("concat", rank=1)}
    size: int = option(16, "units", low=1)
    tau: float = option(0.5, "time constant", unit="s", low=1e-3)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(rate=Port((self.size,)))


class Leaky(Module[LeakyConfig]):
    def __init__(self, config: LeakyConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.weights = dense(inputs["drive"].shape[0], config.size, rngs)

    def initial(self, batch: int) -> State:
        return jnp.zeros((batch, self.config.size))

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        leak = math.exp(-DECISION_SECONDS / self.config.tau)
        state = leak * state + (1.0 - leak) * self.weights(inputs["drive"])
        return state, {"rate": nnx.relu(state)}
