"""The critic: how much reward is to come."""

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


@register("critic")
@dataclass(frozen=True)
class CriticConfig:
    """A perceptron with one hidden layer whose output is trained towards the discounted return."""

    inputs: ClassVar = {"state": Input("concat", rank=1)}
    hidden: int = option(64, "hidden units", low=1)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(value=Port((), "value"))


class Critic(Module[CriticConfig]):
    def __init__(self, config: CriticConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.hidden = dense(inputs["state"].shape[0], config.hidden, rngs)
        self.value = dense(config.hidden, 1, rngs, gain=1.0)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        return state, {"value": self.value(nnx.tanh(self.hidden(inputs["state"])))[:, 0]}
