"""Planning by model predictive path integrals."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from agent.config import option
from agent.planning.model import Model, returns
from agent.planning.planner import Plan, Planner, PlannerConfig
from agent.registry import register


@register("mppi")
@dataclass(frozen=True)
class MppiConfig(PlannerConfig):
    """Information-theoretic model predictive control (Williams et al. 2017, algorithm 2), without a cost of control.

    Plans are drawn around what is left of the last one and averaged with weights w ∝ exp(R / λ); R counts in units of
    its deviation between the plans, so that λ holds for rewards of any size.
    """

    samples: int = option(64, "plans that are drawn, S", low=2)
    rounds: int = option(2, "times that they are, each around the last average", low=1)
    spread: float = option(0.4, "deviation of an action", low=1e-3)
    temperature: float = option(0.3, "λ, in deviations of the return", low=1e-3)


class Mppi(Planner[MppiConfig]):
    """The uncertainty is the deviation of the returns of the plans, by their weights."""

    def search(self, model: Model, latent: jax.Array, plan: jax.Array, key: jax.Array) -> Plan:
        c = self.config
        noise = jax.vmap(lambda k: jax.random.normal(k, (c.rounds, c.samples, *plan.shape[1:])))(key)

        def refine(mean: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
            plans = jnp.clip(mean[:, None] + c.spread * noise, -1.0, 1.0)
            found = returns(model, latent, plans, c.discount)
            weights = jax.nn.softmax(found / (c.temperature * (found.std(axis=1, keepdims=True) + 1e-6)), axis=1)
            middle = (weights * found).sum(axis=1, keepdims=True)
            deviation = jnp.sqrt((weights * jnp.square(found - middle)).sum(axis=1))
            return jnp.einsum("bs,bsha->bha", weights, plans), deviation

        mean, deviation = jax.lax.scan(refine, plan, noise.swapaxes(0, 1))
        return Plan(mean, returns(model, latent, mean[:, None], c.discount)[:, 0], deviation[-1])
