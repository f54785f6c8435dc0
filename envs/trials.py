"""Trials within an episode: the clock of tasks that run many, and the pause between two of them.

When a trial is over the body stays where it is for `stay` control steps, in the light, so that what came of the trial
is seen where it happened; then comes the delay, in the dark (nothing seen or heard) with the body held at the next
start, or filled with something else to do; the last control step of the pause puts the body there in the light. Time
runs all the while; `Clock.spent`, which budgets of search go by, leaves the delays out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from envs.arena import HALF
from envs.moment import Body
from envs.registry import EnvError
from envs.scene import Pose, Start

_CANDIDATES = 16
_MARGIN = 0.04  # of a start from the walls, m
_LONGEST = 100_000


class Clock(NamedTuple):
    """One environment. Numbers of control steps, [] int32 each."""

    trial: jax.Array  # which trial, from 0; in a pause the one that comes
    time: jax.Array  # of this trial, the body free to move
    wait: jax.Array  # until this trial begins; 0 in a trial
    delay: jax.Array  # of the pause before it
    spent: jax.Array  # of the episode, without delays

    @property
    def running(self) -> jax.Array:
        """`[]` bool, the body is free to do this trial."""
        return self.wait == 0

    @property
    def delayed(self) -> jax.Array:
        """`[]` bool, in the delay."""
        return (self.wait > 1) & (self.wait <= self.delay + 1)

    @property
    def staying(self) -> jax.Array:
        """`[]` bool, still where the trial before came to its end."""
        return self.wait > self.delay + 1


def begin() -> Clock:
    """The start of an episode, with its first trial."""
    return Clock(*(jnp.int32(0) for _ in Clock._fields))


def tick(clock: Clock) -> Clock:
    """One control step later."""
    return clock._replace(
        time=clock.time + clock.running,
        wait=jnp.maximum(clock.wait - 1, 0),
        spent=clock.spent + ~clock.delayed,
    )


def turn(clock: Clock, over: jax.Array, delay: jax.Array | int, stay: int) -> Clock:
    """The same, or where the trial is `over` the next one, after a pause with that delay."""
    pause = Clock(clock.trial + 1, jnp.int32(0), jnp.int32(stay + 1) + delay, jnp.int32(delay), clock.spent)
    return Clock(*(jnp.where(over, new, old) for new, old in zip(pause, clock, strict=True)))


def held(clock: Clock, pose: Pose, start: Start, free: bool = False) -> tuple[jax.Array, Start]:
    """What `Outcome.move` and `Outcome.start` are in a pause; `free` where the body may move during the delay."""
    here = Start(pose.position, pose.heading)
    there = Start(*(jnp.where(clock.staying, a, b) for a, b in zip(here, start, strict=True)))
    return (clock.wait > 0) & ~(clock.delayed & free), there


def span(place: str, value: Any) -> tuple[int, int]:
    """The least and the greatest delay, in control steps, of an option that is a number or two of them."""
    pair = (value, value) if type(value) is int else tuple(value) if isinstance(value, Sequence) else ()
    if len(pair) != 2 or any(type(x) is not int for x in pair) or not 0 <= pair[0] <= pair[1] <= _LONGEST:
        raise EnvError(
            f"{place} is {value!r}; a number of control steps (20 a second) such as 100 is wanted, or the least and "
            "the greatest, such as [0, 100]."
        )
    return pair[0], pair[1]


def draw(key: jax.Array, delay: tuple[int, int]) -> jax.Array:
    """`[]` int32, a delay from the least to the greatest."""
    return jax.random.randint(key, (), delay[0], delay[1] + 1)


def away(key: jax.Array, place: jax.Array, distance: float, body: Body) -> Start:
    """A uniform start at least so far (m) from a place `[2]`, looking anywhere."""
    where, turned = jax.random.split(key)
    limit = HALF - body.radius - _MARGIN
    candidates = jax.random.uniform(where, (_CANDIDATES, 2), minval=-limit, maxval=limit)
    gap = jnp.sqrt(((candidates - place) ** 2).sum(-1))
    chosen = candidates[jnp.argmax(jnp.minimum(gap, distance))]  # the first that is far enough, else the farthest
    return Start(chosen, jax.random.uniform(turned, (), minval=-jnp.pi, maxval=jnp.pi))
