"""Scripted policies of DETOUR: the shortest way around, and straight ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from envs import barriers
from envs.scripted import Policy, View, steer

if TYPE_CHECKING:
    from envs.tasks.detour import Detour

_BODY = 0.06  # radius, m
_PACE = 0.5  # part of full speed, so that bends are not overshot
_ROOM, _BEND = _BODY + 0.01, _BODY + 0.045  # m, from panels: what blocks the view, and where corners are passed


def planners(task: Detour) -> dict[str, Policy]:
    """`around` plans the shortest way anew at each decision, over the visibility graph."""
    del task

    def act(state: tuple[()], view: View, key: jax.Array) -> tuple[tuple[()], jax.Array]:
        del key
        barrier = view.task.barrier
        here, food = (barriers.local(barrier, place) for place in (view.pose.position, view.task.food))
        length, first = barriers.ways(barrier, here, food, _ROOM, _BEND)
        target = barriers.world(barrier, first[jnp.argmin(length)])
        return state, steer(view.pose, target) * jnp.array([_PACE, 1.0, 1.0])

    return {"around": Policy(lambda key: (), act)}


def rash() -> dict[str, Policy]:
    """`straight` steers at the food, whatever is in the way."""
    return {"straight": Policy(lambda key: (), lambda state, view, key: (state, steer(view.pose, view.task.food)))}
