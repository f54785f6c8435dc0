"""Task `forage`: see and reach. Eat things of the good colour, leave those of the bad one (battery T1)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from envs.arena import HALF
from envs.moment import Body, Outcome
from envs.physics import Physics
from envs.registry import EnvError, unknown
from envs.scene import COLOURS, SHAPES, WALLS, PartCounts, Pose, Scene, Start, Things, scene

_CLEARANCE = 0.02  # between things, m
_SURPRISE = 0.10  # nearest that a thing reappears to the body's surface, m
_CANDIDATES = 8
_CHOICES = {"good": COLOURS, "bad": COLOURS, "shape": SHAPES, "walls": WALLS, "rule": ("fixed", "told")}
_PAIR = 1 << 18  # folded into an episode's key for its colours, apart from all that is drawn of places


class ForageState(NamedTuple):
    """One environment."""

    position: jax.Array  # [n, 2], m, good things first
    time: jax.Array  # [] int32, control steps
    pair: jax.Array | None = None  # [] int32, which of `pairs` holds; None where there is only one


@dataclass(frozen=True)
class Forage:
    """Good things +1, bad things -1; what is touched is taken and reappears elsewhere; a fixed time, no early end.

    With rule `told` the two colours are drawn for every episode and told by the sense `sentence`. Nulls and oracles,
    which look at no colours, and hence the stored baseline are those of rule `fixed`, episode by episode.
    """

    good: str = "green"
    bad: str = "red"
    goods: int = 3
    bads: int = 3
    shape: str = "pillar"
    radius: float = 0.10  # of a thing, m
    reach: float = 0.01  # a thing is touched when the gap to the body is smaller, m
    margin: float = 0.15  # of a thing's centre from the walls, m
    walls: str = "plain"
    horizon: int = 400  # control steps
    rule: str = "fixed"  # good and bad are the colours above; or told: two of all colours, new in every episode

    metric = "return"
    terms = ("good", "bad")

    def __post_init__(self) -> None:
        for option, choices in _CHOICES.items():
            if getattr(self, option) not in choices:
                raise unknown(f"choice of forage.{option}", getattr(self, option), choices)
        if self.goods < 0 or self.bads < 0 or not 1 <= self.goods + self.bads <= 8:
            raise EnvError(f"forage.goods + forage.bads is {self.goods + self.bads}; the arena has 1 to 8 things.")
        if not 0.02 <= self.radius <= 0.15:
            raise EnvError(f"forage.radius is {self.radius} m; things are 0.02 to 0.15 m.")
        if not self.radius <= self.margin <= 0.5:
            raise EnvError(f"forage.margin is {self.margin} m; it must lie between the radius and 0.5 m.")
        if self.horizon < 1:
            raise EnvError(f"forage.horizon is {self.horizon}; an episode lasts at least 1 control step.")

    @property
    def parts(self) -> PartCounts:
        return PartCounts(things=self.goods + self.bads)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The good and the bad colour that an episode may have."""
        return tuple(permutations(COLOURS, 2)) if self.rule == "told" else ((self.good, self.bad),)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is told of each pair."""
        return tuple(f"eat {good}, not {bad}" for good, bad in self.pairs) if self.rule == "told" else ()

    @property
    def is_good(self) -> jax.Array:
        """`[n]` bool."""
        return jnp.arange(self.goods + self.bads) < self.goods

    def reset(self, key: jax.Array, body: Body) -> tuple[ForageState, Start]:
        number = self.goods + self.bads
        keys = jax.random.split(key, number + 2)
        body_margin = body.radius + 0.04
        own = jax.random.uniform(keys[0], (2,), minval=body_margin - HALF, maxval=HALF - body_margin)
        taken, gaps = own[None], jnp.array([body.radius + _SURPRISE])
        for index in range(number):
            place = self._place(keys[index + 1], taken, gaps)
            taken, gaps = jnp.concatenate([taken, place[None]]), jnp.append(gaps, self.radius + _CLEARANCE)
        heading = jax.random.uniform(keys[-1], (), minval=-jnp.pi, maxval=jnp.pi)
        told = jax.random.randint(jax.random.fold_in(key, _PAIR), (), 0, len(self.pairs))
        return ForageState(taken[1:], jnp.int32(0), told if self.rule == "told" else None), Start(own, heading)

    def _place(self, key: jax.Array, taken: jax.Array, gaps: jax.Array) -> jax.Array:
        """The first of a handful of uniform places that is free, else the one with most room.

        taken [k, 2] are places, gaps [k] the distances from them to a thing's surface that must be kept.
        """
        limit = HALF - self.margin
        candidates = jax.random.uniform(key, (_CANDIDATES, 2), minval=-limit, maxval=limit)
        distance = jnp.sqrt(((candidates[:, None] - taken) ** 2).sum(-1))
        room = (distance - gaps - self.radius).min(-1)
        return candidates[jnp.argmax(jnp.minimum(room, 0.0))]  # the first of equals

    def scene(self, state: ForageState) -> Scene:
        number = self.goods + self.bads
        paint = jnp.array([[COLOURS[colour] for colour in pair] for pair in self.pairs])  # [pairs, 2, 3]
        good, bad = paint[0 if state.pair is None else state.pair]
        colour = jnp.where(self.is_good[:, None], good, bad)
        rows = jnp.tile(jnp.array(SHAPES[self.shape]), (number, 1))
        things = Things(state.position, jnp.full(number, self.radius), colour, rows)
        return scene(things, self.walls, sentence=state.pair)

    def step(
        self, state: ForageState, pose: Pose, physics: Physics, action: jax.Array, key: jax.Array, body: Body
    ) -> Outcome:
        del physics, action
        gap = jnp.sqrt(((state.position - pose.position) ** 2).sum(-1)) - self.radius - body.radius
        nearest = jnp.argmin(gap)  # of two touched at once, the other is taken at the next control step
        hit = jnp.arange(gap.shape[0]) == nearest
        hit &= gap <= self.reach
        others = jnp.where(hit[:, None], 10.0 * HALF, state.position)
        place = self._place(
            key,
            jnp.concatenate([others, pose.position[None]]),
            jnp.full(gap.shape[0] + 1, self.radius + _CLEARANCE).at[-1].set(body.radius + _SURPRISE),
        )
        time = state.time + 1
        terms = {"good": (hit & self.is_good).any() * 1.0, "bad": (hit & ~self.is_good).any() * -1.0}
        return Outcome(
            ForageState(jnp.where(hit[:, None], place, state.position), time, state.pair),
            terms,
            ended=jnp.bool_(False),
            cut_off=time >= self.horizon,
        )

    def scripted(self) -> dict[str, Any]:
        from envs.foraging import foragers

        return foragers(self)
