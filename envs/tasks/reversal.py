"""Task `reversal`: of two things one is good, until the rule turns round (battery T3).

Serial reversal learning, with an extra-dimensional shift as an option (after Dias, Robbins & Roberts 1996).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from envs import trials
from envs.moment import Body, Outcome
from envs.physics import Physics
from envs.registry import EnvError, unknown
from envs.reversals import Counts, Trial, counted, measures, nothing, part
from envs.scene import COLOURS, SHAPES, PartCounts, Pose, Scene, Start, Things, scene
from envs.trials import Clock

RULES = ("either", "colour", "shape")
SPLITS = {
    "train": (
        ("red green", "red yellow", "green blue", "blue yellow"),
        ("stone mushroom",),
    ),
    "pairs": (("red blue", "green yellow"), ("stone mushroom",)),
    "new": (
        ("red cyan", "green magenta", "blue cyan", "yellow magenta", "cyan magenta"),
        ("stone pillar", "mushroom pillar"),
    ),
}
"""The two colours and the two shapes that an episode may have: in training; known ones in new pairs; and new ones."""

CRITERION = (7, 8)  # so many of the last so many right: the rule is learned
_HOLD = 4  # the rule turns round 0 to 3 trials after that, each as likely
_START = (-0.3, 0.0)  # m
_PLACES = np.array(_START) + 0.6 * np.array([[np.cos(a), np.sin(a)] for a in np.deg2rad([35.0, -35.0])])
_RADIUS = 0.10  # of a thing, m


class ReversalState(NamedTuple):
    """One environment."""

    clock: Clock
    delay: jax.Array  # [] int32, of this episode
    colours: jax.Array  # [2] int32
    shapes: jax.Array  # [2] int32
    rule: jax.Array  # [] int32: 0, 1 the first, the second colour is good; 2, 3 the first, the second shape
    heading: jax.Array  # [], rad, of the body at the start of the trial that runs or comes
    left: jax.Array  # [2] int32, which colour and which shape the left thing has; the right one has the others
    history: jax.Array  # [8] bool, right choices under this rule, the latest first
    errors: jax.Array  # [2] int32, under this rule, until the criterion is met: before and after the first right choice
    place: jax.Array  # [] int32, trials done under this rule
    met: jax.Array  # [] int32, trials since the criterion was met; -1 before
    shifts: jax.Array  # [] int32: 0, no shift in this episode; 1, it comes; 2, it has come
    chosen: jax.Array  # [2] int32, which colour and which shape was chosen last; -1 where none was
    rewarded: jax.Array  # [] bool, and what came of it
    hazard: jax.Array  # [] how likely it was that the rule changed after that
    counts: Counts


@dataclass(frozen=True)
class Reversal:
    """+1 on touching the good one of two things; when that is learned, the other becomes good.

    An episode has two colours and two shapes; each trial pairs them anew and puts the two things left and right at
    random. The rule is that one of the colours, or of the shapes, is good. It turns round 0 to 3 trials after 7 of the
    last 8 choices were right. In a part `shift` of episodes, after `before` reversals, the other dimension counts. The
    score is the part of right choices in the first five trials after a reversal, the very first left out.
    """

    split: str = "train"  # or pairs, new: see `SPLITS`
    rule: str = "either"  # or colour, shape: the dimension that counts
    reliable: float = 1.0  # probability that a right choice is rewarded, and a wrong one is not
    shift: float = 0.0  # part of episodes with an extra-dimensional shift
    before: int = 3  # reversals before it
    trials: int = 40
    limit: int = 30  # control steps of a trial
    delay: Any = field(default=None)  # control steps between trials: a number, or least and greatest of an episode's
    stay: int = 1  # control steps at the thing chosen
    reach: float = 0.01  # a thing is touched when the gap to the body is smaller, m
    look: float = 0.0  # degrees, the most that the body looks to a side at the start: then each side is met by itself
    walls: str = "plain"

    metric = "after_reversal"
    terms = ("rewarded",)
    parts = PartCounts(things=2)

    def __post_init__(self) -> None:
        for option, choices in (("split", SPLITS), ("rule", RULES)):
            if getattr(self, option) not in choices:
                raise unknown(f"choice of reversal.{option}", getattr(self, option), choices)
        object.__setattr__(self, "delay", trials.span("reversal.delay", 0 if self.delay is None else self.delay))
        for option, low in (("trials", 1), ("limit", 1), ("stay", 0), ("before", 0)):
            if getattr(self, option) < low:
                raise EnvError(f"reversal.{option} is {getattr(self, option)}; {low} or more is wanted.")
        if not 0 <= self.look <= 90:
            raise EnvError(f"reversal.look is {self.look} degrees; 0 to 90 are wanted.")
        if not 0.5 < self.reliable <= 1:
            raise EnvError(f"reversal.reliable is {self.reliable}; a probability above 0.5, at most 1, is wanted.")
        if not 0 <= self.shift <= 1:
            raise EnvError(f"reversal.shift is {self.shift}; it is a part of all episodes, from 0 to 1.")

    @property
    def comparable(self) -> bool:
        """Whether the stored baseline is of the same experiment; splits, rules and delays change nothing in it."""
        same = ("trials", "limit", "reliable", "shift", "stay", "reach", "look")
        return all(getattr(self, option) == getattr(Reversal, option) for option in same)

    @property
    def horizon(self) -> int:
        """Control steps of the longest episode."""
        return self.trials * self.limit + (self.trials - 1) * (self.stay + 1 + self.delay[1])

    def reset(self, key: jax.Array, body: Body) -> tuple[ReversalState, Start]:
        del body
        keys = jax.random.split(key, 6)
        colours, shapes = (
            _pair(keys[n], pairs, tuple(names))
            for n, (pairs, names) in enumerate(zip(SPLITS[self.split], (COLOURS, SHAPES), strict=True))
        )
        low, high = {"either": (0, 4), "colour": (0, 2), "shape": (2, 4)}[self.rule]
        zero = lambda *shape: jnp.zeros(shape, jnp.int32)  # noqa: E731
        state = ReversalState(
            clock=trials.begin(),
            delay=trials.draw(keys[2], self.delay),
            colours=colours,
            shapes=shapes,
            rule=jax.random.randint(keys[3], (), low, high),
            heading=self._heading(jax.random.fold_in(keys[5], 1)),
            left=jax.random.randint(keys[4], (2,), 0, 2),
            history=jnp.zeros(CRITERION[1], bool),
            errors=zero(2),
            place=zero(),
            met=jnp.int32(-1),
            shifts=jnp.int32(jax.random.uniform(keys[5]) < self.shift),
            chosen=jnp.full(2, -1, jnp.int32),
            rewarded=jnp.bool_(False),
            hazard=jnp.float32(0),
            counts=nothing(),
        )
        return state, _start(state.heading)

    def _heading(self, key: jax.Array) -> jax.Array:
        return jnp.deg2rad(self.look) * jax.random.uniform(key, minval=-1.0)

    def scene(self, state: ReversalState) -> Scene:
        which = jnp.stack([state.left, 1 - state.left])  # [left or right, colour or shape]
        paint = jnp.array(list(COLOURS.values()))[state.colours[which[:, 0]]]
        rows = jnp.array(list(SHAPES.values()))[state.shapes[which[:, 1]]]
        things = Things(jnp.asarray(_PLACES, jnp.float32), jnp.full(2, _RADIUS), paint, rows)
        return scene(things, self.walls, state.clock.delayed)

    def step(
        self, state: ReversalState, pose: Pose, physics: Physics, action: jax.Array, key: jax.Array, body: Body
    ) -> Outcome:
        """See `envs.trials` for what happens between two trials."""
        del physics, action
        keys = jax.random.split(key, 4)
        running, clock = state.clock.running, trials.tick(state.clock)
        gap = jnp.sqrt(((jnp.asarray(_PLACES) - pose.position) ** 2).sum(-1)) - _RADIUS - body.radius
        touched = running & (gap.min() <= self.reach)
        over = touched | (running & (clock.time >= self.limit))
        right = touched & (jnp.argmin(gap) == good(state))
        rewarded = touched & (right == (jax.random.uniform(keys[0]) < self.reliable))
        chosen = jnp.where(touched, jnp.where(jnp.argmin(gap) == 0, state.left, 1 - state.left), -1)
        after = trials.turn(clock, over, state.delay, self.stay)
        done = self._judged(state, right, touched, chosen, rewarded, keys[1])
        state = jax.tree.map(lambda a, b: jnp.where(over, a, b), done, state)
        leaves = (over | state.clock.staying) & ~after.staying  # not before, lest what was chosen changes in sight
        left = jnp.where(leaves, jax.random.randint(keys[2], (2,), 0, 2), state.left)
        heading = jnp.where(over, self._heading(keys[3]), state.heading)
        state = state._replace(clock=after, heading=heading, left=left)
        move, there = trials.held(after, pose, _start(heading))
        return Outcome(
            state,
            {"rewarded": rewarded * 1.0},
            ended=after.trial >= self.trials,
            cut_off=jnp.bool_(False),
            move=move,
            start=there,
        )

    def _judged(
        self,
        state: ReversalState,
        right: jax.Array,
        touched: jax.Array,
        chosen: jax.Array,
        rewarded: jax.Array,
        key: jax.Array,
    ) -> ReversalState:
        """The state after a trial, its rule perhaps another."""
        turns, picks = jax.random.split(key)
        history = jnp.concatenate([right[None], state.history[:-1]])
        first = ~(state.history.any() | right)  # no right choice yet, this one counted
        searching = state.met < 0
        errors = state.errors + (jnp.stack([first, ~first]) & ~right & searching)
        met = jnp.where(searching, jnp.where(history.sum() >= CRITERION[0], 0, -1), state.met + 1)
        hazard = jnp.where(met < 0, 0.0, 1.0 / (_HOLD - jnp.maximum(met, 0)))
        changes = jax.random.uniform(turns) < hazard
        after_shift = (state.shifts == 2) & (state.counts.reversals == self.before + 1)
        counts = counted(state.counts, Trial(state.place, right, touched, errors, met == 0, changes, after_shift))
        shift = (state.shifts == 1) & (state.counts.reversals == self.before)
        other = jnp.where(shift, (state.rule // 2 * 2 + 2) % 4 + jax.random.randint(picks, (), 0, 2), state.rule ^ 1)
        fresh = lambda new, old: jnp.where(changes, new, old)  # noqa: E731
        return state._replace(
            rule=fresh(other, state.rule),
            history=fresh(jnp.zeros_like(history), history),
            errors=fresh(jnp.zeros_like(errors), errors),
            place=fresh(0, state.place + 1),
            met=fresh(-1, met),
            shifts=state.shifts + (changes & shift),
            chosen=chosen,
            rewarded=rewarded,
            hazard=hazard,
            counts=counts,
        )

    def trial(self, state: ReversalState) -> jax.Array:
        """`[]` int32, the trial that runs, from 1 on; in a pause the one before it."""
        return state.clock.trial + state.clock.running

    def record(self, state: ReversalState) -> dict[str, jax.Array]:
        """What an episode leaves behind."""
        return state.counts._asdict()

    def measures(self, record: dict[str, np.ndarray]) -> dict[str, float]:
        """Parts of right choices, and errors of either kind per rule learned; NaN where there was nothing to count.

        Perseverative errors come before the first right choice after a reversal, regressive ones later.
        """
        found = measures(record, self.trials)
        return found | ({"after_shift": part(*record["shifted"].sum(0))} if self.shift else {})

    def scripted(self) -> dict[str, Any]:
        from envs.choosing import observers

        return observers(self)

    def nulls(self) -> dict[str, Any]:
        """Null policies of its own: to choose well and to learn nothing, or never to unlearn."""
        from envs.choosing import learners_of_nothing

        return learners_of_nothing()


def good(state: ReversalState) -> jax.Array:
    """`[]` int32, 0 where the left thing is the good one, else 1."""
    return (state.left[state.rule // 2] != state.rule % 2) * 1


def _start(heading: jax.Array) -> Start:
    return Start(jnp.array(_START), heading)


def _pair(key: jax.Array, pairs: tuple[str, ...], names: tuple[str, ...]) -> jax.Array:
    """`[2]` int32, places in `names` of one of the pairs, in either order."""
    which, order = jax.random.split(key)
    rows = jnp.array([[names.index(name) for name in pair.split()] for pair in pairs])
    return jax.random.permutation(order, rows[jax.random.randint(which, (), 0, len(pairs))])
