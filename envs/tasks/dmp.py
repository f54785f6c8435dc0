"""Task `dmp`: delayed matching to place, a water maze whose platform is elsewhere every day (battery T2).

After Steele & Morris (1999): what one finding teaches is measured by how much sooner the next one comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from envs import trials
from envs.arena import CONTROL_SECONDS
from envs.moment import Body, Outcome
from envs.physics import Physics
from envs.registry import EnvError, unknown
from envs.scene import COLOURS, LANDMARK_WALLS, PartCounts, Pose, Scene, Start, Things, Walls, scene, walls
from envs.tasks.forage import Forage, ForageState
from envs.trials import Clock

SPLITS = ("train", "cells", "room")
APART = ((0, 1), (1, 3), (2, 0), (3, 2))
"""Column and row of the cells, of 4 x 4, in which training never puts the platform: one in each row and column."""

_CELL = 0.4  # m, so that all of the platform lies on the floor
_TRIALS = 4  # that are timed
_PROBE_STEPS = 60  # control steps without platform in a probe
_PROBE_REACH = 0.3  # m
_CUE = 0.04  # radius of what marks a visible platform, m
_AWAY = 50.0  # m, where things are that are not there
_ORDERS = np.array(list(permutations(range(4))))  # of the walls' colours; the first is as at home
_IN, _OUT = (
    np.array([(x, y) for x in range(4) for y in range(4) if ((x, y) in APART) == apart]) for apart in (False, True)
)


class DmpState(NamedTuple):
    """One environment."""

    platform: jax.Array  # [2], m
    clock: Clock
    delay: jax.Array  # [] int32, of this episode
    start: Start  # of the trial that runs or comes
    latency: jax.Array  # [4] int32, control steps of the first four trials, 0 for those not over
    finds: jax.Array  # [] int32
    room: jax.Array  # [] int32, row of `_ORDERS`
    probe: jax.Array  # [] bool, the second trial begins without platform
    near: jax.Array  # [8] int32, control steps of the probe near the platform's place and its seven mirror images
    bout: ForageState | None  # what there is to do in the delays; None where they are dark


@dataclass(frozen=True)
class Dmp:
    """+1 on finding the invisible platform, which stays all episode; then a new start away from it, after a delay.

    With `trials` 0 there are as many as fit into `search` control steps, delays not counted, of which the first one is
    the day's sample; a number makes it an experiment with animals: so many, of at most `limit` control steps each.
    `split` says where platforms are: `train`, in 12 of 16 cells; or what training leaves out: `cells`, the 4 others,
    and `room`, the walls' colours exchanged.
    """

    split: str = "train"
    delay: Any = field(default=None)  # control steps between trials: a number, or least and greatest of an episode's
    delayed: int = 1  # how many of the pauses have it, from the first on; the others have none
    distractor: bool = False  # FORAGE in the delay, in a grey room, in place of the dark
    trials: int = 0
    search: int = 400  # control steps
    limit: int = 100  # control steps
    visible: bool = False  # a pillar marks the platform: the motor control
    probe: float = 0.0  # part of episodes whose second trial begins with 3 s without platform
    radius: float = 0.20  # of the platform, m
    apart: float = 0.7  # least distance of a start from the platform, m
    stay: int = 1  # control steps on the platform
    bite: float = 0.2  # reward for each good thing of a distractor

    metric = "found"

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise unknown("choice of dmp.split", self.split, SPLITS)
        object.__setattr__(self, "delay", trials.span("dmp.delay", 0 if self.delay is None else self.delay))
        for option, low in (("delayed", 0), ("trials", 0), ("search", 1), ("limit", 1), ("stay", 0)):
            if getattr(self, option) < low:
                raise EnvError(f"dmp.{option} is {getattr(self, option)}; {low} or more is wanted.")
        if not 0 <= self.probe <= 1:
            raise EnvError(f"dmp.probe is {self.probe}; it is a part of all episodes, from 0 to 1.")
        if not 0.1 <= self.radius <= 0.2:
            raise EnvError(f"dmp.radius is {self.radius} m; platforms are 0.1 to 0.2 m.")
        if not self.radius < self.apart <= 0.9:
            raise EnvError(f"dmp.apart is {self.apart} m; it must lie between the radius and 0.9 m.")

    @property
    def terms(self) -> tuple[str, ...]:
        return ("found", "good", "bad") if self.distractor else ("found",)

    @property
    def comparable(self) -> bool:
        """Whether the stored baseline is of the same experiment; splits, delays, distractors change nothing in it."""
        same = ("trials", "search", "visible", "probe", "radius", "apart", "stay")
        return all(getattr(self, option) == getattr(Dmp, option) for option in same)

    @property
    def horizon(self) -> int:
        """Control steps of the longest episode."""
        pauses = min(self.delayed, self.trials - 1 if self.trials else self.delayed)
        light = self.trials * (self.limit + self.stay + 1) if self.trials else self.search
        return light + pauses * self.delay[1]

    @property
    def parts(self) -> PartCounts:
        return PartCounts(things=self.visible + (self._forage.parts.things if self.distractor else 0))

    @property
    def _forage(self) -> Forage:
        return Forage(horizon=self.horizon)

    def reset(self, key: jax.Array, body: Body) -> tuple[DmpState, Start]:
        keys = jax.random.split(key, 6)
        cells = jnp.asarray(_OUT if self.split == "cells" else _IN)
        cell = cells[jax.random.randint(keys[0], (), 0, len(cells))]
        platform = (cell + jax.random.uniform(keys[1], (2,)) - 2) * _CELL
        start = trials.away(keys[2], platform, self.apart, body)
        room = jax.random.randint(keys[4], (), 1, len(_ORDERS)) if self.split == "room" else jnp.int32(0)
        state = DmpState(
            platform,
            trials.begin(),
            trials.draw(keys[3], self.delay),
            start,
            jnp.zeros(_TRIALS, jnp.int32),
            jnp.int32(0),
            room,
            jax.random.uniform(keys[5]) < self.probe,
            jnp.zeros(len(images(platform)), jnp.int32),
            self._forage.reset(keys[5], body)[0] if self.distractor else None,
        )
        return state, start

    def scene(self, state: DmpState) -> Scene:
        dark = state.clock.delayed
        look = Walls(jnp.array(LANDMARK_WALLS)[jnp.asarray(_ORDERS)[state.room]], walls("landmark").ramp)
        cue = Things(state.platform[None], jnp.array([_CUE]), jnp.array([COLOURS["magenta"]]), jnp.ones((1, 2)))
        shown = scene(jax.tree.map(lambda leaf: leaf[: self.visible], cue), "landmark", dark)._replace(walls=look)
        if state.bout is None:
            return shown
        grey = self._forage.scene(state.bout)
        there = grey.things._replace(position=jnp.where(dark, grey.things.position, _AWAY))
        things = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), shown.things, there)
        mixed = jax.tree.map(lambda a, b: jnp.where(dark, a, b), grey.walls, look)
        return shown._replace(things=things, walls=mixed, dark=jnp.bool_(False))

    def step(
        self, state: DmpState, pose: Pose, physics: Physics, action: jax.Array, key: jax.Array, body: Body
    ) -> Outcome:
        """See `envs.trials` for what happens between two trials."""
        chance, bite = jax.random.split(key)
        running, clock = state.clock.running, trials.tick(state.clock)
        probing = running & state.probe & (clock.trial == 1) & (clock.time <= _PROBE_STEPS)
        gap = jnp.sqrt(((images(state.platform) - pose.position) ** 2).sum(-1))
        found = running & ~probing & (gap[0] < self.radius)
        over = found | (clock.time >= self.limit if self.trials else False)
        latency = jnp.where(over & (jnp.arange(_TRIALS) == clock.trial), clock.time, state.latency)
        after = trials.turn(clock, over, jnp.where(clock.trial < self.delayed, state.delay, 0), self.stay)
        fresh = trials.away(chance, state.platform, self.apart, body)
        start = Start(*(jnp.where(over, new, old) for new, old in zip(fresh, state.start, strict=True)))
        bout, terms = state.bout, {"found": found * 1.0}
        if bout is not None:
            eaten = self._forage.step(bout, pose, physics, action, bite, body)
            busy = state.clock.delayed
            bout = jax.tree.map(lambda a, b: jnp.where(busy, a, b), eaten.state, bout)
            terms |= {name: jnp.where(busy, self.bite * value, 0.0) for name, value in eaten.terms.items()}
        move, there = trials.held(after, pose, start, free=self.distractor)
        near = state.near + (probing & (gap < _PROBE_REACH))
        finds = state.finds + found
        state = DmpState(state.platform, after, state.delay, start, latency, finds, state.room, state.probe, near, bout)
        done = after.trial >= self.trials if self.trials else jnp.bool_(False)
        late = jnp.bool_(False) if self.trials else after.spent >= self.search
        return Outcome(state, terms, ended=done, cut_off=late, move=move, start=there)

    def trial(self, state: DmpState) -> jax.Array:
        """`[]` int32, the trial that runs, from 1 on; in a pause the one before it."""
        return state.clock.trial + state.clock.running

    def record(self, state: DmpState) -> dict[str, jax.Array]:
        """What an episode leaves behind."""
        return {"latency": state.latency * CONTROL_SECONDS, "near": state.near, "probe": state.probe}

    def measures(self, record: dict[str, np.ndarray]) -> dict[str, float]:
        """Latencies (s) and savings on matched episodes: those in which four trials came to their end.

        Savings are (L1 - mean(L2..L4)) / L1 of mean latencies, and (L1 - L2) / L1. In a probe: the part of it spent
        within 0.3 m of where the platform had been, and of each of the seven mirror images of that place.
        """
        probe, latency = record["probe"], record["latency"]
        matched = ~probe & (latency > 0).all(-1)
        times = latency[matched].mean(0) if matched.any() else np.full(_TRIALS, np.nan)
        near = record["near"][probe].mean(0) if probe.any() else np.full(record["near"].shape[-1], np.nan)
        return {
            **{f"latency_{n + 1}": float(time) for n, time in enumerate(times)},
            "savings": float((times[0] - times[1:].mean()) / times[0]),
            "savings_second": float((times[0] - times[1]) / times[0]),
            "matched": float(matched.sum() / max((~probe).sum(), 1)),
            **({"probe_place": float(near[0] / _PROBE_STEPS)} if self.probe else {}),
            **({"probe_mirrors": float(near[1:].mean() / _PROBE_STEPS)} if self.probe else {}),
        }

    def scripted(self) -> dict[str, Any]:
        from envs.searching import searchers

        return searchers(self)

    def nulls(self) -> dict[str, Any]:
        """Null policies of its own: to search well and to remember nothing."""
        from envs.searching import forgetful

        return forgetful(self)


def images(place: jax.Array) -> jax.Array:
    """`[8, 2]` a place and its images under the symmetries of the square."""
    flips = jnp.array([[a, b] for a in (1.0, -1.0) for b in (1.0, -1.0)])
    return jnp.concatenate([flips * place, flips * place[::-1]])
