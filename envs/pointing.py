"""Scripted policies of GROUND: the oracle, that knows what is meant, and those that hear less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from envs.arena import HALF
from envs.scripted import Gains, Policy, View, steer, travel

if TYPE_CHECKING:
    from envs.tasks.ground import Ground

_BODY = 0.06  # radius, m
_ASIDE = 0.06  # m, room left when passing another thing
_BENDS = np.stack(np.meshgrid(*[np.linspace(-0.85, 0.85, 11)] * 2), -1).reshape(-1, 2) * HALF  # where a way may turn
_CAREFUL, _PACE = Gains(brake=0.3), 0.6  # turn before driving, and no faster than so: wide arcs touch what is beside
_LACK = 20.0  # m of detour that a metre of lacking room is worth


def pointers(task: Ground) -> dict[str, Policy]:
    """`told` goes where the sentence means; `colour` to the nearest thing of the target's colour."""
    return {"told": _going(task, _meant), "colour": _going(task, _coloured)}


def deaf(task: Ground) -> dict[str, Policy]:
    """`nearest` goes to what is soonest reached: of four things one in four, as good as one can be without words."""
    return {"nearest": _going(task, lambda view: jnp.ones(4, bool))}


def _meant(view: View) -> jax.Array:
    return jnp.arange(4) == (view.task.taken * 1)


def _coloured(view: View) -> jax.Array:
    return view.task.kinds[:, 1] == view.task.kinds[view.task.taken * 1, 1]


def _going(task: Ground, wanted: Any) -> Policy:
    """Drives to the soonest reached of those things that are `wanted(view) [4]`, around the others, mouth closed."""

    def act(state: jax.Array, view: View, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        del key
        pose, things = view.pose, view.scene.things
        reach = things.radius + _BODY
        cost = travel(things.position - pose.position, pose.heading, reach)  # type: ignore[arg-type]
        chosen = jnp.argmin(jnp.where(wanted(view), cost - 0.2 * (jnp.arange(4) == state), jnp.inf))
        room = jnp.where(jnp.arange(4) == chosen, -jnp.inf, reach + _ASIDE)
        target = way(pose.position, things.position[chosen], things.position, room)
        drive = steer(pose, target, _CAREFUL)
        return chosen, jnp.stack([jnp.minimum(drive[0], _PACE), drive[1], 1.0])

    return Policy(lambda key: jnp.int32(-1), act)


_NEEDLESS = 1e-4
"""m, what a bend costs: a straight way is taken as it is."""


def way(here: jax.Array, target: jax.Array, obstacles: jax.Array, room: jax.Array) -> jax.Array:
    """Where to head for first, `[2]`: the target, or the bend of the shortest way to it with one bend.

    The way keeps off the `obstacles` `[n, 2]` by `room` `[n]` (m, to their middles) wherever it can.
    """
    bends = jnp.concatenate([target[None], jnp.asarray(_BENDS)])
    length = _norm(bends - here) + _norm(target - bends) + _NEEDLESS * (np.arange(len(bends)) > 0)
    lack = [
        jnp.maximum(room - gap, 0.0).sum(-1)
        for gap in (_apart(here, bends, obstacles), _apart(target, bends, obstacles))
    ]
    return bends[jnp.argmin(length + _LACK * (lack[0] + lack[1]))]


def _apart(start: jax.Array, ends: jax.Array, points: jax.Array) -> jax.Array:
    """`[ends, points]`, m between each point and the straight stretch from `start` to each end."""
    stretch, offset = ends - start, points - start
    along = (offset @ stretch.T).T / jnp.maximum((stretch**2).sum(-1), 1e-9)[:, None]
    return _norm(offset - jnp.clip(along, 0.0, 1.0)[..., None] * stretch[:, None])


def _norm(x: jax.Array) -> jax.Array:
    return jnp.sqrt((x**2).sum(-1) + 1e-12)
