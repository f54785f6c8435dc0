"""Pictures by MuJoCo's own renderer, without a display: which OpenGL there is, and the one thread that speaks to it.

An OpenGL context belongs to a thread, while JAX calls back from any: so all pictures of a process are drawn in one
thread of its own, one after the other.
"""

from __future__ import annotations

import atexit
import importlib
import os
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache
from typing import Any

import mujoco
import numpy as np

from envs.registry import EnvError

FAR = 10.0  # m; in the arena nothing is farther
_NEAR = 0.005  # m
_SLICES = 64  # flat faces that a round thing is drawn with: 0.1 mm off at a radius of 0.1 m
_BACKENDS = {"linux": ("egl", "osmesa", "glfw"), "darwin": ("cgl",)}
_ELSEWHERE = ("glfw",)
_OFF = ("disable", "disabled", "off", "false", "0")
_SECONDS = 60.0  # until a trial of OpenGL counts as failed
_TRIAL = """
import importlib, os, sys, threading, mujoco
def draw():
    model = mujoco.MjModel.from_xml_string('<mujoco><worldbody><geom size="1"/></worldbody></mujoco>')
    context = importlib.import_module("mujoco." + sys.argv[1]).GLContext(8, 8)
    context.make_current()
    drawing = mujoco.MjrContext(model, 100)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, drawing)
    os._exit(0 if drawing.currentBuffer == mujoco.mjtFramebuffer.mjFB_OFFSCREEN else 1)
thread = threading.Thread(target=draw)
thread.start()
thread.join()
os._exit(1)
"""


def backend() -> str:
    """The OpenGL that draws here: `egl`, `osmesa`, `glfw` (needs a display) or `cgl` (macOS).

    MUJOCO_GL chooses one; otherwise the first that works. Raises EnvError with the remedy where none does. Tried in a
    process of its own, since a broken OpenGL can end a process; a second the first time, nothing after.
    """
    wanted = os.environ.get("MUJOCO_GL", "").lower().strip()
    if wanted in _OFF:
        raise EnvError(f"no pictures: MUJOCO_GL={wanted} switches MuJoCo's renderer off. Unset it.")
    all_of_them = _BACKENDS.get(sys.platform, _ELSEWHERE)
    tried = (wanted,) if wanted in all_of_them else all_of_them
    for name in tried:
        if _works(name):
            return name
    because = f", which MUJOCO_GL={wanted} asks for" if wanted in all_of_them else ""
    raise EnvError(
        f"no pictures: no OpenGL draws here (tried {', '.join(tried)}{because}). Install EGL or OSMesa (Debian: apt "
        "install libegl1 or libosmesa6), and leave MUJOCO_GL unset or set it to the one of them: egl, osmesa."
    )


@lru_cache(maxsize=8)
def _works(name: str) -> bool:
    environment = {key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRIAL, name], env=environment, capture_output=True, timeout=_SECONDS, check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0


