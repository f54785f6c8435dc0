"""Planning a way around: the shortest one over a map of what is in the way, through all that is not known to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from agent.config import option
from agent.geometry import place_of, spread
from agent.module import DECISION_SECONDS, State
from agent.planning.driving import Driver, DriverConfig, next_point
from agent.planning.planner import ASKED
from agent.ports import Input, Ports
from agent.registry import register

FAR = 1e6
"""The length of a way that there is not, m."""
ASIDE = 1e-3
"""What a step costs more per cell that it ends beside the straight line, m: it tells equal ways apart."""
NEIGHBOURS = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))


@register("wayfinder")
@dataclass(frozen=True)
class WayfinderConfig(DriverConfig):
    """The shortest way to a goal over a map of cells, by Bellman's (1958) recursion from the goal outwards.

    What is not known to be blocked is taken to be free, and the way is planned anew when it turns out not to be (the
    assumption of free space; Koenig & Smirnov 2005). A way past what is blocked leaves room, unless there is no other;
    of ways of the same length it is the one beside the straight line.
    The value is γ to the power of the decisions that the way takes, that of a reward of 1 at its end; without a goal
    there is no plan.
    """

    inputs: ClassVar = {
        "blocked": Input("one", rank=2),
        "pose": Input("one", rank=1),
        "goal": Input("one", rank=1),
        **ASKED,
    }
    cell: float = option(0.05, "side of a cell, that of the obstacle_map", unit="m", low=1e-3)
    wall: float = option(5.0, "m more for a way through a blocked cell", low=0.0)
    margin: float = option(0.5, "m more for a way through a cell beside a blocked one", low=0.0)
    stray: float = option(0.05, "so far from its way the body needs another", unit="m", low=0.0)
    ahead: int = option(16, "cells of the way that are driven along", low=1)

    def ports(self, inputs: Ports) -> Ports:
        needed = {"pose": 4, "goal": 3, "action": 2}
        for name, least in needed.items():
            if inputs[name].shape[-1] < least:
                raise ValueError(f"{name}: it has {inputs[name].shape[-1]} numbers, not {least}.")
        return super().ports(inputs)


class Wayfinder(Driver[WayfinderConfig]):
    """Inputs: `blocked [X, Y]` of an obstacle_map; `pose [4…]` of path integration; `goal [3…]`, x and y (m), and above
    0.5 if there is one. The uncertainty is what the value would lose if the way were longer by the width of the body.
    """

    @property
    def points(self) -> int:
        return 1 + self.config.ahead

    def initial(self, batch: int) -> State:
        return {**super().initial(batch), "tolls": jnp.zeros((batch, self.points))}

    def overtaken(self, inputs: dict[str, Any], state: State) -> jax.Array:
        """Where what lies before the body on its way costs more by now, or the body has come off its way."""
        position, way = inputs["pose"][:, :2], state["way"]
        dearer = self._tolls(inputs["blocked"], way) > state["tolls"] + 1e-6
        ahead = jnp.arange(self.points)[None] >= next_point(position, way)[:, None]
        off = jnp.linalg.norm(way - position[:, None], axis=2).min(axis=1) > self.config.stray
        return ((dearer & ahead).any(axis=1) | off) & (state["age"] < self.config.horizon)

    def find(self, inputs: dict[str, Any], plan: jax.Array, key: jax.Array) -> State:
        c, pose, goal = self.config, inputs["pose"], inputs["goal"]
        blocked = inputs["blocked"]
        rest, toll = distances(blocked, place_of(goal[:, :2], c.cell, blocked.shape[1:]), c)
        points, length = self._way(rest, toll, pose[:, :2], goal[:, :2])
        known = ((goal[:, 2] > 0.5) & (length < FAR)).astype(jnp.float32)
        worth = lambda length: known * c.discount ** (jnp.minimum(length, FAR) / (c.speed * DECISION_SECONDS))  # noqa: E731
        value = worth(length)
        return {
            "actions": plan,
            "way": points,
            "tolls": self._tolls(blocked, points),
            "value": value,
            "gain": value,
            "uncertainty": value - worth(length + 2 * c.cell),
            "age": jnp.where(known > 0, 0, c.horizon),
        }

    def _tolls(self, blocked: jax.Array, points: jax.Array) -> jax.Array:
        """What entering the cells at points `[B, W, 2]` costs beside, as in `distances`."""
        c, shape = self.config, blocked.shape[1:]
        around = place_of(points, c.cell, shape)[:, :, None] + np.array([(0, 0), *NEIGHBOURS])[None, None]
        x, y = jnp.moveaxis(inside(around, shape), -1, 0)
        there = blocked[np.arange(len(blocked))[:, None, None], x, y]
        here, beside = there[..., 0], there[..., 1:].max(axis=-1)
        return toll_of(here, beside, c)

    def _way(
        self, rest: jax.Array, toll: jax.Array, position: jax.Array, goal: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Points `[B, W, 2]` from the position on, cell by cell, the goal at their end; the length of the way `[B]`."""
        c, shape = self.config, rest.shape[1:]
        rows, steps = jnp.arange(rest.shape[0]), np.array(NEIGHBOURS)[None]
        start, end = (inside(place_of(x, c.cell, shape), shape) for x in (position, goal))
        stride = c.cell * np.linalg.norm(steps, axis=2)

        def follow(at: jax.Array, _: None) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            around = at[:, None] + steps
            there = inside(around, shape)
            cost = (rest + toll)[rows[:, None], there[..., 0], there[..., 1]] + stride
            cost = jnp.where((there == around).all(axis=-1), cost, FAR)
            best = there[rows, (cost + ASIDE * beside_line(there, start, end)).argmin(axis=1)]
            arrived = (at == end).all(axis=1)
            onward = jnp.where(arrived[:, None], at, best)
            point = (onward + 0.5 - spread(np.array(shape) / 2, 2)) * c.cell
            return onward, (jnp.where((onward == end).all(axis=1)[:, None], goal, point), cost.min(axis=1))

        _, (way, length) = jax.lax.scan(follow, start, None, length=c.ahead)
        here = (start == end).all(axis=1)
        straight = jnp.linalg.norm(goal - position, axis=1)
        way = jnp.concatenate([position[:, None], way.swapaxes(0, 1)], axis=1)
        return way, jnp.where(here, straight, length[0])


