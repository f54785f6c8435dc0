"""Sense `camera`: the pixels of the body's own camera, drawn by MuJoCo's renderer on the host, whatever the engine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs import drawing, rendering
from envs.arena import LARGEST, parts
from envs.moment import Fixed, Moment
from envs.physics import Parts
from envs.registry import EnvError, unknown
from envs.scene import Scene

CLASSES = ("floor", "wall", *LARGEST, "body")
"""What `segmentation` tells apart, in the order of its last axis; `body` is what the camera sees of its own body."""

_EYE = "eye"
_PREFIX = "body/"
_MOST = 1024  # pixels


@dataclass(frozen=True)
class Camera:
    """What a camera of the body sees, top row first; float32, all 0 in the dark.

    rgb: `[H, W, 3]`, R, G, B in 0..1. depth: `[H, W, 1]`, m along the camera's axis, 10 where nothing is.
    segmentation: `[H, W, 6]`, 1 in the plane of the class that is seen (`CLASSES`), all 0 where nothing is.
    Depth and segmentation look through clear panels, as the retina's nearness does. Walls are of one brightness: the
    ramp that the retina sees along them is not painted on them.

    It is dear: pictures are drawn one after the other in one thread of the host, so that they soon take most of a
    step's time; on engines of a GPU two transfers come on top. A lower `rate` does not save it, a smaller batch does.
    """

    mode: str = "rgb"  # or depth, segmentation
    width: int = 64  # pixels
    height: int = 64
    camera: str = ""  # a camera of the body by name; if empty its `eye`, or its only one

    key = "camera"

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise unknown("choice of camera.mode", self.mode, _MODES)
        for side in ("width", "height"):
            if not 1 <= getattr(self, side) <= _MOST:
                raise EnvError(f"camera.{side} is {getattr(self, side)}; 1 to {_MOST} pixels are wanted, such as 64.")

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        """EnvError where nothing can be drawn on this machine, or the body has no such camera."""
        if jax.default_backend() == "tpu":
            raise EnvError("sense 'camera' draws on the CPU, which programs for TPUs cannot call. Leave it out.")
        try:
            rendering.backend()
        except EnvError as error:
            raise EnvError(f"sense 'camera': {error}") from None
        _number(fixed.looks, self.camera)
        channels, most, _ = _MODES[self.mode]
        return gymnasium.spaces.Box(0.0, most, (self.height, self.width, channels), np.float32)

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        shape = jax.ShapeDtypeStruct((self.height, self.width, _MODES[self.mode][0]), jnp.float32)
        scene = moment.scene._replace(sounds=None, sentence=None)
        draw = _drawer(fixed.looks, self)
        picture = jax.pure_callback(draw, shape, moment.physics.qpos, scene, parts(scene), vmap_method="broadcast_all")
        return state, picture


@lru_cache(maxsize=8)
def _drawer(model: mujoco.MjModel, sense: Camera) -> Callable[[Any, Scene, Parts], np.ndarray]:
    """The callback: NumPy only, for JAX inside a callback can deadlock. Axes added by vmap are flattened."""
    renderer = rendering.Renderer(model, sense.width, sense.height, close_up=True)
    eye = mujoco.MjvCamera()
    eye.type, eye.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, _number(model, sense.camera)
    paint, groups = _MODES[sense.mode][2], classes(model)

    def draw(qpos: Any, scene: Scene, placed: Parts) -> np.ndarray:
        axes = np.shape(qpos)[:-1]
        number = math.prod(axes)
        arguments = jax.tree.map(np.asarray, (qpos, scene, placed))
        flat = jax.tree.map(lambda array: array.reshape(number, *array.shape[len(axes) :]), arguments)

        def job(easel: Any) -> np.ndarray:
            return np.stack([one(easel, *jax.tree.map(lambda array, i=i: array[i], flat)) for i in range(number)])

        pictures = renderer.draw(job)
        return pictures.reshape(*axes, *pictures.shape[1:])

    def one(easel: Any, qpos: np.ndarray, scene: Scene, placed: Parts) -> np.ndarray:
        easel.data.qpos[:] = qpos
        drawing.dress(easel.model, easel.data, scene, placed)
        if sense.mode != "rgb":
            easel.model.geom_rgba[easel.model.geom_rgba[:, 3] < 1, 3] = 0.0
        return paint(easel, eye, groups) * np.float32(not scene.dark)

    return draw


def _rgb(easel: Any, eye: mujoco.MjvCamera, groups: np.ndarray) -> np.ndarray:
    del groups
    return easel.rgb(eye) * np.float32(1 / 255)


def _depth(easel: Any, eye: mujoco.MjvCamera, groups: np.ndarray) -> np.ndarray:
    del groups
    return easel.depth(eye)[..., None]


def _segmentation(easel: Any, eye: mujoco.MjvCamera, groups: np.ndarray) -> np.ndarray:
    return np.eye(len(CLASSES) + 1, dtype=np.float32)[groups[easel.geoms(eye)]][..., :-1]


_MODES: dict[str, tuple[int, float, Callable[..., np.ndarray]]] = {
    "rgb": (3, 1.0, _rgb),
    "depth": (1, rendering.FAR, _depth),
    "segmentation": (len(CLASSES), 1.0, _segmentation),
}
"""Channels, the largest value, and how it is drawn."""


def classes(model: mujoco.MjModel) -> np.ndarray:
    """`[ngeom + 1]` int: the place of every shape in `CLASSES`; the last one stands for nothing."""
    names = [model.geom(index).name for index in range(model.ngeom)]
    found = [next((c for c, kind in enumerate(CLASSES) if name.startswith(kind)), len(CLASSES)) for name in names]
    return np.array([*found, len(CLASSES)])


def _number(model: mujoco.MjModel, wanted: str) -> int:
    """The number of a camera of the body by name."""
    names = [model.camera(index).name.removeprefix(_PREFIX) for index in range(model.ncam)]
    if wanted and wanted not in names:
        raise unknown("camera of this body", wanted, names)
    if not wanted and _EYE not in names and len(names) != 1:
        raise EnvError(
            f"sense 'camera': the body has several, {', '.join(names)}. Choose one: "
            "senses={camera: {camera: NAME}}."
            if names
            else "sense 'camera': this body has no camera. Put <camera name=\"eye\"/> into its MJCF."
        )
    return names.index(wanted or (_EYE if _EYE in names else names[0]))
