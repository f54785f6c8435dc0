"""What all planners share: who plans now, the plan at hand between two searches, and what is told of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from agent.config import option
from agent.errors import ConfigError
from agent.module import Arrays, Module, State, select
from agent.planning.model import Model, path
from agent.ports import MODEL, Input, Port, Ports

ASKED = {"action": Input("one", rank=1), "demand": Input("sum", rank=0, optional=True)}
"""What every planner takes: an action, of which there are as many numbers as in a planned one; how much it is asked."""
NEVER = 1 << 20
"""Age of a plan that was never made, decisions."""


@dataclass(frozen=True)
class PlannerConfig:
    """When a planner plans. It does not run in the loss: all that it sends is replayed."""

    inputs: ClassVar = {
        "state": Input("one", rank=1),
        "model": Input("one", rank=0, dtype=MODEL),
        **ASKED,
    }
    horizon: int = option(8, "decisions that a plan reaches ahead, H", low=1)
    discount: float = option(0.98, "γ, worth of the next decision's reward", low=0.0, high=1.0)
    every: int = option(1, "decisions from one plan to the next", low=1)
    budget: float = option(1.0, "largest part of the batch that plans at once, of those due", low=0.001, high=1.0)
    threshold: float = option(0.0, "with `demand` wired, plan only where it is above")

    def __post_init__(self) -> None:
        if self.every > self.horizon:
            raise ConfigError(f"every: a plan of {self.horizon} decisions does not last for {self.every}. Lower it.")

    def ports(self, inputs: Ports) -> Ports:
        if "model" in self.inputs and inputs["model"].meaning != "model":
            raise ValueError("model: nothing there to plan with. Wire the `model` of a latent_model.")
        (actions,) = inputs["action"].shape
        return Ports(
            action=Port((actions,), "action"),
            value=Port((), "value"),
            uncertainty=Port((), "signal"),
            advice=Port((actions + 3,)),
            planned=Port((), "signal"),
            ready=Port((), "signal"),
            path=Port((self.horizon, 3), "signal"),
        )

    def places(self, batch: int) -> int:
        """How many of a batch can plan at one decision, m: all in turn within `every` decisions, if all ask."""
        return min(batch, math.ceil(batch * self.budget / self.every - 1e-9))


class Plan(NamedTuple):
    """What a search in a model found."""

    actions: jax.Array  # [N, H, A]
    value: jax.Array  # [N], return of the plan, the worth of where it ends included
    uncertainty: jax.Array  # [N], deviation between the returns of plans that are nearly as good, in units of value


C = TypeVar("C", bound=PlannerConfig)


class Planner(Module[C], Generic[C]):
    """Outputs, zeros until an episode's first plan: `action`, that of the plan at hand for now; its `value` and
    `uncertainty`; `planned`, 1 where it was made right now; `ready`, 1 where there is one that has not run out; `path`,
    the motion that is expected of each of its steps from now on (m/s, m/s, rad/s); and `advice`, for whoever learns
    from it: action, how much better its value is than that of the state, uncertainty and readiness, side by side.

    Among those that want a plan, the ones that have waited longest come first; where there is a demand, it counts as
    often as they have waited, up to the horizon. One whose plan is overtaken by what is known by now counts as having
    waited that long, with a demand of 1 more. A search sees only the environments that plan.
    (A `cond` under `vmap` would run both branches for all of them.)
    """

    replayed = ("action", "value", "uncertainty", "advice", "planned", "ready", "path")

    def search(self, model: Model, latent: jax.Array, plan: jax.Array, key: jax.Array) -> Plan:
        """The best plans from N latents `[N, D]`; `plan [N, H, A]` is what was left of the last ones; key: `[N]`."""
        raise TypeError(f"{type(self).__name__} has no search")

    def find(self, inputs: dict[str, Any], plan: jax.Array, key: jax.Array) -> State:
        """What there is to say of new plans in N environments: the state, in which `age` is 0 if it is left out."""
        model, latent = inputs["model"], inputs["state"]
        found = self.search(model, latent, plan, key)
        return {**found._asdict(), "gain": found.value - model.value(latent)}

    def overtaken(self, inputs: dict[str, Any], state: State) -> jax.Array:
        """Whether what is known by now speaks against the plan at hand, bool `[B]`."""
        return jnp.zeros(state["age"].shape, bool)

    def follow(self, inputs: dict[str, Any], state: State) -> State:
        """The state, with `actions` as the plan at hand means them where things are by now."""
        return state

    def path(self, inputs: dict[str, Any], plan: jax.Array) -> jax.Array:
        """The motion `[B, H, 3]` to which a plan `[B, H, A]` is expected to lead from now on."""
        return path(inputs["model"], inputs["state"], plan)

    def initial(self, batch: int) -> State:
        horizon, (actions,) = self.config.horizon, self.inputs["action"].shape
        return {
            "actions": jnp.zeros((batch, horizon, actions)),
            "value": jnp.zeros(batch),
            "gain": jnp.zeros(batch),
            "uncertainty": jnp.zeros(batch),
            "age": jnp.full(batch, NEVER, jnp.int32),
        }

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        inputs = jax.lax.stop_gradient(inputs)
        later = self._one_later(state)
        wants = later["age"] >= self.config.every
        urgency = later["age"].astype(jnp.float32)
        if "demand" in inputs:
            horizon, overtaken = self.config.horizon, self.overtaken(inputs, later)
            over = inputs["demand"] + overtaken - self.config.threshold
            wants, urgency = wants & (over > 0), over * jnp.where(overtaken, horizon, jnp.minimum(urgency, horizon))
        after = jax.lax.cond(
            wants.any(),
            lambda: self.plan_for(inputs, later, wants, urgency, key),
            lambda: later,
        )
        after = self.follow(inputs, after)
        return after, self._told(after, self.path(inputs, after["actions"]))

    def plan_for(
        self, inputs: dict[str, Any], state: State, wants: jax.Array, urgency: jax.Array, key: jax.Array
    ) -> State:
        """The state after the most urgent of those that want a plan have made one: gather, search, scatter."""
        batch = wants.shape[0]
        places = self.config.places(batch)
        if places == batch:
            return select(wants, self._fresh(inputs, state["actions"], key), state)
        _, chosen = jax.lax.top_k(jnp.where(wants, urgency, -jnp.inf), places)
        theirs = {name: x if name == "model" else x[chosen] for name, x in inputs.items()}
        found = self._fresh(theirs, state["actions"][chosen], key[chosen])
        target = jnp.where(wants[chosen], chosen, batch)
        return jax.tree.map(lambda old, new: old.at[target].set(new, mode="drop"), state, found)

    def _fresh(self, inputs: dict[str, Any], plan: jax.Array, key: jax.Array) -> State:
        return {"age": jnp.zeros(plan.shape[0], jnp.int32), **self.find(inputs, plan, key)}

    def _one_later(self, state: State) -> State:
        """What is left of a plan one decision later: its first action is done."""
        actions = jnp.pad(state["actions"][:, 1:], ((0, 0), (0, 1), (0, 0)))
        return state | {"actions": actions, "age": jnp.minimum(state["age"] + 1, NEVER)}

    def _told(self, state: State, path: jax.Array) -> Arrays:
        left = state["age"][:, None] + jnp.arange(self.config.horizon)[None] < self.config.horizon
        ready = (state["age"] < self.config.horizon).astype(jnp.float32)
        held = {name: state[name] * ready for name in ("value", "gain", "uncertainty")}
        action = state["actions"][:, 0]
        side = jnp.stack([held.pop("gain"), held["uncertainty"], ready], axis=1)
        return {
            **held,
            "action": action,
            "advice": jnp.concatenate([action, side], axis=1),
            "planned": (state["age"] == 0).astype(jnp.float32),
            "ready": ready,
            "path": jnp.where(left[:, :, None], path, 0.0),
        }
