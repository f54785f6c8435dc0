"""The critic: how much reward is to come, and by how much what came differs from that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from agent.config import option
from agent.layers import dense
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("critic")
@dataclass(frozen=True)
class CriticConfig:
    """A perceptron with one hidden layer whose output is trained towards the discounted return.

    Where `reward` is wired it also sends the reward-prediction error, δ = r + γ v - v', with v' of the decision before
    (Schultz, Dayan & Montague 1997): the dopamine that locally learning synapses wait for. Where `horizon` is wired, γ
    becomes 1 - (1 - γ) e^-horizon: serotonin says how far to look ahead (Doya 2002).
    """

    inputs: ClassVar = {
        "state": Input("concat", rank=1),
        "reward": Input("sum", rank=None, optional=True),
        "horizon": Input("sum", rank=0, optional=True),
    }
    hidden: int = option(64, "hidden units", low=1)
    discount: float = option(0.97, "γ of the reward-prediction error", low=0.0, high=1.0)

    def ports(self, inputs: Ports) -> Ports:
        error = {"error": Port((), "signal")} if "reward" in inputs else {}
        return Ports(error, value=Port((), "value"))


class Critic(Module[CriticConfig]):
    """Outputs: `value`, and with `reward` (summed over whatever axes it has) `error`."""

    def __init__(self, config: CriticConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        self.hidden = dense(inputs["state"].shape[0], config.hidden, rngs)
        self.value = dense(config.hidden, 1, rngs, gain=1.0)

    def initial(self, batch: int) -> State:
        """The value before, and whether there was any; without `reward` the critic needs no past."""
        return {"value": jnp.zeros(batch), "lived": jnp.zeros(batch)} if "reward" in self.inputs else ()

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        value = self.value(nnx.tanh(self.hidden(inputs["state"])))[:, 0]
        if "reward" not in inputs:
            return state, {"value": value}
        error = surprise(state, inputs["reward"], jax.lax.stop_gradient(value), self._discount(inputs))
        return lived(jax.lax.stop_gradient(value)), {"value": value, "error": error}

    def _discount(self, inputs: Arrays) -> jax.Array | float:
        """γ, or as `horizon` makes it, `[B]`, never below 0."""
        if "horizon" not in inputs:
            return self.config.discount
        return jnp.maximum(1.0 - (1.0 - self.config.discount) * jnp.exp(-inputs["horizon"]), 0.0)


def surprise(before: State, reward: jax.Array, value: jax.Array, discount: jax.Array | float) -> jax.Array:
    """δ `[B]`; 0 at the first decision, before which nothing was expected."""
    came = reward.reshape(reward.shape[0], -1).sum(axis=1)
    return before["lived"] * (came + discount * value - before["value"])


def lived(value: jax.Array) -> State:
    """What the next decision has to know of this one."""
    return {"value": value, "lived": jnp.ones_like(value)}
