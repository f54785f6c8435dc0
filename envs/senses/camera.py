"""Sense `camera`: the pixels of the body's own camera, by MuJoCo's renderer on the host or MuJoCo Warp's on a GPU."""

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

from envs import drawing, raytracing, rendering
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

    renderer: `opengl` draws one picture after the other in one thread of the host, which soon takes most of a step's
    time; a lower `rate` does not save it, a smaller batch does. `warp` draws those of the whole batch at once, on an
    NVIDIA GPU (or, to try it, on the CPU). `auto` takes `warp` where JAX runs on such a GPU and warp-lang is there.
    """

    mode: str = "rgb"  # or depth, segmentation
    width: int = 64  # pixels
    height: int = 64
    camera: str = ""  # a camera of the body by name; if empty its `eye`, or its only one
    renderer: str = "auto"  # or opengl, warp

    key = "camera"

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise unknown("choice of camera.mode", self.mode, _MODES)
        if self.renderer not in _RENDERERS:
            raise unknown("choice of camera.renderer", self.renderer, _RENDERERS)
        for side in ("width", "height"):
            if not 1 <= getattr(self, side) <= _MOST:
                raise EnvError(f"camera.{side} is {getattr(self, side)}; 1 to {_MOST} pixels are wanted, such as 64.")

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        """EnvError where nothing can be drawn on this machine, or the body has no such camera."""
        if jax.default_backend() == "tpu":
            raise EnvError("sense 'camera' draws on the CPU, which programs for TPUs cannot call. Leave it out.")
        if self.traces:
            if why := raytracing.refusal():
                raise EnvError(f"sense 'camera': renderer 'warp' cannot run here: {why}. Use renderer 'opengl'.")
        else:
            try:
                rendering.backend()
            except EnvError as error:
                raise EnvError(f"sense 'camera': {error}") from None
        _number(fixed.looks, self.camera)
        channels, most, _ = _MODES[self.mode]
        return gymnasium.spaces.Box(0.0, most, (self.height, self.width, channels), np.float32)

    @property
    def traces(self) -> bool:
        """Whether MuJoCo Warp draws."""
        if self.renderer == "auto":
            return jax.default_backend() == "gpu" and not raytracing.refusal()
        return self.renderer == "warp"

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        scene = moment.scene._replace(sounds=None, sentence=None)
        if self.traces:
            return state, self._traced(fixed.looks, moment.physics.qpos, scene)
        shape = jax.ShapeDtypeStruct((self.height, self.width, _MODES[self.mode][0]), jnp.float32)
        draw = _drawer(fixed.looks, self)
        picture = jax.pure_callback(draw, shape, moment.physics.qpos, scene, parts(scene), vmap_method="broadcast_all")
        return state, picture

    def _traced(self, looks: mujoco.MjModel, qpos: jax.Array, scene: Scene) -> jax.Array:
        """As `_drawer` draws it, by MuJoCo Warp."""
        trace = raytracing.tracer(looks, _number(looks, self.camera), self.width, self.height, rendering.FAR)
        seen = trace(qpos, scene, parts(scene))
        if self.mode == "segmentation":
            picture = jax.nn.one_hot(jnp.asarray(classes(looks))[seen.geom], len(CLASSES))
        else:
            picture = seen.rgb if self.mode == "rgb" else seen.depth[..., None]
        return jnp.where(scene.dark, 0.0, picture)


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


_RENDERERS = ("auto", "opengl", "warp")
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
