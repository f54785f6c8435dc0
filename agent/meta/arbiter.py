"""The arbiter: habit or plan, the surer of the two has more say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.config import option
from agent.meta.neuromodulators import held
from agent.module import Arrays, Module, State
from agent.motor import policy
from agent.ports import Input, Port, Ports
from agent.registry import register

LEAST = 1e-3  # deviation
TEACHERS = ("gain", "plan_value", "habit_value", "planned")


@register("arbiter")
@dataclass(frozen=True)
class ArbiterConfig:
    """Habit and plan, weighted by how sure each is (Daw, Niv & Dayan 2005).

    w = p (1/σ_plan²) / (1/σ_plan² + e^-b / σ_habit²), with the deviations σ of both, p whether a plan is `ready` (else
    always), and b learned, since the two judge themselves each in its own way. The policy is the habit's Gaussian with
    the mean (1 - w) μ + w a of its own mean μ and the planned action a, and a deviation that falls to `wander`^w of its
    own: a plan is followed, not tried out. A plan is data: no gradient goes into it.
    `imitation_loss`, p mean (μ - a)², lets the habit take over what was planned often (Anthony, Tian & Barber 2017).
    `gain_loss`, ½ (g - (V_plan - V_habit))² where just `planned`, teaches a `controller` what planning gains.
    """

    inputs: ClassVar = {
        "habit": Input("one", rank=1),
        "plan": Input("one", rank=1),
        "habit_uncertainty": Input("sum", rank=0),
        "plan_uncertainty": Input("sum", rank=0),
        "ready": Input("sum", rank=0, optional=True),
        **{name: Input("one", rank=0, optional=True) for name in TEACHERS},
    }
    gate: float | None = option(None, "holds the weight of the plan at this value", low=0.0, high=1.0)
    wander: float = option(
        1.0, "part of the habit's deviation that is left where the plan has all the weight", low=0.01
    )

    def ports(self, inputs: Ports) -> Ports:
        (both,), (actions,) = inputs["habit"].shape, inputs["plan"].shape
        if both != 2 * actions:
            raise ValueError(
                f"a plan of {actions} actions does not fit a habit's policy of {both} numbers, not twice it."
            )
        gain = {"gain_loss": Port((), "loss")} if all(name in inputs for name in TEACHERS) else {}
        return Ports(
            gain,
            action=Port((actions,), "action"),
            policy=inputs["habit"],
            weight=Port((), "signal", labels=("habit", "plan")),
            imitation_loss=Port((), "loss"),
        )


class Arbiter(Module[ArbiterConfig]):
    """Outputs: `action`, `policy`, `weight` of the plan, `imitation_loss`; where all is wired `gain_loss`."""

    def __init__(self, config: ArbiterConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        if config.gate is None:
            self.bias = nnx.Param(jnp.zeros(()))

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        plan, there = jax.lax.stop_gradient((inputs["plan"], self._ready(inputs)))
        mean, log_std = jnp.split(inputs["habit"], 2, axis=1)
        weight = there * self._weight(inputs)
        narrow = weight[:, None] * np.log(self.config.wander)
        mixed = policy.pack(mean + weight[:, None] * (plan - mean), log_std + narrow)
        outputs = {"action": policy.sample(mixed, key), "policy": mixed, "weight": weight}
        outputs["imitation_loss"] = there * jnp.square(mean - plan).mean(axis=1)
        if all(name in inputs for name in TEACHERS):
            value, before, now = (jax.lax.stop_gradient(inputs[name]) for name in TEACHERS[1:])
            outputs["gain_loss"] = 0.5 * now * jnp.square(inputs["gain"] - (value - before))
        return state, outputs

    def _ready(self, inputs: Arrays) -> jax.Array:
        """p `[B]`: 1 where there is a plan, else 0."""
        return jnp.clip(inputs["ready"], 0.0, 1.0) if "ready" in inputs else jnp.ones(inputs["plan"].shape[0])

    def _weight(self, inputs: Arrays) -> jax.Array:
        """w `[B]` of a plan that is there."""
        deviations = jax.lax.stop_gradient((inputs["habit_uncertainty"], inputs["plan_uncertainty"]))
        habit, plan = (2.0 * jnp.log(jnp.maximum(u, LEAST)) for u in deviations)
        if self.config.gate is not None:
            return held(self.config.gate, habit)
        return nnx.sigmoid(habit - plan + self.bias[...])
