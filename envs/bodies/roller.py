"""Body `roller`: a disc that drives along its heading and turns, the default body.

It moves in the plane, so that a sphere as its solid shape meets upright things exactly as a cylinder would, and a
sphere against everything is what all engines know best.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.arena import AGENT, SOLID_GROUP, VISUAL_GROUP, WORLD
from envs.bodies._shared import eye, ring, ring_sensors
from envs.physics import Fresh, Physics
from envs.scene import Pose, Start

_HEIGHT = 0.1  # of the sphere's centre, clear of the floor, m


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
  <option timestep="0.01" iterations="4" ls_iterations="8"/>
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
      {eye(0.8 * self.radius, 0.125)}
      {ring(self.radius, _HEIGHT)}
    </body>
  </worldbody>
  <actuator>
    <motor name="thrust" site="drive" gear="{self.top_speed * drag} 0 0 0 0 0"/>
    <motor name="yaw" site="drive" gear="0 0 0 0 0 {self.top_yaw * yaw_drag}"/>
  </actuator>
  <sensor>{ring_sensors()}</sensor>
</mujoco>"""

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

    def posture(self, physics: Physics) -> jax.Array:
        """`[0]`: a disc has no limbs to feel."""
        return physics.qpos[:0]
