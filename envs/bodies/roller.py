"""Body `roller`: a disc that drives along its heading and turns, the default body.

It moves in the plane, so that a sphere as its solid shape meets upright things exactly as a cylinder would, and a
sphere against everything is what all engines know best.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from envs.arena import AGENT, SOLID_GROUP, VISUAL_GROUP, WORLD
from envs.physics import Fresh, Physics
from envs.scene import Pose, Start

_HEIGHT = 0.1  # of the sphere's centre, clear of the floor, m
_SECTORS = 8


@dataclass(frozen=True)
class Roller:
    """Thrust and yaw torque against damping: both speeds approach their command with time constant `tau`."""

    radius: float = 0.06  # m
    mass: float = 1.0  # kg
    top_speed: float = 1.5  # m/s
    top_yaw: float = 6.0  # rad/s
    reverse: float = 0.3  # top speed backwards, as a fraction of that forwards
    tau: float = 0.07  # s

    actions = 2  # thrust, yaw; each -1..1

    def mjcf(self) -> str:
        """The body as MJCF; its origin is on the floor below its centre."""
        inertia = 0.5 * self.mass * self.radius**2
        drag, yaw_drag = self.mass / self.tau, inertia / self.tau
        return f"""<mujoco>
  <worldbody>
    <body name="roller">
      <inertial mass="{self.mass}" pos="0 0 {_HEIGHT}" diaginertia="{inertia} {inertia} {inertia}"/>
      <joint name="x" type="slide" axis="1 0 0" damping="{drag}"/>
      <joint name="y" type="slide" axis="0 1 0" damping="{drag}"/>
      <joint name="turn" type="hinge" axis="0 0 1" damping="{yaw_drag}"/>
      <geom name="roller" type="sphere" size="{self.radius}" pos="0 0 {_HEIGHT}" condim="1" group="{SOLID_GROUP}"
            contype="{AGENT}" conaffinity="{WORLD}" rgba="0 0 0 0"/>
      <geom name="roller_shell" type="cylinder" size="{self.radius} 0.05" pos="0 0 0.055" rgba="0.25 0.45 0.8 1"
            contype="0" conaffinity="0" group="{VISUAL_GROUP}"/>
      <geom name="roller_eye" type="sphere" size="0.02" pos="{0.8 * self.radius} 0 0.11" rgba="1 1 1 1"
            contype="0" conaffinity="0" group="{VISUAL_GROUP}"/>
      <site name="drive" pos="0 0 {_HEIGHT}"/>
      {self._touch_sites()}
    </body>
  </worldbody>
  <actuator>
    <motor name="thrust" site="drive" gear="{self.top_speed * drag} 0 0 0 0 0"/>
    <motor name="yaw" site="drive" gear="0 0 0 0 0 {self.top_yaw * yaw_drag}"/>
  </actuator>
  <sensor>{"".join(f'<touch name="touch{i}" site="touch{i}"/>' for i in range(_SECTORS))}</sensor>
</mujoco>"""

    def _touch_sites(self) -> str:
        """Eight upright plates around the body, sector 0 in front, then to the left.

        MuJoCo's touch sensor counts a contact if the ray from it out of the body meets the site: so the plates
        stand just outside and tile the circle.
        """
        distance = self.radius + 0.02
        half_width = distance * np.tan(np.pi / _SECTORS)
        angles = 2 * np.pi * np.arange(_SECTORS) / _SECTORS
        return "".join(
            f'<site name="touch{i}" type="box" size="0.015 {half_width} 0.2" rgba="0 0 0 0" '
            f'euler="0 0 {np.rad2deg(a)}" pos="{distance * np.cos(a)} {distance * np.sin(a)} {_HEIGHT}"/>'
            for i, a in enumerate(angles)
        )

    def control(self, action: jax.Array, physics: Physics) -> jax.Array:
        """Motor commands `[2]` for an action `[2]`."""
        del physics
        thrust = jnp.where(action[0] < 0, self.reverse * action[0], action[0])
        return jnp.stack([thrust, action[1]])

    def pose(self, physics: Physics) -> Pose:
        """Place and motion in the arena."""
        heading = physics.qpos[2]
        cos, sin = jnp.cos(heading), jnp.sin(heading)
        vx, vy = physics.qvel[0], physics.qvel[1]
        return Pose(physics.qpos[:2], heading, jnp.stack([cos * vx + sin * vy, cos * vy - sin * vx]), physics.qvel[2])

    def start(self, start: Start) -> Fresh:
        """Standing still at a place."""
        return Fresh(jnp.append(start.position, start.heading), jnp.zeros(3))