class Renderer:
    """Draws one model from any thread. Same state, same pixels, on one machine.

    close_up: for eyes: sees what is a few mm away, and nothing beyond `FAR`.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int, close_up: bool = False) -> None:
        name = backend()
        thread = _thread()
        self._thread = thread
        self._easel: _Easel = thread.do(lambda: _Easel(name, model, width, height, close_up))
        # not at exit, when OpenGL may be gone before: the thread itself clears up then
        weakref.finalize(self, thread.drop, self._easel).atexit = False

    def draw(self, job: Callable[[_Easel], Any]) -> Any:
        """What a function of the easel returns, called in the thread of OpenGL."""
        easel = self._easel
        return self._thread.do(lambda: job(easel))


class _Easel:
    """A model of one's own (`model`, `data`: to be posed and coloured at will) and the means to draw it."""

    def __init__(self, backend: str, model: mujoco.MjModel, width: int, height: int, close_up: bool) -> None:
        self.model: mujoco.MjModel = model.__copy__()
        self.data = mujoco.MjData(self.model)
        look = self.model.vis
        look.global_.offwidth, look.global_.offheight = width, height
        if close_up:
            self.model.stat.extent, look.map.znear, look.map.zfar = 1.0, _NEAR, FAR
            look.quality.numslices = _SLICES
        self._gl = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
        self._gl.make_current()
        self._context = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(self.model, 1000 + self.model.ngeom)
        self._options = mujoco.MjvOption()
        self._frame, self._size = mujoco.MjrRect(0, 0, width, height), (height, width)

    def rgb(self, camera: mujoco.MjvCamera) -> np.ndarray:
        """`[H, W, 3]` uint8."""
        return self._read(camera, False)[0]

    def depth(self, camera: mujoco.MjvCamera) -> np.ndarray:
        """`[H, W]` float32, m along the axis of the camera; the far plane where there is nothing."""
        raw = self._read(camera, True)[1].astype(np.float64)  # 1 at the near plane, 0 at the far one
        extent, planes = self.model.stat.extent, self.model.vis.map
        near, far = planes.znear * extent, planes.zfar * extent
        return (near * far / (near + raw * (far - near))).astype(np.float32)

    def geoms(self, camera: mujoco.MjvCamera) -> np.ndarray:
        """`[H, W]` int32, the number of the geom that is seen, -1 for none."""
        code = self._read(camera, True)[0].astype(np.int32)
        drawn = self._scene.geoms[: self._scene.ngeom]
        geom = int(mujoco.mjtObj.mjOBJ_GEOM)
        table = np.full(self._scene.ngeom + 1, -1, np.int32)  # by code; code 0 is the background
        for shape in drawn:
            if shape.segid >= 0 and shape.objtype == geom:
                table[shape.segid + 1] = shape.objid
        return table[code[..., 0] | code[..., 1] << 8 | code[..., 2] << 16]

    def _read(self, camera: mujoco.MjvCamera, coded: bool) -> tuple[np.ndarray, np.ndarray]:
        """Colours, or codes of shapes, and raw depths; the top row first."""
        for update in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_camlight):  # all that a picture needs
            update(self.model, self.data)
        self._gl.make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        every: Any = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self.model, self.data, self._options, None, camera, every.value, self._scene)
        for flag in (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR):
            self._scene.flags[flag] = coded
        mujoco.mjr_render(self._frame, self._scene, self._context)
        colour, depth = np.empty((*self._size, 3), np.uint8), np.empty(self._size, np.float32)
        mujoco.mjr_readPixels(colour, depth, self._frame, self._context)
        return colour[::-1], depth[::-1]

    def close(self) -> None:
        self._gl.make_current()
        self._context.free()
        self._gl.free()


class _Thread:
    """A thread that does one job after the other."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._easels: list[_Easel] = []
        self._self = threading.Thread(target=self._work, name="scrubjay-rendering", daemon=True)
        self._self.start()

    def do(self, job: Callable[[], Any]) -> Any:
        """What a job returns or raises, once it is done."""
        future: Future[Any] = Future()
        self._jobs.put((future, job))
        made = future.result()
        if isinstance(made, _Easel):
            if not self._easels:
                atexit.register(self._stop)  # after OpenGL's own clearing up was registered, hence called before it
            self._easels.append(made)
        return made

    def drop(self, easel: _Easel) -> None:
        """Frees an easel some time; may be called by the garbage collector, in any thread."""
        self._jobs.put((Future(), lambda: (self._easels.remove(easel), easel.close())))

    def _stop(self) -> None:
        self._jobs.put(None)
        self._self.join(timeout=10)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            future, job = item
            try:
                future.set_result(job())
            except BaseException as error:  # belongs to whoever waits for the job
                future.set_exception(error)
            del item, future, job  # or the last picture's arrays would wait for the next
        for easel in self._easels:
            easel.close()


@lru_cache(maxsize=1)
def _thread() -> _Thread:
    return _Thread()
