"""From a way to actions, for planners that reckon in places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp

from agent.config import option
from agent.module import DECISION_SECONDS, State
from agent.planning.planner import Planner, PlannerConfig


@dataclass(frozen=True)
class DriverConfig(PlannerConfig):
    """What a planner knows of the body that it drives."""

    speed: float = option(1.5, "top speed", unit="m/s", low=1e-3)
    yaw: float = option(6.0, "top rate of turning", unit="rad/s", low=1e-3)
    pace: float = option(1.0, "part of the top speed that is driven at most", low=0.01, high=1.0)
    turn: float = option(2.0, "command to turn per rad off the course", low=0.0)


D = TypeVar("D", bound=DriverConfig)


class Driver(Planner[D], Generic[D]):
    """A planner whose plans are ways: points, along which the body is steered from where it is until the next plan.

    Its `find` gives a `way [N, W, 2]`, m, beside `value`, `gain`, `uncertainty` and `age`; `pose` must be an input.
    """

    @property
    def points(self) -> int:
        """Points of a way, W."""
        raise TypeError(f"{type(self).__name__} does not say how long its ways are")

    def initial(self, batch: int) -> State:
        return {**super().initial(batch), "way": jnp.zeros((batch, self.points, 2))}

    def follow(self, inputs: dict[str, Any], state: State) -> State:
        ready = (state["age"] < self.config.horizon).astype(jnp.float32)
        actions = drive(inputs["pose"], state["way"], state["actions"].shape[1:], self.config)
        return state | {"actions": actions * ready[:, None, None]}

    def path(self, inputs: dict[str, Any], plan: jax.Array) -> jax.Array:
        """What the body is told, as if it did so at once: `[B, H, 3]`."""
        c, thrust, yaw = self.config, plan[:, :, 0], plan[:, :, 1]
        return jnp.stack([thrust * c.speed, jnp.zeros_like(yaw), yaw * c.yaw], axis=2)


def drive(pose: jax.Array, way: jax.Array, shape: tuple[int, ...], body: DriverConfig) -> jax.Array:
    """Actions `[B, H, A]` of shape (H, A), thrust and yaw first, along points `[B, W, 2]` from the next one on, for a
    body that does at once as it is told; from `pose` `[B, 4]`, x and y (m), cosine and sine of the heading.
    """
    horizon, count = shape
    step = body.pace * body.speed * DECISION_SECONDS

    def tick(at: tuple[jax.Array, ...], _: None) -> tuple[tuple[jax.Array, ...], jax.Array]:
        position, heading, target = at
        rows = jnp.arange(position.shape[0])
        reached = jnp.linalg.norm(way[rows, target] - position, axis=1) < step
        target = jnp.where(reached, jnp.minimum(target + 1, way.shape[1] - 1), target)
        offset = way[rows, target] - position
        error = jnp.arctan2(offset[:, 1], offset[:, 0]) - heading
        error = jnp.arctan2(jnp.sin(error), jnp.cos(error))
        yaw = jnp.clip(body.turn * error, -1.0, 1.0)
        thrust = jnp.clip(jnp.linalg.norm(offset, axis=1) / step, 0.0, 1.0) * jnp.maximum(jnp.cos(error), 0.0)
        heading = heading + yaw * body.yaw * DECISION_SECONDS
        ahead = jnp.stack([jnp.cos(heading), jnp.sin(heading)], axis=1)
        action = jnp.pad(jnp.stack([body.pace * thrust, yaw], axis=1), ((0, 0), (0, count - 2)))
        return (position + ahead * (thrust * step)[:, None], heading, target), action

    start = (pose[:, :2], jnp.arctan2(pose[:, 3], pose[:, 2]), next_point(pose[:, :2], way))
    return jax.lax.scan(tick, start, None, length=horizon)[1].swapaxes(0, 1)


def next_point(position: jax.Array, way: jax.Array) -> jax.Array:
    """Which of the points `[B, W, 2]` is next, `[B]`: the nearest one, or if the body has come to it, that after it."""
    rows, last = jnp.arange(way.shape[0]), way.shape[1] - 1
    nearest = jnp.linalg.norm(way - position[:, None], axis=2).argmin(axis=1)
    after = jnp.minimum(nearest + 1, last)
    point = way[rows, nearest]
    passed = ((position - point) * (way[rows, after] - point)).sum(axis=1) > 0
    return jnp.where(passed | (position == point).all(axis=1), after, nearest)
