"""Sense `retina`: two rows of horizontal rays, computed exactly, the same on every engine.

All things are upright, so that a ray is a problem in the plane: ray and circle, ray and thin panel, ray and room. The
rows differ in what they see of a thing: a stone only the low one, a mushroom only the high one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from envs.arena import HALF, PANEL_HALF_THICKNESS
from envs.moment import Fixed, Moment
from envs.registry import unknown
from envs.scene import Panels, Pose, Scene, Things, Walls

_FAR = 1e3  # m, beyond everything
_SIDES = ("both", "left", "right")
_PARALLEL = 1e-5  # smallest part of a direction: a ray exactly along a wall would give infinities and NaN gradients


class Seen(NamedTuple):
    """What the rays meet: per row and ray."""

    depth: jax.Array  # [2, rays], m
    colour: tuple[jax.Array, jax.Array, jax.Array]  # R, G, B, [2, rays] each


@dataclass(frozen=True)
class Retina:
    """`[2, rays, 4]`: low and high row, rays from left to right, channels R, G, B and nearness exp(-distance in m).

    Half a retina, `side` left or right, reads 0 on its other half.
    """

    rays: int = 32
    field: float = 180.0  # degrees
    side: str = "both"  # or left, right: the half that sees

    key = "retina"

    def __post_init__(self) -> None:
        if self.side not in _SIDES:
            raise unknown("choice of retina.side", self.side, _SIDES)

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        del fixed
        return gymnasium.spaces.Box(0.0, 1.0, (2, self.rays, 4), np.float32)

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def angles(self) -> np.ndarray:
        """Directions of the rays from the heading, rad, the leftmost (positive) first."""
        width = np.deg2rad(self.field) / self.rays
        return ((self.rays - 1) / 2 - np.arange(self.rays)) * width

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        del fixed
        seen = self.look(moment.pose, moment.scene)
        picture = jnp.stack([*seen.colour, jnp.exp(-seen.depth)], -1)
        if self.side != "both":
            seeing = self.angles() * (1 if self.side == "left" else -1) >= 0
            picture = picture * seeing[:, None].astype(np.float32)
        return state, jnp.where(moment.scene.dark, 0.0, picture)

    def look(self, pose: Pose, scene: Scene) -> Seen:
        """Distances and colours along all rays, from the centre of the body."""
        angles = self.angles()
        ahead, left = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        cos, sin = jnp.cos(pose.heading), jnp.sin(pose.heading)
        east, north = cos * ahead - sin * left, sin * ahead + cos * left  # directions in the arena, [rays]
        seen = _room(pose.position, _off_axis(east), _off_axis(north), scene.walls)
        for group in (scene.things, scene.cups, *filter(None, [scene.others])):
            seen = _things(seen, pose.position, east, north, group)
        return _panels(seen, pose.position, east, north, scene.panels)


def _off_axis(part: jax.Array) -> jax.Array:
    """Keeps a direction's part away from 0 and on its side of it, so that it agrees with the test which wall is met."""
    return jnp.where(part < 0, jnp.minimum(part, -_PARALLEL), jnp.maximum(part, _PARALLEL))


def _room(position: jax.Array, east: jax.Array, north: jax.Array, walls: Walls) -> Seen:
    """The walls, from inside; a wall fades from one end to the other."""
    to_x = jnp.maximum((jnp.where(east > 0, HALF, -HALF) - position[0]) / east, 0.0)
    to_y = jnp.maximum((jnp.where(north > 0, HALF, -HALF) - position[1]) / north, 0.0)
    side = to_x < to_y  # east or west
    depth = jnp.minimum(to_x, to_y)
    along = jnp.where(side, position[1] + depth * north, position[0] + depth * east)
    bright = 1.0 - walls.ramp * (0.5 - 0.5 * jnp.clip(along / HALF, -1.0, 1.0))
    paint = walls.colour
    colour = tuple(
        bright
        * jnp.where(side, jnp.where(east > 0, paint[0, c], paint[2, c]), jnp.where(north > 0, paint[1, c], paint[3, c]))
        for c in range(3)
    )
    both = lambda row: jnp.broadcast_to(row, (2, *row.shape))  # noqa: E731
    return Seen(both(depth), (both(colour[0]), both(colour[1]), both(colour[2])))


def _things(seen: Seen, position: jax.Array, east: jax.Array, north: jax.Array, things: Things) -> Seen:
    """Circles in front of what was seen; one after the other, which compiles to a single pass without gathers."""
    for index in range(things.radius.shape[0]):
        x, y = things.position[index, 0] - position[0], things.position[index, 1] - position[1]
        along = x * east + y * north
        across = x * north - y * east
        inside = things.radius[index] ** 2 - across**2
        depth = along - jnp.sqrt(jnp.maximum(inside, 1e-12))
        met = (inside > 0) & (depth > 0) & (things.rows[index][:, None] > 0)
        seen = _nearer(seen, jnp.where(met, depth, _FAR), things.colour[index])
    return seen


def _panels(seen: Seen, position: jax.Array, east: jax.Array, north: jax.Array, panels: Panels) -> Seen:
    """Opaque panels hide, clear ones tint what is behind them."""
    depths = [panel_depth(position, east, north, panels, index) for index in range(panels.alpha.shape[0])]
    for index, depth in enumerate(depths):
        seen = _nearer(seen, jnp.where(panels.alpha[index] >= 1, depth, _FAR), panels.colour[index])
    for index, depth in enumerate(depths):
        tint = jnp.where(depth < seen.depth, jnp.where(panels.alpha[index] < 1, panels.alpha[index], 0.0), 0.0)
        paint = panels.colour[index]
        colour = tuple(old + tint * (paint[c] - old) for c, old in enumerate(seen.colour))
        seen = Seen(seen.depth, (colour[0], colour[1], colour[2]))
    return seen


def panel_depth(position: jax.Array, east: jax.Array, north: jax.Array, panels: Panels, index: int) -> jax.Array:
    """Distance along rays to one panel, or far beyond all else: ray and upright box, by slabs in the panel's frame.

    east, north [n] are the rays' directions, of length 1.
    """
    cos, sin = jnp.cos(panels.heading[index]), jnp.sin(panels.heading[index])
    offset = position - panels.position[index]
    out, by = cos * offset[0] + sin * offset[1], cos * offset[1] - sin * offset[0]
    out_ray, by_ray = _off_axis(cos * east + sin * north), _off_axis(cos * north - sin * east)
    first, last = _slab(out, out_ray, jnp.float32(PANEL_HALF_THICKNESS))
    first_by, last_by = _slab(by, by_ray, panels.half_length[index])
    near, far = jnp.maximum(first, first_by), jnp.minimum(last, last_by)
    return jnp.where((near <= far) & (near > 0), near, _FAR)


def _slab(start: jax.Array, ray: jax.Array, half: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Where a ray enters and leaves -half..half."""
    one, other = (-half - start) / ray, (half - start) / ray
    return jnp.minimum(one, other), jnp.maximum(one, other)


def _nearer(seen: Seen, depth: jax.Array, colour: jax.Array) -> Seen:
    closer = depth < seen.depth
    paint = tuple(jnp.where(closer, colour[c], old) for c, old in enumerate(seen.colour))
    return Seen(jnp.where(closer, depth, seen.depth), (paint[0], paint[1], paint[2]))
