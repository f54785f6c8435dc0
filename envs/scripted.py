"""Scripted policies: null policies that know nothing, and oracles that see the whole state. Same body as any agent.

A policy acts for one environment at each decision; `envs.baselines` maps it over a batch and jits it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from envs.arena import HALF
from envs.scene import Pose, Scene

SPEED, YAW = 1.5, 6.0  # the roller's best, m/s and rad/s


class View(NamedTuple):
    """What a scripted policy sees of one environment: everything."""

    pose: Pose
    scene: Scene
    task: Any


class Policy(NamedTuple):
    """`act(state, view, key) -> (state, action [3])`; `initial(key) -> state` at the start of an episode."""

    initial: Callable[[jax.Array], Any]
    act: Callable[[Any, View, jax.Array], tuple[Any, jax.Array]]


def random() -> Policy:
    """Null: uniform random actions."""
    return Policy(lambda key: (), lambda state, view, key: (state, jax.random.uniform(key, (3,), minval=-1.0)))


def wander(correlation: float = 0.9, drive: float = 0.6) -> Policy:
    """Null: an Ornstein-Uhlenbeck wander, thrust around `drive`, actions correlated from decision to decision."""
    mean = jnp.array([drive, 0.0, 0.0])

    def act(state: jax.Array, view: View, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        del view
        noise = jax.random.normal(key, (3,)) * jnp.sqrt(1 - correlation**2) * jnp.array([0.5, 0.6, 0.5])
        state = correlation * state + noise
        return state, jnp.clip(mean + state, -1.0, 1.0)

    return Policy(lambda key: jnp.zeros(3), act)


def nulls() -> dict[str, Policy]:
    """The null policies that every task has."""
    return {"random": random(), "wander": wander()}


def bearing(pose: Pose, target: jax.Array) -> jax.Array:
    """Angle from the heading to `target` `[..., 2]`, -pi..pi, positive to the left."""
    offset = target - pose.position
    return wrapped(jnp.arctan2(offset[..., 1], offset[..., 0]) - pose.heading)


class Gains(NamedTuple):
    """Constants of steering, found by random search over whole FORAGE episodes."""

    lag: float = 0.03  # s, how far ahead the present yaw rate is taken to carry on
    turn: float = 2.0  # yaw command per rad of error
    brake: float = 1.4  # speed allowed, as a multiple of that at which the arc to the target can be driven
    turning: float = 0.14  # s per rad, what a turn costs where travel times are guessed


GAINS = Gains()


def steer(pose: Pose, target: jax.Array, gains: Gains = GAINS) -> jax.Array:
    """An action `[3]` that drives to a point: turn towards it, no faster than the arc to it allows.

    The arc from here to a point at distance d and bearing e has curvature 2 sin(e) / d, so at yaw rate w the speed
    must not pass w d / (2 sin(e)); when the point lies behind, turn on the spot.
    """
    offset = target - pose.position
    distance = jnp.sqrt((offset**2).sum() + 1e-9)
    error = wrapped(bearing(pose, target) - gains.lag * pose.yaw_rate)
    arc = gains.brake * distance * YAW / (2 * SPEED * jnp.maximum(jnp.abs(jnp.sin(error)), 0.05))
    thrust = jnp.where(jnp.cos(error) > 0, jnp.minimum(arc, 1.0), 0.0)
    return jnp.stack([thrust, jnp.clip(gains.turn * error, -1.0, 1.0), -1.0])


def wrapped(angle: jax.Array) -> jax.Array:
    return (angle + jnp.pi) % (2 * jnp.pi) - jnp.pi


def travel(offset: jax.Array, heading: jax.Array, reach: float, gains: Gains = GAINS) -> jax.Array:
    """Rough time (s) to come within `reach` of a point at `offset` `[..., 2]`, the turn to it included."""
    distance = jnp.sqrt((offset**2).sum(-1) + 1e-9)
    turn = jnp.abs(wrapped(jnp.arctan2(offset[..., 1], offset[..., 0]) - heading))
    return jnp.maximum(distance - reach, 0.0) / SPEED + gains.turning * turn


def around(pose: Pose, target: jax.Array, obstacles: jax.Array, clearance: float | jax.Array) -> jax.Array:
    """`target`, or a point beside the nearest of the `obstacles` `[n, 2]` that stand in the way to it."""
    way = target - pose.position
    length = jnp.sqrt((way**2).sum() + 1e-9)
    ahead = way / length
    side = jnp.stack([-ahead[1], ahead[0]])
    offset = obstacles - pose.position
    along, across = offset @ ahead, offset @ side
    blocks = (along > 0) & (along < length) & (jnp.abs(across) < clearance)
    first = jnp.argmin(jnp.where(blocks, along, jnp.inf))
    beside = jnp.where(across[first] > 0, -1.0, 1.0) * side * clearance
    # pass on the side where there is room: not through the wall
    beside = jnp.where((jnp.abs(obstacles[first] + beside) < HALF - 0.08).all(), beside, -beside)
    return jnp.where(blocks.any(), obstacles[first] + beside, target)
