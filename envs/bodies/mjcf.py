"""Body `mjcf`: a body from a file of the user's own, `env.body={kind: mjcf, path: my/body.xml}`.

Its joints, motors, touch sensors and cameras are found (`envs.describe` lists them). The file's floor, lights and other
scenery make way for the arena; its `<option>` is obeyed, the physics step with it; its first keyframe is how it starts.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.arena import AGENT, FLOOR, WORLD
from envs.bodies._shared import free_start
from envs.physics import Fresh, Physics
from envs.registry import EnvError, unknown
from envs.scene import Pose, Start

_LARGEST = 0.5  # radius that the arena has room for, m
_OWN_BITS = 3  # the user's collision bits come after those of the arena
_SENSORS = ("framepos", "framexaxis", "framelinvel", "frameangvel")


@dataclass(frozen=True)
class Mjcf:
    """A body from an MJCF file: every actuator is an action, -1..1 for the whole of its control range."""

    path: str = ""  # of the file
    part: str = ""  # the body in it whose place is the position, such as a hand; the outermost that moves if empty
    radius: float = 0.0  # of the upright cylinder that holds it, m; 0 finds it
    top_speed: float = 1.5  # m/s, what proprioception calls 1
    top_yaw: float = 6.0  # rad/s

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", _located(self.path))
        object.__setattr__(self, "radius", self.radius or self._found.radius)
        if not 0 < self.radius <= _LARGEST:
            raise EnvError(
                f"env.body.path: {self.path}: the body is {self.radius:.2f} m in radius, but the arena has room for "
                f"{_LARGEST} m. Make it smaller, or set env.body.radius."
            )

    @property
    def _found(self) -> _Found:
        return _found(self.path, self.part, Path(self.path).stat().st_mtime_ns)

    @property
    def actions(self) -> int:
        return int(self._found.model.nu)

    def mjcf(self) -> str:
        return self._found.xml

    def control(self, action: jax.Array, physics: Physics) -> jax.Array:
        del physics
        model = self._found.model
        limited = model.actuator_ctrllimited.astype(bool)
        low, high = np.where(limited[:, None], model.actuator_ctrlrange, (-1.0, 1.0)).T
        return (low + high) / 2 + action * (high - low) / 2

    def pose(self, physics: Physics) -> Pose:
        """From the sensors that were added to the file's own, which come last."""
        place, axis, velocity, spin = physics.sensordata[-12:].reshape(4, 3)
        heading = jnp.arctan2(axis[1], axis[0])
        cos, sin = jnp.cos(heading), jnp.sin(heading)
        forward = jnp.stack([cos * velocity[0] + sin * velocity[1], cos * velocity[1] - sin * velocity[0]])
        return Pose(place[:2], heading, forward, spin[2])

    def start(self, start: Start) -> Fresh:
        """As the first keyframe or the file itself has it, moved to the place as far as its joints let it."""
        model, qpos = self._found.model, self._found.qpos
        first = self._found.root_joint
        if model.jnt_type[first] == mujoco.mjtJoint.mjJNT_FREE and first == 0:
            return free_start(start, qpos, model.nv)
        root, moved = model.jnt_bodyid[first], jnp.asarray(qpos)
        for joint in np.flatnonzero(model.jnt_bodyid == root):
            slide = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE
            wanted = (*(start.position - model.body_pos[root, :2]), jnp.float32(0)) if slide else (0, 0, start.heading)
            if (axis := int(np.abs(model.jnt_axis[joint]).argmax())) in ((0, 1) if slide else (2,)):
                sign = float(np.sign(model.jnt_axis[joint, axis]))
                moved = moved.at[model.jnt_qposadr[joint]].set(sign * wanted[axis])
        return Fresh(moved, jnp.zeros(model.nv))

    def posture(self, physics: Physics) -> jax.Array:
        """`[2 J]`: positions (rad, m) of all joints but those of the outermost body, then a tenth of their speeds."""
        model = self._found.model
        inner = model.jnt_bodyid != model.jnt_bodyid[self._found.root_joint]
        inner &= np.isin(model.jnt_type, [int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)])
        at, rate = model.jnt_qposadr[inner].astype(int), model.jnt_dofadr[inner].astype(int)
        return jnp.concatenate([physics.qpos[at], 0.1 * physics.qvel[rate]])


