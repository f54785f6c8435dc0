"""Task `detour`: food behind a barrier; the way to it leads away from it (battery T4).

Koehler's (1925) U, a straight fence, and the transparent cylinder of MacLean et al. (2014) as a tunnel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from envs import barriers
from envs.barriers import KINDS, Barrier
from envs.moment import Body, Outcome
from envs.physics import Physics
from envs.registry import EnvError, unknown
from envs.scene import COLOURS, PartCounts, Pose, Scene, Start, Things, no_things, walls


class Range(NamedTuple):
    """From what a barrier is drawn; pairs are least and greatest, in m."""

    kinds: tuple[str, ...]
    clear: tuple[str, ...]  # kinds that may be transparent
    opaque: tuple[str, ...]  # kinds that may be opaque
    length: tuple[float, float]  # of a straight panel
    arms: tuple[float, float]  # of a U
    shift: float = 0.0  # the most that a straight panel lies to one side
    unequal: bool = False  # one side is the shorter way


SPLITS = {
    "train": Range(("straight", "u"), ("straight",), ("straight", "u"), (0.5, 0.9), (0.3, 0.45), shift=0.15),
    "transparent": Range(("u", "tunnel"), ("u", "tunnel"), (), (0.5, 0.9), (0.3, 0.45)),
    "longer": Range(("straight", "u"), ("straight",), ("straight", "u"), (0.9, 1.2), (0.45, 0.6)),
    "shortcut": Range(("straight", "u"), (), ("straight", "u"), (0.8, 0.9), (0.3, 0.4), unequal=True),
    "open": Range(("open",), (), ("open",), (0.5, 0.9), (0.3, 0.45)),
}
"""Barriers in training; transparent ones of kinds known only opaque, and new ones; larger ones; ones that reach much
further to one side, as is to be seen from the start; and none at all, the motor control."""

_FOOD = 0.07  # radius, m
_BEHIND = (0.18, 0.24)  # m, from the front to the food
_BEFORE = (0.45, 0.65)  # m, from the start to the front
_WIDTH = (0.2, 0.3)  # m, half of the front of a U
_FURTHER = 0.35  # m, by which the front of an unequal U reaches further to one side
_TUNNEL = (0.22, 0.35)  # m, half of the length of a tunnel
_ASIDE = 0.05  # m
_WINDOW = 0.04  # m, half width
_WITHIN = 1.5  # times the shortest way
_UNEQUAL = 1.15  # a side is the shorter one if the other is so many times as long


class DetourState(NamedTuple):
    """One environment."""

    barrier: Barrier
    food: jax.Array  # [2], m
    shortest: jax.Array  # [2], m, length of the shortest way to the food on the left and on the right
    last: jax.Array  # [2], m, where the body was
    path: jax.Array  # [], m, driven so far
    pressed: jax.Array  # [] bool, the front was touched from the near side before the body was behind it
    side: jax.Array  # [] int32, on which side it first passed the front: 0 left, 1 right, -1 not yet
    entered: jax.Array  # [] bool, it has been behind the front
    reached: jax.Array  # [] bool
    time: jax.Array  # [] int32, control steps


@dataclass(frozen=True)
class Detour:
    """+1 on reaching the food, which ends the episode; every control step costs a little.

    Opaque barriers have a window to see the food through, too narrow for the body. Which barriers there are is said by
    `split` (see `SPLITS`). The score is the part of episodes in which the food was reached on a way of at most 1.5
    times the shortest one.
    """

    split: str = "train"
    open: float = 0.0  # part of episodes with nothing in the way; without them going round is never wrong
    horizon: int = 300  # control steps
    cost: float = 0.002  # of a control step
    tint: float = 0.15  # of a transparent panel
    reach: float = 0.01  # a thing is touched when the gap to the body is smaller, m
    look: float = 15.0  # degrees, the most that the body looks past the food at the start
    walls: str = "plain"

    metric = "success"
    terms = ("food", "time")

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise unknown("choice of detour.split", self.split, SPLITS)
        if self.horizon < 1:
            raise EnvError(f"detour.horizon is {self.horizon}; an episode lasts at least 1 control step.")
        if not 0 <= self.open <= 1:
            raise EnvError(f"detour.open is {self.open}; it is a part of all episodes, from 0 to 1.")
        if not 0 <= self.look <= 90:
            raise EnvError(f"detour.look is {self.look} degrees; 0 to 90 are wanted.")
        if not 0 <= self.tint < 1:
            raise EnvError(f"detour.tint is {self.tint}; a part of light from 0 to below 1 is wanted.")

    @property
    def comparable(self) -> bool:
        """Whether the stored baseline holds: not where nothing stands in the way, or the body looks elsewhere."""
        return self.split != "open" and not self.open and self.look == Detour.look

    @property
    def parts(self) -> PartCounts:
        return PartCounts(things=1, panels=0 if self.split == "open" else barriers.PANELS)

    def reset(self, key: jax.Array, body: Body) -> tuple[DetourState, Start]:
        keys = jax.random.split(key, 8)
        barrier = self._barrier(keys[0])
        between = lambda key, low, high: jax.random.uniform(key, (), minval=low, maxval=high)  # noqa: E731
        food = jnp.stack([between(keys[1], *_BEHIND), between(keys[2], -_ASIDE, _ASIDE)])
        start = jnp.stack([-between(keys[3], *_BEFORE), between(keys[4], -_ASIDE, _ASIDE)])
        room = body.radius + barriers.ROOM
        length, _ = barriers.ways(barrier, start, food, room, room)
        shortest = length - _FOOD - body.radius - self.reach
        way, look = food - start, np.deg2rad(self.look)
        heading = barrier.turned + jnp.arctan2(way[1], way[0]) + between(keys[5], -look, look)
        here = barriers.world(barrier, start)
        no, zero = jnp.bool_(False), jnp.int32(0)
        state = DetourState(
            barrier,
            barriers.world(barrier, food),
            shortest,
            here,
            jnp.float32(0),
            no,
            jnp.int32(-1),
            no,
            no,
            zero,
        )
        return state, Start(here, heading)

    def _barrier(self, key: jax.Array) -> Barrier:
        of = SPLITS[self.split]
        keys = jax.random.split(key, 8)
        number = jax.random.randint(keys[0], (), 0, len(of.kinds))
        may = jnp.array([[kind in of.clear, kind in of.opaque] for kind in of.kinds])[number]
        clear = may[0] & (~may[1] | jax.random.bernoulli(keys[1]))
        kind = jnp.array([KINDS.index(kind) for kind in of.kinds])[number]
        kind = jnp.where(jax.random.uniform(jax.random.fold_in(keys[1], 1)) < self.open, KINDS.index("open"), kind)
        between = lambda key, low, high: jax.random.uniform(key, (), minval=low, maxval=high)  # noqa: E731
        half = jnp.stack(
            [jnp.float32(0.3), between(keys[2], *of.length) / 2, between(keys[3], *_WIDTH), between(keys[4], *_TUNNEL)]
        )[kind]
        arms = between(keys[5], *of.arms) * jnp.ones(2)
        most = jnp.where(kind == KINDS.index("straight"), of.shift, 0.0)
        shift = between(jax.random.fold_in(keys[2], 1), -most, most)
        reach = half + shift * jnp.array([1.0, -1.0])
        short = jnp.arange(2) == jax.random.randint(keys[6], (), 0, 2)
        if of.unequal:
            straight = kind == KINDS.index("straight")
            reach = jnp.where(
                short, jnp.where(straight, 0.2, half), jnp.where(straight, 2 * half - 0.2, half + _FURTHER)
            )
        return Barrier(
            kind.astype(jnp.int32),
            reach,
            arms,
            jnp.float32(0.40),
            jnp.where(clear, 0.0, _WINDOW),
            clear,
            between(keys[7], -jnp.pi, jnp.pi),
        )

    def scene(self, state: DetourState) -> Scene:
        food = Things(state.food[None], jnp.array([_FOOD]), jnp.array([COLOURS["green"]]), jnp.ones((1, 2)))
        shown = jax.tree.map(lambda leaf: leaf[: self.parts.panels], barriers.panels(state.barrier, self.tint))
        return Scene(food, shown, no_things(), walls(self.walls), jnp.bool_(False))

    def step(
        self, state: DetourState, pose: Pose, physics: Physics, action: jax.Array, key: jax.Array, body: Body
    ) -> Outcome:
        del physics, action, key
        gap = jnp.sqrt(((state.food - pose.position) ** 2).sum()) - _FOOD - body.radius
        reached, time = gap <= self.reach, state.time + 1
        x, y = barriers.local(state.barrier, pose.position)
        left, right = state.barrier.reach
        there, within = state.barrier.kind > 0, (-right < y) & (y < left)
        at_front = there & within & (x < 0) & (-x - barriers.PANEL_HALF_THICKNESS - body.radius <= self.reach)
        state = state._replace(
            last=pose.position,
            path=state.path + jnp.sqrt(((pose.position - state.last) ** 2).sum()),
            pressed=state.pressed | (at_front & ~state.entered),
            side=jnp.where((state.side < 0) & (x > 0), jnp.where(y > (left - right) / 2, 0, 1), state.side),
            entered=state.entered | ((x > 0) & within),
            reached=reached,
            time=time,
        )
        terms = {"food": reached * 1.0, "time": jnp.float32(-self.cost)}
        return Outcome(state, terms, ended=reached, cut_off=time >= self.horizon)

    def record(self, state: DetourState) -> dict[str, jax.Array]:
        """What an episode leaves behind."""
        return {
            "reached": state.reached,
            "ratio": state.path / state.shortest.min(),
            "clear": state.barrier.clear & (state.barrier.kind > 0),
            "kind": state.barrier.kind,
            "pressed": state.pressed | ~state.entered,
            "side": state.side,
            "shortest": state.shortest,
        }

    def measures(self, record: dict[str, np.ndarray]) -> dict[str, float]:
        """Parts of episodes; NaN where there were none of that sort.

        `inhibition`: the transparent front was not touched before the body first came behind it (MacLean et al.'s
        measure). `shorter_side`: of those that passed the front where one side was longer by 15 %.
        """
        success = record["reached"] & (record["ratio"] <= _WITHIN)
        lengths = record["shortest"]
        unequal = (record["side"] >= 0) & (lengths.max(-1) >= _UNEQUAL * lengths.min(-1))
        chosen = record["side"] == lengths.argmin(-1)
        return {
            "success": _share(success),
            "reached": _share(record["reached"]),
            "detour_ratio": _share(record["ratio"][record["reached"]]),
            "inhibition": _share(~record["pressed"][record["clear"]]),
            "shorter_side": _share(chosen[unequal]),
            **{f"success_{kind}": _share(success[met]) for kind, met in self._met(record["kind"])},
            **{f"shorter_side_{kind}": _share(chosen[unequal & met]) for kind, met in self._met(record["kind"])},
        }

    def _met(self, kind: np.ndarray) -> list[tuple[str, np.ndarray]]:
        """Every kind of barrier there may be, and in which episodes it was."""
        names = dict.fromkeys((*SPLITS[self.split].kinds, *(("open",) if self.open else ())))
        return [(name, kind == KINDS.index(name)) for name in names]

    def scripted(self) -> dict[str, Any]:
        from envs.detouring import planners

        return planners(self)

    def nulls(self) -> dict[str, Any]:
        """Null policies of its own: straight at the food."""
        from envs.detouring import rash

        return rash()


def _share(values: np.ndarray) -> float:
    """The mean, NaN of nothing."""
    return float(values.mean()) if len(values) else float("nan")
