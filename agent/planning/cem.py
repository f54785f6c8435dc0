"""Planning by the cross-entropy method."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from agent.config import option
from agent.errors import ConfigError
from agent.planning.model import Model, returns
from agent.planning.planner import Plan, Planner, PlannerConfig
from agent.registry import register

Gaussian = tuple[jax.Array, jax.Array]
"""Mean and deviation of every action, `[N, H, A]` each."""


@register("cem")
@dataclass(frozen=True)
class CemConfig(PlannerConfig):
    """The cross-entropy method (Rubinstein 1999; de Boer et al. 2005) over sequences of actions in [-1, 1].

    Each round draws plans from a Gaussian, imagines them, and fits the Gaussian to the best. The first begins at what
    is left of the last plan; its mean is always among what is tried. The plan is the mean of the last round's best.
    """

    samples: int = option(64, "plans in a round, S", low=2)
    rounds: int = option(5, "rounds", low=1)
    elites: int = option(8, "plans that are the best", low=1)
    spread: float = option(0.5, "deviation of an action in the first round", low=1e-3)
    least: float = option(0.05, "least deviation of an action", low=0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.elites > self.samples:
            raise ConfigError(f"elites: there are only {self.samples} samples to choose {self.elites} from. Lower it.")


class Cem(Planner[CemConfig]):
    """The uncertainty is the deviation of the returns of the last round's best."""

    def search(self, model: Model, latent: jax.Array, plan: jax.Array, key: jax.Array) -> Plan:
        c = self.config
        noise = jax.vmap(lambda k: jax.random.normal(k, (c.rounds, c.samples - 1, *plan.shape[1:])))(key)

        def refine(gaussian: Gaussian, noise: jax.Array) -> tuple[Gaussian, jax.Array]:
            mean, deviation = gaussian
            drawn = jnp.clip(mean[:, None] + deviation[:, None] * noise, -1.0, 1.0)
            plans = jnp.concatenate([mean[:, None], drawn], axis=1)
            best, which = jax.lax.top_k(returns(model, latent, plans, c.discount), c.elites)
            elites = jnp.take_along_axis(plans, which[:, :, None, None], axis=1)
            return (elites.mean(axis=1), jnp.maximum(elites.std(axis=1), c.least)), best

        (mean, _), best = jax.lax.scan(refine, (plan, jnp.full_like(plan, c.spread)), noise.swapaxes(0, 1))
        value = returns(model, latent, mean[:, None], c.discount)[:, 0]
        return Plan(mean, value, best[-1].std(axis=1))
