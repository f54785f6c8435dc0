"""The controller: whether it is worth while to think, asked before the planner runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.meta.neuromodulators import held
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register

ANYHOW = 10.0  # demand where it asks for no reason


@register("controller")
@dataclass(frozen=True)
class ControllerConfig:
    """Demand for planning: its learned value less its cost (Keramati, Dezfouli & Piray 2011; Callaway et al. 2018).

    demand = g + κ σ - c, above 0 where planning is worth while: g(s) is what it is expected to gain, which an `arbiter`
    teaches by its `gain_loss`, and σ(s) the deviation of the habit's prediction errors. Now and then it asks anyhow:
    what is never planned is never learned. Where `error` is wired, `uncertainty_loss` = log σ' + δ²/2σ'², σ' of the
    decision before: the negative log likelihood of a Gaussian (Nix & Weigend 1994). What is read is not changed by it.
    """

    inputs: ClassVar = {"state": Input("concat", rank=1), "error": Input("sum", rank=0, optional=True)}
    hidden: int = option(64, "hidden units", low=1)
    doubt: float = option(0.5, "κ, worth of the habit's uncertainty", low=0.0)
    cost: float = option(0.1, "c, cost of planning, in units of value")
    explore: float = option(0.02, "probability of asking in any case", low=0.0, high=1.0)
    gate: float | None = option(None, "holds the demand at this value")

    def ports(self, inputs: Ports) -> Ports:
        loss = {"uncertainty_loss": Port((), "loss")} if "error" in inputs else {}
        return Ports(loss, demand=Port((), "signal"), gain=Port(), uncertainty=Port((), "signal"))


class Controller(Module[ControllerConfig]):
    """Outputs: `demand`, `gain` g and `uncertainty` σ; with `error` also `uncertainty_loss`."""

    def __init__(self, config: ControllerConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.hidden = dense(inputs["state"].shape[0], config.hidden, rngs)
        self.judge = dense(config.hidden, 2, rngs, gain=0.1)

    def initial(self, batch: int) -> State:
        """The logarithm of σ before, and whether there was any."""
        return {"log": jnp.zeros(batch), "lived": jnp.zeros(batch)} if "error" in self.inputs else ()

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        c, seen = self.config, jax.lax.stop_gradient(inputs["state"])
        gain, log = self.judge(nnx.tanh(self.hidden(seen))).T
        log = 5.0 * jnp.tanh(0.2 * log)  # σ stays between e^-5 and e^5
        wish = gain + c.doubt * jnp.exp(log) - c.cost
        chance = jax.vmap(jax.random.uniform)(key)
        demand = held(c.gate, jnp.where(chance < c.explore, ANYHOW, wish))
        outputs = {"demand": demand, "gain": gain, "uncertainty": jnp.exp(log)}
        if "error" not in inputs:
            return state, outputs
        error = jax.lax.stop_gradient(inputs["error"])
        loss = state["lived"] * (state["log"] + 0.5 * jnp.square(error) * jnp.exp(-2.0 * state["log"]))
        return {"log": log, "lived": jnp.ones_like(log)}, outputs | {"uncertainty_loss": loss}
