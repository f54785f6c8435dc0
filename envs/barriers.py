"""What stands in the way in DETOUR, and how long the shortest way around it is.

All is reckoned in the barrier's own axes: x through its front from the near side to the far one, where the food is; y
along the front, to the left; the middle of the front is 0.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from envs.arena import PANEL_HALF_THICKNESS
from envs.scene import Panels

KINDS = ("open", "straight", "u", "tunnel")
PANELS = 5  # two halves of the front, two arms, a back
ROOM = 0.02  # m, between a body and what it passes, on the shortest way
_EDGE = 1e-3  # m, by which corners lie outside what they are corners of
_AWAY = 50.0  # m, where panels are that are not there
_BLOCKED = 20.0  # m, more than any way


class Barrier(NamedTuple):
    """One environment."""

    kind: jax.Array  # [] int32, place in `KINDS`
    reach: jax.Array  # [2], m, of the front to the left and to the right
    arms: jax.Array  # [2], m, length of the left and of the right arm of a U
    back: jax.Array  # [], m, from the front of a tunnel to its back
    window: jax.Array  # [], m, half width of a gap in the middle of the front, too narrow for a body
    clear: jax.Array  # [] bool, the front is transparent
    turned: jax.Array  # [], rad, direction of the barrier's x axis in the arena


def local(barrier: Barrier, position: jax.Array) -> jax.Array:
    """Points `[..., 2]` of the arena in the barrier's axes."""
    cos, sin = jnp.cos(barrier.turned), jnp.sin(barrier.turned)
    x, y = position[..., 0], position[..., 1]
    return jnp.stack([cos * x + sin * y, cos * y - sin * x], -1)


def world(barrier: Barrier, position: jax.Array) -> jax.Array:
    """Points `[..., 2]` in the barrier's axes in those of the arena."""
    return local(barrier._replace(turned=-barrier.turned), position)


def panels(barrier: Barrier, tint: float) -> Panels:
    """The panels; a transparent front has that tint, and the arms of a U with it; the back of a tunnel is opaque."""
    left, right = barrier.reach
    gap, there = barrier.window, barrier.kind > 0
    u, tunnel = barrier.kind == KINDS.index("u"), barrier.kind == KINDS.index("tunnel")
    arm = barrier.arms / 2
    centre = jnp.array(
        [
            [0.0, (left + gap) / 2],
            [0.0, -(right + gap) / 2],
            [arm[0], left],
            [arm[1], -right],
            [barrier.back, (left - right) / 2],
        ]
    )
    half = jnp.stack([(left - gap) / 2, (right - gap) / 2, *arm, (left + right) / 2])
    exists = jnp.stack([there, there, u, u, tunnel])
    along = jnp.array([0.0, 0.0, jnp.pi / 2, jnp.pi / 2, 0.0])
    clear = barrier.clear & (jnp.arange(PANELS) < PANELS - 1)
    return Panels(
        jnp.where(exists[:, None], world(barrier, centre), _AWAY),
        along + barrier.turned,
        jnp.where(exists, half, 0.1),
        jnp.tile(jnp.array([0.55, 0.45, 0.35]), (PANELS, 1)),
        jnp.where(clear, tint, 1.0),
    )


def obstacles(barrier: Barrier, room: float | jax.Array) -> jax.Array:
    """`[4, 2, 2]` front, arms and back as boxes `room` m wider on all sides: low and high corner; empty if absent."""
    (left, right), (one, two) = barrier.reach, barrier.arms
    thick = PANEL_HALF_THICKNESS
    u, tunnel = barrier.kind == KINDS.index("u"), barrier.kind == KINDS.index("tunnel")
    low = jnp.array(
        [[-thick, -right - thick], [0.0, left - thick], [0.0, -right - thick], [barrier.back - thick, -right]]
    )
    high = jnp.array([[thick, left + thick], [one, left + thick], [two, -right + thick], [barrier.back + thick, left]])
    exists = jnp.stack([barrier.kind > 0, u, u, tunnel])[:, None]
    return jnp.stack([jnp.where(exists, low - room, 1.0), jnp.where(exists, high + room, -1.0)], 1)


def crosses(start: jax.Array, end: jax.Array, boxes: jax.Array) -> jax.Array:
    """`[...]` bool, whether the way from one point `[..., 2]` straight to another leads through one of the boxes."""
    way = end - start
    way = jnp.where(jnp.abs(way) < 1e-6, 1e-6, way)[..., None, :]
    one = (boxes[:, 0] - start[..., None, :]) / way
    two = (boxes[:, 1] - start[..., None, :]) / way
    enter = jnp.minimum(one, two).max(-1)
    leave = jnp.maximum(one, two).min(-1)
    real = (boxes[:, 0] < boxes[:, 1]).all(-1)
    return (real & (jnp.maximum(enter, 0.0) < jnp.minimum(leave, 1.0) - 1e-6)).any(-1)


def corners(barrier: Barrier, room: float | jax.Array) -> jax.Array:
    """`[2, 6, 2]` where a shortest way may bend, on the left and on the right: the outer corners of `obstacles`."""
    boxes = obstacles(barrier, room + _EDGE)
    front, back = boxes[0], boxes[3]
    sides = []
    for arm, edge in ((boxes[1], 1), (boxes[2], 0)):
        far = arm[1, 0]
        sides.append(
            [
                jnp.stack([front[0, 0], front[edge, 1]]),
                jnp.stack([front[1, 0], front[edge, 1]]),
                jnp.stack([far, arm[0, 1]]),
                jnp.stack([far, arm[1, 1]]),
                jnp.stack([back[0, 0], back[edge, 1]]),
                jnp.stack([back[1, 0], back[edge, 1]]),
            ]
        )
    return jnp.array(sides)


def ways(
    barrier: Barrier, start: jax.Array, goal: jax.Array, room: float | jax.Array, bend: float | jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Shortest ways from `start` to `goal` `[2]`, on the left and on the right: lengths `[2]`, m, first bends `[2, 2]`.

    Over the visibility graph (Lozano-Pérez & Wesley 1979) of the corners at `bend` m from the obstacles, which are
    `room` m wider than they are; by Bellman's recursion. A length above 20 m means that there is no way.
    """
    boxes = obstacles(barrier, room)
    exist = jnp.array([True] * 2 + [False] * 4) & (barrier.kind > 0)
    exist |= jnp.array([False] * 2 + [True] * 2 + [False] * 2) & (barrier.kind == KINDS.index("u"))
    exist |= jnp.array([False] * 4 + [True] * 2) & (barrier.kind == KINDS.index("tunnel"))

    def side(bends: jax.Array) -> tuple[jax.Array, jax.Array]:
        nodes = jnp.concatenate([start[None], bends, goal[None]])
        step = jnp.sqrt(((nodes[:, None] - nodes) ** 2).sum(-1) + 1e-12)
        step = step + _BLOCKED * crosses(nodes[:, None], nodes[None], boxes)
        step = jnp.where(jnp.pad(exist, 1, constant_values=True), step, jnp.inf)  # none to a corner that is not there
        ahead = step[:, -1]
        for _ in range(4):
            ahead = jnp.minimum(ahead, (step + ahead).min(-1))
        first = step[0, 1:] + ahead[1:]
        first = first.at[-1].set(step[0, -1])
        return ahead[0], nodes[1 + jnp.argmin(first)]

    return jax.vmap(side)(corners(barrier, bend))