def distances(blocked: jax.Array, goal: jax.Array, config: WayfinderConfig) -> tuple[jax.Array, jax.Array]:
    """Lengths of the shortest ways from the middle of every cell to the goal's cell `[B, 2]`, and what entering a cell
    costs beside, both `[B, X, Y]`, m. Diagonal steps are √2 cells long.
    """
    batch, wide, high = blocked.shape
    beside = jax.lax.reduce_window(blocked, -jnp.inf, jax.lax.max, (1, 3, 3), (1, 1, 1), "SAME")
    toll = toll_of(blocked, beside, config)
    goal = inside(goal, (wide, high))
    start = jnp.full(blocked.shape, FAR).at[jnp.arange(batch), goal[:, 0], goal[:, 1]].set(0.0)
    steps = [(offset, config.cell * float(np.hypot(*offset))) for offset in NEIGHBOURS]

    def closer(found: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        before, _ = found
        padded = jnp.pad(before + toll, ((0, 0), (1, 1), (1, 1)), constant_values=FAR)
        after = before
        for (i, j), length in steps:
            after = jnp.minimum(after, length + padded[:, 1 + i : 1 + i + wide, 1 + j : 1 + j + high])
        return after, (after < before).any()

    rest, _ = jax.lax.while_loop(lambda found: found[1], closer, (start, jnp.array(True)))
    return rest, toll


def toll_of(here: jax.Array, beside: jax.Array, config: WayfinderConfig) -> jax.Array:
    """What a cell costs beside its length, m, that is blocked `here`, or has a neighbour that is: never below 0."""
    here, beside = jnp.clip(here, 0.0, 1.0), jnp.clip(beside, 0.0, 1.0)
    return config.wall * here + config.margin * jnp.maximum(beside - here, 0.0)


def beside_line(place: jax.Array, start: jax.Array, end: jax.Array) -> jax.Array:
    """How far cells `[B, N, 2]` lie beside the straight line between two others `[B, 2]`, cells, `[B, N]`."""
    course = end - start
    normal = jnp.stack([-course[:, 1], course[:, 0]], axis=1)
    normal /= jnp.maximum(jnp.linalg.norm(course, axis=1, keepdims=True), 1.0)
    return jnp.abs(((place - start[:, None]) * normal[:, None]).sum(axis=-1))


def inside(place: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Cells `[..., 2]` on a map of that shape, the nearest ones to those beyond it."""
    return jnp.clip(place, 0, spread(np.array(shape), place.ndim) - 1)
