"""Neuromodulators: four numbers for the whole brain, which say how to learn, explore, forget and wait."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from agent.config import option
from agent.module import DECISION_SECONDS, Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register

LEVELS = ("dopamine", "acetylcholine", "noradrenaline", "serotonin")
FLOOR = 0.1  # deviation that is always expected, in usual rewards


@register("neuromodulators")
@dataclass(frozen=True)
class NeuromodulatorsConfig:
    """Broadcast signals made of reward r and reward-prediction error δ (Doya 2002; Yu & Dayan 2005), s a usual reward.

    dopamine: δ, the error itself (Schultz, Dayan & Montague 1997).
    acetylcholine: expected uncertainty, V / (V + s²), where V = v + (s/10)² and v ← v + η (1 - ω) (δ² - v).
    noradrenaline: unexpected uncertainty, n ← max(ω, κ n), with ω = h q / (h q + (1 - h) N(δ; 0, V)), q = 1 / 4s: the
    probability that the world has changed (Nassar, Wilson, Heasly & Gold 2010), V before it learns of δ.
    serotonin: c / s, where c ← c + ζ (r - c): the richer the world, the farther ahead (Daw, Kakade & Dayan 2002).
    reset: 1 where ω > a / (1/2 + a) of the acetylcholine a, else 0: the context is given up (Yu & Dayan 2005).
    Around 0 none of them changes anything. Each can be held at a value, for ablation.
    """

    inputs: ClassVar = {"error": Input("sum", rank=0), "reward": Input("sum", rank=None)}
    scale: float = option(1.0, "s, a usual reward", low=1e-6)
    hazard: float = option(0.02, "h, probability of a change from one decision to the next", low=0.0, high=1.0)
    tau_expected: float = option(10.0, "time constant of the expected uncertainty", unit="s", low=1e-3)
    tau_unexpected: float = option(1.0, "decay of noradrenaline", unit="s", low=1e-3)
    tau_reward: float = option(20.0, "time constant of the mean reward", unit="s", low=1e-3)
    dopamine: float | None = option(None, "holds dopamine at this value")
    acetylcholine: float | None = option(None, "holds acetylcholine at this value", low=0.0)
    noradrenaline: float | None = option(None, "holds noradrenaline, and with it ω, at this value", low=0.0, high=1.0)
    serotonin: float | None = option(None, "holds serotonin at this value")

    def ports(self, inputs: Ports) -> Ports:
        each = {name: Port() for name in LEVELS}
        return Ports(each, reset=Port(), levels=Port((len(LEVELS),), "signal", labels=LEVELS))


class Neuromodulators(Module[NeuromodulatorsConfig]):
    """Outputs: each level `[]`, `reset`, and all four `levels` side by side, for modules that read them."""

    def initial(self, batch: int) -> State:
        return {name: jnp.zeros(batch) for name in ("variance", "unexpected", "mean")}

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        c = self.config
        error, reward = jax.lax.stop_gradient((inputs["error"], inputs["reward"]))
        reward = reward.reshape(reward.shape[0], -1).sum(axis=1)
        expected = state["variance"] + (FLOOR * c.scale) ** 2
        change = changed(error, expected, c.hazard, 0.25 / c.scale)
        change = change if c.noradrenaline is None else jnp.full_like(change, c.noradrenaline)
        variance = state["variance"] + pace(c.tau_expected) * (1.0 - change) * (jnp.square(error) - state["variance"])
        unexpected = jnp.maximum(change, (1.0 - pace(c.tau_unexpected)) * state["unexpected"])
        mean = state["mean"] + pace(c.tau_reward) * (reward - state["mean"])
        computed = (error, expected / (expected + c.scale**2), unexpected, mean / c.scale)
        levels = {n: held(getattr(c, n), x) for n, x in zip(LEVELS, computed, strict=True)}
        known = levels["acetylcholine"]
        reset = (change > known / (0.5 + known)).astype(jnp.float32)
        after = {"variance": variance, "unexpected": unexpected, "mean": mean}
        return after, {**levels, "reset": reset, "levels": jnp.stack(list(levels.values()), axis=1)}


def changed(error: jax.Array, variance: jax.Array, hazard: float, otherwise: float) -> jax.Array:
    """ω `[B]`: h q / (h q + (1 - h) N(δ; 0, V)), q the density of δ after a change."""
    usual = jnp.exp(-0.5 * jnp.square(error) / variance) / jnp.sqrt(2.0 * math.pi * variance)
    return hazard * otherwise / (hazard * otherwise + (1.0 - hazard) * usual)


def pace(tau: float) -> float:
    """The part of the way to its target that a mean of time constant `tau` (s) goes in one decision."""
    return 1.0 - math.exp(-DECISION_SECONDS / tau)


def held(value: float | None, computed: jax.Array) -> jax.Array:
    """What a gate sends: what was computed, or the value at which it is held."""
    return computed if value is None else jnp.full_like(computed, value)
