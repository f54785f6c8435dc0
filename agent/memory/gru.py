"""Working memory: a gated recurrent unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.module import Arrays, Module, State, over
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("gru")
@dataclass(frozen=True)
class GruConfig:
    """A gated recurrent unit (Cho et al. 2014).

    Where `reset` is wired, that part of what it holds is let go before it takes in anything: noradrenaline as a network
    reset (Bouret & Sara 2005).
    """

    inputs: ClassVar = {"input": Input("concat", rank=1), "reset": Input("sum", rank=0, optional=True)}
    size: int = option(128, "units", low=1)
    keep: float = option(0.0, "bias at first of the gate that keeps what is held (Jozefowicz et al. 2015)")

    def ports(self, inputs: Ports) -> Ports:
        return Ports(state=Port((self.size,)))


class Gru(Module[GruConfig]):
    def __init__(self, config: GruConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        gates = jnp.array([0.0, config.keep, 0.0])  # reset, keep, new
        bias = lambda key, shape, dtype: jnp.repeat(gates, config.size)  # noqa: E731
        self.cell = nnx.GRUCell(inputs["input"].shape[0], config.size, bias_init=bias, rngs=rngs)

    def initial(self, batch: int) -> State:
        return jnp.zeros((batch, self.config.size))

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        state, _ = self.cell(let_go(state, inputs), inputs["input"])
        return state, {"state": state}


def let_go(state: State, inputs: Arrays) -> State:
    """What is left of a state `[B, ...]` after the input `reset`, from 0 (all) to 1 (nothing)."""
    if "reset" not in inputs:
        return state
    kept = 1.0 - jnp.clip(inputs["reset"], 0.0, 1.0)
    return jax.tree.map(lambda x: over(kept, x) * x, state)
