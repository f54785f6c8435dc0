"""Planning on a map: shortest ways between places that are remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from agent.config import option
from agent.module import DECISION_SECONDS, State
from agent.planning.driving import Driver, DriverConfig
from agent.planning.planner import ASKED
from agent.ports import Input, Ports
from agent.registry import register

MOST = 128
"""Places on a map."""
LAYOUT = (
    "A place is x and y, a pose x, y, cosine and sine of the heading, a goal x and y, an action thrust and yaw; "
    "more may follow."
)
HOP = 1e-3
"""What a stretch costs beside its length, m; so a way over places that lie on each other does not turn in circles."""
FAR = 1e6
"""The length of a way that there is not, m."""


@register("map")
@dataclass(frozen=True)
class MapConfig(DriverConfig):
    """A graph of places, as an episodic store keeps them, and the shortest way to a goal (Bellman 1958; Ford 1956).

    Two places are joined if the body went from one to the other (they were written at most `gap` decisions apart), or
    if they lie within `near` of each other; so a way through a wall is never tried unless its places stand that close.
    The plan drives along the way. Its value is γ to the power of the decisions that the way takes, that of a reward of
    1 at its end; where no way is known there is no plan.
    """

    inputs: ClassVar = {
        "places": Input("one", rank=2),
        "written": Input("one", rank=1, dtype="int32"),
        "pose": Input("one", rank=1),
        "goal": Input("one", rank=1),
        **ASKED,
    }
    gap: int = option(8, "decisions between two writes that still make a way", low=1)
    near: float = option(0.25, "places so close are joined", unit="m", low=0.0)

    def ports(self, inputs: Ports) -> Ports:
        count = inputs["places"].shape[0]
        if count > MOST:
            raise ValueError(f"places: a map holds at most {MOST}, not {count}. Lower the slots.")
        if inputs["written"].shape != (count,):
            raise ValueError(
                f"written: {inputs['written'].shape[0]} times for {count} places. Wire those of one store."
            )
        needed = {"places": 2, "pose": 4, "goal": 2, "action": 2}
        short = [name for name, least in needed.items() if inputs[name].shape[-1] < least]
        if short:
            raise ValueError(
                f"{short[0]}: it has {inputs[short[0]].shape[-1]} numbers, not {needed[short[0]]}. {LAYOUT}"
            )
        return super().ports(inputs)


class Map(Driver[MapConfig]):
    """Inputs: `places [K, 2…]`, x and y (m), and the decision when each was `written [K]`, -1 for none, as a store that
    reads all of its slots sends them (`origin`, `recalled`); `pose [4…]` of path integration; `goal [2…]`. The
    uncertainty is the length of the first stretch, which leads to the map, m.
    """

    @property
    def points(self) -> int:
        return self.inputs["places"].shape[0] + 2

    def find(self, inputs: dict[str, Any], plan: jax.Array, key: jax.Array) -> State:
        c = self.config
        route = self.route(inputs)
        known = (route.length < FAR).astype(jnp.float32)
        value = known * c.discount ** (jnp.minimum(route.length, FAR) / (c.speed * DECISION_SECONDS))
        return {
            "actions": plan,
            "way": route.points,
            "value": value,
            "gain": value,
            "uncertainty": known * route.unsure,
            "age": jnp.where(known > 0, 0, c.horizon),
        }

    def route(self, inputs: dict[str, Any]) -> Route:
        """The shortest way from the pose over the places to the goal."""
        position, goal = inputs["pose"][:, :2], inputs["goal"][:, :2]
        points = jnp.concatenate([inputs["places"][:, :, :2], position[:, None], goal[:, None]], axis=1)
        apart = jnp.sqrt(jnp.square(points[:, :, None] - points[:, None]).sum(axis=-1))
        joined = self._joined(inputs["written"], apart) & ~jnp.eye(points.shape[1], dtype=bool)[None]
        lengths = jnp.where(joined, apart + HOP, FAR)
        rest = shortest(lengths)
        here = points.shape[1] - 2

        def follow(at: jax.Array, _: None) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            rows = jnp.arange(at.shape[0])
            onward = jnp.where(at == here + 1, at, (lengths[rows, at] + rest).argmin(axis=1).astype(at.dtype))
            return onward, (points[rows, onward], apart[rows, at, onward])

        start = jnp.full(position.shape[0], here, jnp.int32)
        _, (way, stretch) = jax.lax.scan(follow, start, None, length=points.shape[1])
        return Route(way.swapaxes(0, 1), rest[:, here], stretch[0])

    def _joined(self, written: jax.Array, apart: jax.Array) -> jax.Array:
        """Between which places there is a way `[B, K + 2, K + 2]`; the last two are the pose and the goal."""
        c, real = self.config, written >= 0
        went = jnp.abs(written[:, :, None] - written[:, None]) <= c.gap
        places = (went | (apart[:, :-2, :-2] <= c.near)) & real[:, :, None] & real[:, None]
        latest = (written == written.max(axis=1, keepdims=True)) & real
        close = (apart[:, :-2, -2:] <= c.near) & real[:, :, None]
        nearest = apart[:, :-2, -1] <= jnp.where(real, apart[:, :-2, -1], FAR).min(axis=1, keepdims=True)
        ends = close.at[:, :, 0].set(close[:, :, 0] | latest).at[:, :, 1].set(close[:, :, 1] | (nearest & real))
        straight = apart[:, -2:, -2:] <= c.near
        lower = jnp.concatenate([ends.swapaxes(1, 2), straight], axis=2)
        return jnp.concatenate([jnp.concatenate([places, ends], axis=2), lower], axis=1)


class Route(NamedTuple):
    """A way over the map."""

    points: jax.Array  # [B, W, 2] from place to place, then the goal again and again, m
    length: jax.Array  # [B], m; FAR where there is none
    unsure: jax.Array  # [B], length of its first stretch, m


def shortest(lengths: jax.Array) -> jax.Array:
    """Lengths of the shortest ways from all places to the last one: `[B, K, K]` -> `[B, K]`; FAR where there is none.

    d_i ← min_j (w_ij + d_j), until nothing changes.
    """
    start = jnp.full(lengths.shape[:2], FAR).at[:, -1].set(0.0)

    def closer(found: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        before, _ = found
        after = jnp.minimum(before, (lengths + before[:, None]).min(axis=2))
        return after, (after < before).any()

    return jax.lax.while_loop(lambda found: found[1], closer, (start, jnp.array(True)))[0]