class _Found(NamedTuple):
    """What a file holds."""

    xml: str  # the body for the arena
    model: mujoco.MjModel  # the body alone
    qpos: np.ndarray  # [nq], how it starts
    root_joint: int
    radius: float  # m


def _located(path: str) -> str:
    """An absolute path, for a saved config is read from elsewhere; EnvError where there is no such file."""
    if not path:
        raise EnvError("env.body: kind mjcf needs a file. Write env.body={kind: mjcf, path: my/body.xml}.")
    file = Path(path).expanduser().resolve()
    if file.is_file():
        return str(file)
    beside = [f.name for f in file.parent.glob("*.xml")] if file.parent.is_dir() else []
    near = difflib.get_close_matches(file.name, beside, n=1, cutoff=0.5)
    hint = f" Did you mean {str(Path(path).with_name(near[0]))!r}?" if near else ""
    raise EnvError(
        f"env.body.path: there is no file {path!r}.{hint} Paths start at the working directory, {Path.cwd()}."
    )


@lru_cache(maxsize=8)
def _found(path: str, part: str, changed: int) -> _Found:
    """Reads a file, as it is at time `changed`."""
    del changed
    try:
        spec = mujoco.MjSpec.from_file(path)
        qpos = _first_qpos(spec.compile())
        _clear(spec, Path(path).parent)
        model = spec.compile()
        _check(model, path, part)
        root = int(next(joint for joint in range(model.njnt)))
        _add_sensors(spec, part or model.body(model.jnt_bodyid[root]).name)
        model = spec.compile()
        return _Found(spec.to_xml(), model, qpos, root, _radius(model, qpos))
    except EnvError:
        raise
    except ValueError as error:  # MuJoCo's own words name element and line
        words = " ".join(str(error).split())
        raise EnvError(f"env.body.path: {path}: {words}. Mend the file there.") from error


def _first_qpos(model: mujoco.MjModel) -> np.ndarray:
    return np.array(model.key_qpos[0] if model.nkey else model.qpos0)


def _check(model: mujoco.MjModel, path: str, part: str) -> None:
    if not model.njnt:
        raise EnvError(f"env.body.path: {path}: nothing in it moves. Give its body a joint, such as <freejoint/>.")
    if not model.nu:
        raise EnvError(f"env.body.path: {path}: it has no actuators. Add <actuator> with a motor for each joint.")
    names = [model.body(i).name for i in range(1, model.nbody)]
    if part and part not in names:
        raise unknown(f"body in {path}, which env.body.part names,", part, filter(None, names))


def _clear(spec: mujoco.MjSpec, folder: Path) -> None:
    """Leaves only what belongs to the body, named, and solid for the arena."""
    for scenery in (*spec.worldbody.geoms, *spec.lights, *spec.keys):
        spec.delete(scenery)
    spec.meshdir, spec.texturedir = str(folder / spec.meshdir), str(folder / spec.texturedir)
    for kind in (spec.geoms, spec.bodies[1:]):
        for index, element in enumerate(kind):
            element.name = element.name or f"{type(element).__name__.removeprefix('Mjs').lower()}{index}"
    for geom in spec.geoms:
        if geom.contype or geom.conaffinity:
            geom.contype = AGENT | (geom.contype << _OWN_BITS & 0x7FFFFFFF)
            geom.conaffinity = WORLD | FLOOR | (geom.conaffinity << _OWN_BITS & 0x7FFFFFFF)


def _add_sensors(spec: mujoco.MjSpec, part: str) -> None:
    """Four sensors of place and motion, after all others."""
    for name in _SENSORS:
        spec.add_sensor(
            name=f"pose_{name}",
            type=getattr(mujoco.mjtSensor, f"mjSENS_{name.upper()}"),
            objtype=mujoco.mjtObj.mjOBJ_XBODY,
            objname=part,
        )


def _radius(model: mujoco.MjModel, qpos: np.ndarray) -> float:
    """Horizontal reach of the solid shapes around the part, by their bounding spheres."""
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_forward(model, data)
    part = model.sensor_objid[-1]
    own = model.geom_bodyid == part
    solid = (model.geom_contype > 0) & (own if np.any(model.jnt_type[:1] != mujoco.mjtJoint.mjJNT_FREE) else True)
    reach = np.linalg.norm(data.geom_xpos[:, :2] - data.xpos[part, :2], axis=-1) + model.geom_rbound
    return float(reach[solid].max(initial=0.02))
