"""Where the way is blocked: a map of what was seen to stand there or felt to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from agent.config import option
from agent.geometry import place_of, ray_angles, rotated_all
from agent.module import Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register

WANTED = 0.5
"""Probability that a thing is good from which on it is not in the way."""


@register("obstacle_map")
@dataclass(frozen=True)
class ObstacleMapConfig:
    """A square map around the place where the episode began, turned as the compass is (occupancy grid, Elfes 1989; in
    animals, cells for borders and for things at a distance: Solstad et al. 2008, Høydal et al. 2019).

    A cell is blocked once a ray of the retina has ended in it, or the body was pressed there. What a ray meets that is
    `wanted` is not in the way. Nothing is ever unblocked: to see through a place does not mean to get through.
    """

    inputs: ClassVar = {
        "image": Input("one", rank=3),
        "touch": Input("one", rank=1),
        "pose": Input("one", rank=1),
        "wanted": Input("one", rank=1, optional=True),
    }
    cells: int = option(48, "cells along a side, G", low=4)
    cell: float = option(0.05, "side of a cell", unit="m", low=1e-3)
    range: float = option(1.5, "how far a ray is trusted", unit="m", low=0.0)
    field: float = option(180.0, "field of view of the image", unit="degrees", low=1.0, high=360.0)
    radius: float = option(0.06, "of the body", unit="m", low=0.0)
    touched: float = option(0.1, "reading of touch from which on it is one", low=0.0)

    def ports(self, inputs: Ports) -> Ports:
        if inputs["pose"].shape[0] < 4:
            raise ValueError("pose: it has fewer than four numbers. Wire that of path_integration.")
        return Ports(blocked=Port((self.cells, self.cells), "signal"), felt=Port((), "signal"))


class ObstacleMap(Module[ObstacleMapConfig]):
    """Outputs: `blocked [G, G]`, 1 or 0, by x and y; the start is the corner of the four cells in the middle. `felt`, 1
    where the body is pressed by what the map did not have until now, else 0.

    Inputs: `image [rows, rays, channels]`, the last of which is nearness exp(-m), the leftmost ray first; `touch [S]`,
    sectors of the body, the one in front first, then to the left; `pose [4…]`; `wanted`, probabilities, each
    of an equal part of the view.
    """

    replayed = ("blocked", "felt")

    def initial(self, batch: int) -> State:
        return jnp.zeros((batch, self.config.cells**2))

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        inputs = jax.lax.stop_gradient(inputs)
        (seen, met), (felt, pressed) = self._seen(inputs), self._felt(inputs["touch"])
        points, there = jnp.concatenate([seen, felt], axis=1), jnp.concatenate([met, pressed], axis=1)
        pose = inputs["pose"]
        turned = rotated_all(points, pose[:, 2:4]) + pose[:, None, :2]
        c, batch = self.config, state.shape[0]
        place = place_of(turned, c.cell, (c.cells, c.cells))
        inside = there & ((place >= 0) & (place < c.cells)).all(axis=-1)
        index = jnp.where(inside, place[..., 0] * c.cells + place[..., 1], c.cells**2)
        rows = jnp.arange(batch)
        after = state.at[rows[:, None], index].set(1.0, mode="drop")
        known = state.at[rows, index[:, -1]].get(mode="fill", fill_value=0.0)  # the last point is the one that is felt
        felt = (1.0 - known) * pressed[:, 0]
        return after, {"blocked": after.reshape(batch, c.cells, c.cells), "felt": felt}

    def _seen(self, inputs: Arrays) -> tuple[jax.Array, jax.Array]:
        """Where the rays end, `[B, N, 2]`, m, ahead and to the left of the body, and whether that is in the way."""
        c, near = self.config, inputs["image"][..., -1]
        rows, rays = near.shape[1:]
        depth = -jnp.log(jnp.clip(near, 1e-6, 1.0))
        angles = ray_angles(rays, c.field)
        points = depth[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)[None, None]
        met = (near > 0) & (depth < c.range)
        if "wanted" in inputs:
            parts = np.arange(rays) * inputs["wanted"].shape[1] // rays
            met &= inputs["wanted"][:, None, parts] < WANTED
        return points.reshape(-1, rows * rays, 2), met.reshape(-1, rows * rays)

    def _felt(self, touch: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The point that presses the body, amid the sectors that feel it, `[B, 1, 2]`, as `_seen`."""
        c, sectors = self.config, touch.shape[1]
        angles = 2 * np.pi * np.arange(sectors) / sectors
        pressed = touch > c.touched
        force = jnp.where(pressed, touch, 0.0) @ np.stack([np.cos(angles), np.sin(angles)], axis=1)
        out = force / jnp.maximum(jnp.linalg.norm(force, axis=1, keepdims=True), 1e-6)
        return (c.radius + c.cell / 2) * out[:, None], pressed.any(axis=1, keepdims=True)
