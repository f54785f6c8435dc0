"""Body `ant`: Gymnasium's eight-actuator ant, made small enough for the arena.

Its MJCF is read from the installed gymnasium package and scaled so that the small ant does what the large one does,
only faster: with lengths shrunk by s, times shrink by √s, for gravity stays (Froude's law of similar speeds). Masses
stay, so that it weighs about as much as the other bodies and forces are as large; torques then go with s.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.arena import AGENT, FLOOR, WORLD
from envs.bodies._shared import EYE_FIELD, axes, free_pose, free_start
from envs.physics import Fresh, Physics
from envs.scene import Pose, Start

_REACH = 0.8 * np.sqrt(2) * 0.97 + 0.08  # of the large ant's feet from its middle with its legs almost straight, m
_STAND = (0.0, 0.0, 0.56, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0)  # of the large ant; on its feet
_LEGS = {"aux_1": "front_left", "aux_2": "rear_left", "aux_3": "rear_right", "aux_4": "front_right"}  # x is ahead
_TIMESTEP = 0.0025  # s; Gymnasium's 0.01 s becomes 0.0035 s for the default radius


@dataclass(frozen=True)
class Ant:
    """Four legs with two torque motors each (Schulman et al. 2016, as in Gymnasium's Ant-v5), in Gymnasium's order."""

    radius: float = 0.15  # m, with its legs stretched
    top_speed: float = 1.5  # m/s, about what a good runner reaches
    top_yaw: float = 6.0  # rad/s

    actions = 8  # torques: hip and ankle of legs 4, 1, 2, 3

    @property
    def scale(self) -> float:
        """Length here by length in Gymnasium."""
        return float(self.radius / _REACH)

    def mjcf(self) -> str:
        return scaled(self.scale, _TIMESTEP)

    def control(self, action: jax.Array, physics: Physics) -> jax.Array:
        del physics
        return action

    def pose(self, physics: Physics) -> Pose:
        """Of the torso."""
        return free_pose(physics)

    def start(self, start: Start) -> Fresh:
        """Standing on its feet."""
        qpos = np.array(_STAND)
        qpos[:3] *= self.scale
        return free_start(start, qpos, 14)

    def posture(self, physics: Physics) -> jax.Array:
        """`[20]`: height of the torso as a fraction of that at the start, how far it leans forward and to the left,
        how upright it is; angles (rad) of the eight joints, and their speeds (0.05 rad/s)."""
        turned = axes(physics.qpos[3:7])
        height = physics.qpos[2] / (_STAND[2] * self.scale)
        lean = jnp.stack([height, -turned[2, 0], -turned[2, 1], turned[2, 2]])
        return jnp.concatenate([lean, physics.qpos[7:], 0.05 * physics.qvel[6:]])


@lru_cache(maxsize=8)
def scaled(scale: float, timestep: float) -> str:
    """Gymnasium's ant as MJCF without its scenery, lengths times `scale`, with a touch sensor on each shin."""
    spec = mujoco.MjSpec.from_string((files("gymnasium") / "envs/mujoco/assets/ant.xml").read_text())
    for scenery in (
        *spec.worldbody.geoms,
        *spec.lights,
        *spec.cameras,
        *spec.textures,
        *spec.materials,
        *spec.numerics,
    ):
        spec.delete(scenery)
    spec.body("torso").add_camera(name="eye", pos=[0.24 * scale, 0, 0], quat=[0.5, 0.5, -0.5, -0.5], fovy=EYE_FIELD)
    spec.option.timestep, spec.option.integrator = timestep, mujoco.mjtIntegrator.mjINT_EULER
    spec.option.iterations, spec.option.ls_iterations = 10, 10
    _shrink(spec, scale)
    for leg, where in _LEGS.items():
        shin = spec.body(leg).bodies[0]
        bone = shin.geoms[0]
        cover = shin.add_site(name=f"touch_{where}", type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=bone.fromto)
        cover.size, cover.rgba = [1.1 * bone.size[0], 0, 0], [0, 0, 0, 0]
        spec.add_sensor(
            name=cover.name,
            type=mujoco.mjtSensor.mjSENS_TOUCH,
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            objname=cover.name,
        )
    spec.compile()
    return spec.to_xml()


def _shrink(spec: mujoco.MjSpec, scale: float) -> None:
    """Lengths times s, times √s, masses as they are: densities s⁻³, torques s, dampings s¹ᐧ⁵, armatures s²."""
    for body in spec.bodies:
        body.pos *= scale
    for geom in spec.geoms:
        geom.pos *= scale
        geom.fromto *= scale
        geom.size *= scale
        geom.margin *= scale
        geom.density /= scale**3
        geom.friction[1:] *= scale
        _quicken(geom.solref, scale)
        geom.solimp[2] *= scale
        geom.contype, geom.conaffinity, geom.material = AGENT, WORLD | FLOOR, ""
        geom.priority = 1  # what it meets is as hard, quick to yield and slippery as its own floor was
    for joint in spec.joints:
        joint.pos *= scale
        joint.damping *= scale**1.5
        joint.armature *= scale**2
        _quicken(joint.solref_limit, scale)
    for actuator in spec.actuators:
        actuator.gear *= scale
        actuator.name = actuator.target


def _quicken(solref: np.ndarray, scale: float) -> None:
    solref[0] *= np.sqrt(scale)
