"""A critic that learns within a life, by the difference between what it expected and what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from agent.config import option
from agent.meta.critic import lived, surprise
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register


@register("td_critic")
@dataclass(frozen=True)
class TdCriticConfig:
    """TD(λ) of a linear value within a life (Sutton 1988): δ = r + γ w·x - w·x'; e ← γ λ e + x'; w ← w + η δ e.

    With γ = 0 it is the rule of Rescorla and Wagner (1972). No gradient reaches it, and none goes through it.
    """

    inputs: ClassVar = {"state": Input("concat", rank=1), "reward": Input("sum", rank=None)}
    rate: float = option(0.1, "learning rate η", low=0.0)
    discount: float = option(0.9, "γ", low=0.0, high=1.0)
    trace: float = option(0.5, "λ", low=0.0, high=1.0)

    def ports(self, inputs: Ports) -> Ports:
        return Ports(value=Port((), "signal"), error=Port((), "signal"))


class TdCritic(Module[TdCriticConfig]):
    """Outputs: `value`, and the reward-prediction `error`."""

    def initial(self, batch: int) -> State:
        features = jnp.zeros((batch, *self.inputs["state"].shape))
        return (
            {"weights": features, "eligibility": features, "past": features}
            | lived(jnp.zeros(batch))
            | {"lived": jnp.zeros(batch)}
        )

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        c, x = self.config, jax.lax.stop_gradient(inputs["state"])
        reward = jax.lax.stop_gradient(inputs["reward"])
        value = (state["weights"] * x).sum(axis=1)
        error = surprise(state, reward, value, c.discount)
        eligibility = c.discount * c.trace * state["eligibility"] + state["past"]
        weights = state["weights"] + c.rate * error[:, None] * eligibility
        after = {"weights": weights, "eligibility": eligibility, "past": x} | lived((weights * x).sum(axis=1))
        return after, {"value": value, "error": error}
