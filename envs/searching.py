"""Scripted policies of DMP: to mow the floor lane by lane, without memory, and to go back to where the platform was."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from envs.scripted import Policy, View, steer

if TYPE_CHECKING:
    from envs.tasks.dmp import Dmp

_LANES = np.array([-0.6, -0.2, 0.2, 0.6])  # m: what passes within 0.2 m of a lane is all of -0.8..0.8
_ENDS = 0.62  # m
_ARRIVED = 0.12  # m


def _paths() -> np.ndarray:
    """`[8, 8, 2]`: the ways to mow the floor, from each corner along each of its two walls."""
    ends = np.array([(-_ENDS, _ENDS), (_ENDS, -_ENDS)] * 2)
    path = np.array([(x, y) for x, lane in zip(_LANES, ends, strict=True) for y in lane])
    flips = [np.array([a, b]) for a in (1, -1) for b in (1, -1)]
    return np.array([path * f for f in flips] + [path[:, ::-1] * f for f in flips])


_PATHS = _paths()


class _Mowing(NamedTuple):
    trial: jax.Array  # [] int32, that it began
    path: jax.Array  # [] int32
    goal: jax.Array  # [] int32, place on the path


def searchers(task: Dmp) -> dict[str, Policy]:
    """`one_shot` mows until the platform is found, and goes straight to it from then on."""
    return {"one_shot": _mower(task, remembers=True)}


def forgetful(task: Dmp) -> dict[str, Policy]:
    """`mower` begins anew in every trial: the best search there is without memory."""
    return {"mower": _mower(task, remembers=False)}


def _mower(task: Dmp, remembers: bool) -> Policy:
    paths = jnp.asarray(_PATHS, jnp.float32)

    def act(state: _Mowing, view: View, key: jax.Array) -> tuple[_Mowing, jax.Array]:
        del key
        trial, here = view.task.clock.trial, view.pose.position
        gap = jnp.sqrt(((paths[:, 0] - here) ** 2).sum(-1))
        ahead = jnp.array([jnp.cos(view.pose.heading), jnp.sin(view.pose.heading)])
        turned = -0.3 * ((paths[:, 0] - here) * ahead).sum(-1)
        fresh = _Mowing(trial, jnp.argmin(gap + turned).astype(jnp.int32), jnp.int32(0))
        new = (trial != state.trial) | ~view.task.clock.running
        state = _Mowing(*(jnp.where(new, a, b) for a, b in zip(fresh, state, strict=True)))
        arrived = jnp.sqrt(((paths[state.path, state.goal] - here) ** 2).sum()) < _ARRIVED
        state = state._replace(goal=(state.goal + arrived) % paths.shape[1])
        target = paths[state.path, state.goal]
        known = task.visible | (remembers & (view.task.finds > 0))
        return state, steer(view.pose, jnp.where(known, view.task.platform, target))

    return Policy(lambda key: _Mowing(jnp.int32(-1), jnp.int32(0), jnp.int32(0)), act)
