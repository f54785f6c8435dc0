"""Body `car`: two driven wheels that roll on the floor, and two casters that slide on it.

The wheels are solid as spheres: each touches the floor in one point straight below its axle, as an ideal thin wheel
does, and what is one point in one engine is one point in all. They are drawn as the discs that they stand for.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from envs.arena import AGENT, FLOOR, SOLID_GROUP, VISUAL_GROUP, WORLD
from envs.bodies._shared import eye, free_pose, free_start, ring, ring_sensors
from envs.physics import Fresh, Physics
from envs.scene import Pose, Start

_HEIGHT = 0.03  # of the axle, the centre of mass and the bumper, m
_WHEEL = 0.03  # radius, m
_CASTER, _CASTER_AT, _CASTER_GAP = 0.01, 0.05, 2e-3  # radius, distance from the axle, clearance of the front one, m
_SINK = 4.5e-4  # how deep its weight presses it into the floor, m: it starts there, without a bounce
_BACK = 0.01  # how far the centre of mass lies behind the axle: at rest the car stands on its rear caster, m
_WHEEL_MASS = 0.05  # kg


@dataclass(frozen=True)
class Car:
    """Thrust and yaw mixed into two wheel motors against damping; both speeds need grip to reach their command."""

    radius: float = 0.07  # m
    mass: float = 1.0  # kg, wheels included
    top_speed: float = 1.5  # m/s
    top_yaw: float = 6.0  # rad/s
    reverse: float = 0.3  # top speed backwards, as a fraction of that forwards
    tau: float = 0.12  # s, in which speeds approach their command while the wheels grip
    grip: float = 2.0  # coefficient of friction between wheels and floor

    actions = 2  # thrust, yaw; each -1..1

    @property
    def wheel_speed(self) -> float:
        """The fastest that a wheel turns: full thrust and full yaw at once, rad/s."""
        return (self.top_speed + self.top_yaw * self._half_track) / _WHEEL

    @property
    def _half_track(self) -> float:
        return 0.7 * self.radius

    def mjcf(self) -> str:
        """The body as MJCF; its origin is on the floor below the middle of the axle."""
        mass = self.mass - 2 * _WHEEL_MASS
        inertia = 0.5 * mass * self.radius**2
        damping = self.mass * _WHEEL**2 / (2 * self.tau)
        return f"""<mujoco>
  <option timestep="0.005" iterations="10" ls_iterations="10"/>
  <worldbody>
    <body name="car">
      <freejoint name="root"/>
      <inertial mass="{mass}" pos="{-_BACK} 0 {_HEIGHT}" diaginertia="{inertia / 2} {inertia / 2} {inertia}"/>
      <geom name="bumper" type="sphere" size="{self.radius}" pos="0 0 {_HEIGHT}" condim="1" group="{SOLID_GROUP}"
            contype="{AGENT}" conaffinity="{WORLD}" rgba="0 0 0 0"/>
      {self._caster("caster_back", -_CASTER_AT, _CASTER)}
      {self._caster("caster_front", _CASTER_AT, _CASTER + _CASTER_GAP)}
      <geom name="car_shell" type="cylinder" size="{self.radius} 0.02" pos="0 0 0.07" rgba="0.8 0.45 0.2 1" mass="0"
            contype="0" conaffinity="0" group="{VISUAL_GROUP}"/>
      <geom name="car_eye" type="sphere" size="0.02" pos="{0.8 * self.radius} 0 0.1" rgba="1 1 1 1" mass="0"
            contype="0" conaffinity="0" group="{VISUAL_GROUP}"/>
      {eye(0.8 * self.radius, 0.115)}
      {ring(self.radius, _HEIGHT)}
      {self._wheel("left", self._half_track)}
      {self._wheel("right", -self._half_track)}
    </body>
  </worldbody>
  <actuator>
    <motor name="left" joint="left" gear="{damping * self.wheel_speed}" ctrllimited="true" ctrlrange="-1 1"/>
    <motor name="right" joint="right" gear="{damping * self.wheel_speed}" ctrllimited="true" ctrlrange="-1 1"/>
  </actuator>
  <sensor>{ring_sensors()}</sensor>
</mujoco>"""

    def _wheel(self, name: str, y: float) -> str:
        damping = self.mass * _WHEEL**2 / (2 * self.tau)
        inertia = 0.5 * _WHEEL_MASS * _WHEEL**2
        return f"""<body name="{name}" pos="0 {y} {_WHEEL}">
        <inertial mass="{_WHEEL_MASS}" pos="0 0 0" diaginertia="{inertia / 2} {inertia} {inertia / 2}"/>
        <joint name="{name}" type="hinge" axis="0 1 0" damping="{damping}"/>
        <geom name="{name}_wheel" type="sphere" size="{_WHEEL}" priority="1" condim="3" friction="{self.grip} 0 0"
              contype="{AGENT}" conaffinity="{FLOOR}" group="{SOLID_GROUP}" rgba="0 0 0 0"/>
        <geom name="{name}_tyre" type="cylinder" size="{_WHEEL} 0.008" euler="90 0 0" rgba="0.15 0.15 0.15 1"
              contype="0" conaffinity="0" group="{VISUAL_GROUP}"/>
      </body>"""

    @staticmethod
    def _caster(name: str, x: float, height: float) -> str:
        """A frictionless sphere: contacts of one dimension only push."""
        return f"""<geom name="{name}" type="sphere" size="{_CASTER}" pos="{x} 0 {height}" priority="1" condim="1"
            contype="{AGENT}" conaffinity="{FLOOR}" rgba="0.6 0.6 0.6 1"/>"""

    def control(self, action: jax.Array, physics: Physics) -> jax.Array:
        """Commands `[2]` of the left and the right wheel for an action `[2]`."""
        del physics
        forward = self.top_speed * jnp.where(action[0] < 0, self.reverse * action[0], action[0])
        turn = self.top_yaw * self._half_track * action[1]
        return jnp.stack([forward - turn, forward + turn]) / (_WHEEL * self.wheel_speed)

    def pose(self, physics: Physics) -> Pose:
        return free_pose(physics)

    def start(self, start: Start) -> Fresh:
        """Standing still at a place."""
        return free_start(start, np.array([0.0, 0.0, -_SINK, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 8)

    def posture(self, physics: Physics) -> jax.Array:
        """`[2]`: how fast the left and the right wheel turn, as fractions of their top speed."""
        return physics.qvel[6:8] / self.wheel_speed
