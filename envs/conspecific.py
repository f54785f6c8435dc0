"""A conspecific: a second body of the arena that a script moves; seen, touched and heard by the first.

The body feels it as hard as it drives against it. That it comes against a body that is free to give way is not felt:
it moves in jumps of a control step, and touch is that of the last physics step of each.

It is a part of the pool that moves as the roller does, turning and driving along its heading, but without inertia: its
place is part of the task's state. A task that wants company counts it in `parts` (`PartCounts(others=1)`), puts
`conspecific.look` and `conspecific.sounds` into its scene, and moves it at every control step:

    goal = wander(state.other, key)
    other = conspecific.step(state.other, goal, pose.position, body.radius)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from envs.arena import CONTROL_SECONDS, HALF, LARGEST
from envs.registry import EnvError, unknown
from envs.scene import BANDS, SHAPES, Sounds, Start, Things

ORANGE = (1.0, 0.55, 0.1)
"""Its colour, which no thing has."""

_NEAR = 0.03  # m, at which a goal is reached
_PRESS = 2e-3  # m, how deep it presses into what it meets, and no further
_MARGIN = 0.15  # m, from the walls, of the goals of a wanderer


class Other(NamedTuple):
    """One conspecific; part of a task's state."""

    position: jax.Array  # [2], m
    heading: jax.Array  # [], rad
    goal: jax.Array  # [2], m, where it is going
    speed: jax.Array  # [], m/s, over the last control step


@dataclass(frozen=True)
class Conspecific:
    """How a conspecific looks, moves and sounds."""

    radius: float = 0.06  # m
    colour: tuple[float, float, float] = ORANGE
    shape: str = "stone"  # low, as the roller is
    top_speed: float = 0.6  # m/s
    top_yaw: float = 6.0  # rad/s
    voice: tuple[float, ...] = (0.0, 0.2, 0.6, 0.2)  # level of its wheels at top speed, by band
    call: tuple[float, ...] = (0.0, 0.0, 0.2, 0.8)  # level of its call, by band

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise unknown("choice of conspecific.shape", self.shape, SHAPES)
        if not 0.02 <= self.radius <= LARGEST["other"][0]:
            raise EnvError(f"conspecific.radius is {self.radius} m; 0.02 to {LARGEST['other'][0]} m are wanted.")
        for name in ("top_speed", "top_yaw"):
            if not getattr(self, name) > 0:
                raise EnvError(f"conspecific.{name} is {getattr(self, name)}; more than 0 is wanted, for example 0.6.")
        for name in ("voice", "call"):
            if len(getattr(self, name)) != BANDS:
                raise EnvError(
                    f"conspecific.{name} has {len(getattr(self, name))} levels; {BANDS}, one a band, are wanted."
                )

    def start(self, start: Start) -> Other:
        """Standing still, with no other goal than to stay."""
        return Other(start.position, start.heading, start.position, jnp.float32(0.0))

    def step(self, other: Other, goal: jax.Array, body: jax.Array, radius: float) -> Other:
        """One control step (20 Hz) towards `goal` `[2]`, no further where walls or the `body` `[2]` are in its way."""
        way = goal - other.position
        distance = jnp.sqrt((way**2).sum() + 1e-12)
        error = _wrapped(jnp.arctan2(way[1], way[0]) - other.heading)
        turn = jnp.clip(error, -self.top_yaw * CONTROL_SECONDS, self.top_yaw * CONTROL_SECONDS)
        heading = jnp.where(distance > _NEAR, _wrapped(other.heading + turn), other.heading)
        stride = jnp.minimum(self.top_speed * CONTROL_SECONDS, distance) * jnp.maximum(jnp.cos(error - turn), 0.0)
        stride = jnp.where(distance > _NEAR, stride, 0.0)
        ahead = jnp.stack([jnp.cos(heading), jnp.sin(heading)])
        stride = jnp.minimum(stride, _room(body - other.position, ahead, self.radius + radius - _PRESS))
        position = jnp.clip(other.position + stride * ahead, self.radius - HALF, HALF - self.radius)
        speed = jnp.sqrt(((position - other.position) ** 2).sum()) / CONTROL_SECONDS
        return Other(position, heading, goal, speed)

    def look(self, other: Other) -> Things:
        """What is seen and touched of it: for `Scene.others`."""
        rows = jnp.array([SHAPES[self.shape]])
        return Things(other.position[None], jnp.full(1, self.radius), jnp.array([self.colour]), rows)

    def sounds(self, other: Other, calling: jax.Array | bool = False) -> Sounds:
        """What is heard of it: its wheels, the louder the faster it goes, and its call: for `Scene.sounds`."""
        driving = other.speed / self.top_speed * jnp.array(self.voice)
        return Sounds(other.position[None], (driving + jnp.where(calling, 1.0, 0.0) * jnp.array(self.call))[None])


def wander(other: Other, key: jax.Array) -> jax.Array:
    """A policy: goes to a place drawn at random, and on arrival to another one. `-> goal [2]`."""
    limit = HALF - _MARGIN
    drawn = jax.random.uniform(key, (2,), minval=-limit, maxval=limit)
    return jnp.where(arrived(other), drawn, other.goal)


def tour(other: Other, places: jax.Array) -> jax.Array:
    """A policy: goes to `places` `[n, 2]` one after the other, and begins anew. `-> goal [2]`."""
    now = jnp.argmin(((places - other.goal) ** 2).sum(-1))
    begun = (((places - other.goal) ** 2).sum(-1) < 1e-9).any()
    goal = places[jnp.where(arrived(other), (now + 1) % places.shape[0], now)]
    return jnp.where(begun, goal, places[0])


def arrived(other: Other) -> jax.Array:
    """`[]` bool: whether it is where it was going."""
    return jnp.sqrt(((other.goal - other.position) ** 2).sum()) <= _NEAR


def _room(offset: jax.Array, ahead: jax.Array, gap: float) -> jax.Array:
    """How far one may go `ahead` `[2]` until the distance to what is at `offset` `[2]` is `gap`; 0 within it."""
    along, across = offset @ ahead, offset[0] * ahead[1] - offset[1] * ahead[0]
    until = along - jnp.sqrt(jnp.maximum(gap**2 - across**2, 0.0))
    return jnp.where((along > 0) & (jnp.abs(across) < gap), jnp.maximum(until, 0.0), jnp.inf)


def _wrapped(angle: jax.Array) -> jax.Array:
    return (angle + jnp.pi) % (2 * jnp.pi) - jnp.pi
