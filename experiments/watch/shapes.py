"""What a replay shows of every shape of a world: where it is, how large and of what colour, at every decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast, get_args

import mujoco
import numpy as np

from envs.arena import HALF
from envs.drawing import Geom as Shape
from experiments.watch.trace import Geom, GeomType


def drawn(frames: Sequence[Sequence[Shape]]) -> dict[str, Any]:
    """The shapes of every decision, as a trace has them (`geoms`, `poses`, `rgba`, `root`, `scales`).

    Each is as large as it ever gets, and scaled where it is smaller: a barrier differs from episode to episode.
    """
    which = [i for i, shape in enumerate(frames[0]) if shape.type in get_args(GeomType)]
    shown = [[frame[i] for i in which] for frame in frames]
    sizes = np.array([[shape.size for shape in frame] for frame in shown])
    largest = sizes.max(axis=0)
    parts = np.divide(sizes, largest, out=np.ones_like(sizes), where=largest > 0)
    scales = np.array([[_axes(shape.type, part) for shape, part in zip(shown[0], row, strict=True)] for row in parts])
    return {
        "geoms": tuple(
            Geom(shape.name, cast(Any, shape.type), tuple(size))
            for shape, size in zip(shown[0], largest.tolist(), strict=True)
        ),
        "poses": np.array([[_pose(shape) for shape in frame] for frame in shown]),
        "rgba": np.array([[_colour(shape) for shape in frame] for frame in shown]),
        "root": next(i for i, shape in enumerate(shown[0]) if shape.name.startswith("body/")),
        "scales": scales if (scales != 1.0).any() else None,
    }


def _axes(kind: str, part: np.ndarray) -> tuple[float, float, float]:
    """Parts of a geom's sizes as parts of its lengths along its own axes."""
    if kind == "sphere":
        return (part[0], part[0], part[0])
    if kind in ("cylinder", "capsule"):
        return (part[0], part[0], part[1])
    return (part[0], part[1], 1.0 if kind == "plane" else part[2])


def _pose(shape: Shape) -> np.ndarray:
    """`[7]`: position (m) and unit quaternion (w, x, y, z)."""
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, np.array(shape.rotation))
    return np.concatenate([shape.position, quaternion])


def _colour(shape: Shape) -> np.ndarray:
    """`[4]`: red, green, blue and opacity; tasks put what is not there far away, and that is not to be seen."""
    there = np.abs(shape.position[:2]).max() < 2.0 * HALF
    return np.array(shape.rgba) * (1.0, 1.0, 1.0, float(there))
