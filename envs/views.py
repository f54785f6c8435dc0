"""Worlds as an onlooker sees them: pictures, and a window, for Gymnasium's render modes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeGuard

import jax
import mujoco
import numpy as np

from envs.arena import parts
from envs.drawing import dress
from envs.registry import EnvError
from envs.rendering import Renderer

if TYPE_CHECKING:
    from envs.plant import Plant
    from envs.world import World

_ABOVE = {"distance": 3.3, "elevation": -50.0, "azimuth": 90.0}  # of a camera that sees the whole arena; m, degrees
_TRACK = "track"  # the camera that Gymnasium's machines bring
_TRIAL = "import glfw, os; os._exit(0 if glfw.init() else 1)"


def camera(env: World | Plant) -> mujoco.MjvCamera:
    """Where an onlooker stands: above the arena, or where the machine's own tracking camera is, if it has one."""
    model, found = env.model, mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, found)
    if _in_arena(env):
        found.lookat[:] = 0.0
        for name, value in _ABOVE.items():
            setattr(found, name, value)
    elif _TRACK in (model.camera(index).name for index in range(model.ncam)):
        found.type, found.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, model.camera(_TRACK).id
    return found


def posing(env: World | Plant, state: Any, index: int) -> Callable[[mujoco.MjModel, mujoco.MjData], None]:
    """What puts a copy of `env.model` and its data as one environment of a batch stands; it calls no JAX itself."""
    qpos = np.asarray(state.physics.qpos[index])
    if not _in_arena(env):
        return lambda model, data: data.qpos.__setitem__(slice(None), qpos)
    scene: Any = env.task.scene(jax.tree.map(lambda leaf: leaf[index], state.task))
    scene, placed = jax.tree.map(np.asarray, (scene, parts(scene)))

    def pose(model: mujoco.MjModel, data: mujoco.MjData) -> None:
        data.qpos[:] = qpos
        dress(model, data, scene, placed)

    return pose


def _in_arena(env: World | Plant) -> TypeGuard[World]:
    return hasattr(env, "senses")


class Pictures:
    """Takes pictures of the environments of a batch. EnvError where no OpenGL draws."""

    def __init__(self, env: World | Plant, width: int, height: int) -> None:
        self._env, self._camera = env, camera(env)
        self._renderer = Renderer(env.model, width, height)

    def __call__(self, state: Any, index: int) -> np.ndarray:
        """`[H, W, 3]` uint8."""
        pose = posing(self._env, state, index)

        def job(easel: Any) -> np.ndarray:
            pose(easel.model, easel.data)
            return easel.rgb(self._camera)

        return self._renderer.draw(job)


class Window:
    """MuJoCo's interactive viewer on one environment: drag to look around. EnvError where there is no display."""

    def __init__(self, env: World | Plant) -> None:
        if not display():
            raise EnvError(
                "render_mode 'human' opens a window, and there is no display here (DISPLAY is "
                f"{os.environ.get('DISPLAY')!r}). Use render_mode='rgb_array', or `scrubjay watch` for a trained run."
            )
        self._env = env
        self._model: mujoco.MjModel = env.model.__copy__()
        self._data = mujoco.MjData(self._model)
        viewer: Any = importlib.import_module("mujoco.viewer")
        try:
            self._viewer = viewer.launch_passive(self._model, self._data, show_left_ui=False, show_right_ui=False)
        except RuntimeError as error:  # macOS leaves windows to the main thread
            raise EnvError(
                f"render_mode 'human': {str(error).rstrip('.')}. Start it so, or use 'rgb_array'."
            ) from error
        stand, own = camera(env), self._viewer.cam
        with self._viewer.lock():
            own.type, own.fixedcamid, own.lookat[:] = stand.type, stand.fixedcamid, stand.lookat
            own.distance, own.elevation, own.azimuth = stand.distance, stand.elevation, stand.azimuth
        self._next = 0.0

    def show(self, state: Any, index: int, seconds: float) -> None:
        """Shows an environment, no sooner than `seconds` after the last time. Nothing once the window is closed."""
        pose = posing(self._env, state, index)
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + seconds
        with self._viewer.lock():
            pose(self._model, self._data)
            mujoco.mj_forward(self._model, self._data)
        self._viewer.sync()

    def close(self) -> None:
        self._viewer.close()


@lru_cache(maxsize=1)
def display() -> bool:
    """Whether a window can be opened here; tried in a process of its own, which it may end."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        done = subprocess.run([sys.executable, "-c", _TRIAL], capture_output=True, timeout=30, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0
