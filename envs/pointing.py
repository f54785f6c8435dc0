"""Scripted policies of GROUND: the oracle, that knows what is meant, and those that hear less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from envs import grammar
from envs.scripted import Policy, View, around, steer, travel

if TYPE_CHECKING:
    from envs.tasks.ground import Ground

_BODY = 0.06  # radius, m
_ASIDE = 0.05  # m, room left when passing another thing


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
    radii = jnp.array(list(grammar.SIZES.values()))

    def act(state: jax.Array, view: View, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        del key
        pose, things = view.pose, view.scene.things
        reach = things.radius + _BODY
        cost = travel(things.position - pose.position, pose.heading, reach)  # type: ignore[arg-type]
        chosen = jnp.argmin(jnp.where(wanted(view), cost - 0.2 * (jnp.arange(4) == state), jnp.inf))
        others = jnp.where((jnp.arange(4) == chosen)[:, None], 50.0, things.position)
        target = around(pose, things.position[chosen], others, radii.max() + _BODY + _ASIDE)
        return chosen, steer(pose, target).at[2].set(1.0)

    return Policy(lambda key: jnp.int32(-1), act)
