"""Body `arm`: a three-joint arm that stands behind the south wall and reaches over it; its hand is its position.

Shoulder and elbow turn about the vertical above walls and things, as those of a SCARA robot do, so that only the hand,
which hangs down from the wrist, meets anything. It looks and touches as the roller does.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from envs.arena import AGENT, HALF, SOLID_GROUP, VISUAL_GROUP, WORLD
from envs.bodies._shared import eye, ring, ring_sensors
from envs.physics import Fresh, Physics
from envs.scene import Pose, Start

_BASE = (0.0, -HALF - 0.06)  # of the shoulder, m
_LEVEL, _HEIGHT = 0.4, 0.1  # of the links, of the hand's centre, m
_LINKS, _HAND = 1.2, 0.08  # length of upper arm and forearm each, and from wrist to hand, m
_MASSES = (0.3, 0.3, 0.2)  # of upper arm, forearm and hand, kg
_INERTIA = 0.02  # of every motor as its joint feels it, kg m2


@dataclass(frozen=True)
class Arm:
    """Three joints driven against damping: each speed approaches its command, the faster the nearer the hand is."""

    radius: float = 0.05  # of the hand, m
    shoulder: float = 0.7  # top speeds, rad/s
    elbow: float = 1.4
    top_yaw: float = 6.0  # of the wrist
    top_speed: float = 1.5  # of the hand, about what shoulder and elbow reach together, m/s
    tau: float = 0.1  # s, time constant of a joint at its largest load

    actions = 3  # shoulder, elbow, wrist; each -1..1, positive to the left

    def mjcf(self) -> str:
        """The body as MJCF; its origin is that of the arena."""
        upper, fore, hand = _MASSES
        loads = (upper * _LINKS**2 / 3 + (fore + hand) * (2 * _LINKS) ** 2, (fore / 3 + hand) * _LINKS**2, 0.0)
        damping = [(load + _INERTIA) / self.tau for load in loads]
        gears = [d * s for d, s in zip(damping, (self.shoulder, self.elbow, self.top_yaw), strict=True)]
        look = f'contype="0" conaffinity="0" group="{VISUAL_GROUP}" rgba="0.5 0.4 0.7 1"'
        link = f'type="capsule" size="0.02" fromto="0 0 0 {_LINKS} 0 0" {look}'
        joint = f'type="hinge" axis="0 0 1" armature="{_INERTIA}"'
        return f"""<mujoco>
  <option timestep="0.01" iterations="4" ls_iterations="8"/>
  <worldbody>
    <geom name="post" type="cylinder" size="0.03 {_LEVEL / 2}" pos="{_BASE[0]} {_BASE[1]} {_LEVEL / 2}" {look}/>
    <body name="upper_arm" pos="{_BASE[0]} {_BASE[1]} {_LEVEL}">
      <joint name="shoulder" {joint} damping="{damping[0]}"/>
      <geom name="upper_arm" {link} mass="{upper}"/>
      <body name="forearm" pos="{_LINKS} 0 0">
        <joint name="elbow" {joint} damping="{damping[1]}"/>
        <geom name="forearm" {link} mass="{fore}"/>
        <body name="hand" pos="{_LINKS} 0 {_HEIGHT - _LEVEL}">
          <joint name="wrist" {joint} damping="{damping[2]}"/>
          <geom name="hand" type="sphere" size="{self.radius}" pos="{_HAND} 0 0" condim="1" mass="{hand}"
                contype="{AGENT}" conaffinity="{WORLD}" group="{SOLID_GROUP}" rgba="0 0 0 0"/>
          <geom name="wrist" type="capsule" size="0.015" fromto="0 0 {_LEVEL - _HEIGHT} {_HAND} 0 0.05"
                mass="0" {look}/>
          <geom name="palm" type="cylinder" size="{self.radius} 0.05" pos="{_HAND} 0 {0.055 - _HEIGHT}"
                mass="0" {look}/>
          <geom name="hand_eye" type="sphere" size="0.015" pos="{_HAND + 0.8 * self.radius} 0 0.01" mass="0"
                contype="0" conaffinity="0" group="{VISUAL_GROUP}" rgba="1 1 1 1"/>
          {eye(_HAND + 0.8 * self.radius, 0.02)}
          <frame pos="{_HAND} 0 0">{ring(self.radius, 0.0)}</frame>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="shoulder" joint="shoulder" gear="{gears[0]}" ctrllimited="true" ctrlrange="-1 1"/>
    <motor name="elbow" joint="elbow" gear="{gears[1]}" ctrllimited="true" ctrlrange="-1 1"/>
    <motor name="wrist" joint="wrist" gear="{gears[2]}" ctrllimited="true" ctrlrange="-1 1"/>
  </actuator>
  <sensor>{ring_sensors()}</sensor>
</mujoco>"""

    def control(self, action: jax.Array, physics: Physics) -> jax.Array:
        del physics
        return action

    def pose(self, physics: Physics) -> Pose:
        """Place and motion of the hand; its heading is the direction in which it points."""
        angles, rates = jnp.cumsum(physics.qpos), jnp.cumsum(physics.qvel)
        lengths = jnp.array([_LINKS, _LINKS, _HAND])
        cos, sin = jnp.cos(angles), jnp.sin(angles)
        vx, vy = -(lengths * sin) @ rates, (lengths * cos) @ rates
        place = jnp.array(_BASE) + jnp.stack([lengths @ cos, lengths @ sin])
        forward = jnp.stack([cos[2] * vx + sin[2] * vy, cos[2] * vy - sin[2] * vx])
        return Pose(place, angles[2], forward, rates[2])

    def start(self, start: Start) -> Fresh:
        """The hand at a place and pointing as told, the elbow bent to the left (law of cosines).

        The arm reaches every place inside the walls.
        """
        pointing = jnp.stack([jnp.cos(start.heading), jnp.sin(start.heading)])
        way = start.position - _HAND * pointing - jnp.array(_BASE)
        distance = jnp.clip(jnp.sqrt((way**2).sum()), 1e-3, 2 * _LINKS)
        bend = jnp.arccos(distance / (2 * _LINKS))
        shoulder, elbow = jnp.arctan2(way[1], way[0]) + bend, -2 * bend
        return Fresh(jnp.stack([shoulder, elbow, start.heading - shoulder - elbow]), jnp.zeros(3))

    def posture(self, physics: Physics) -> jax.Array:
        """`[6]`: cosine and sine of shoulder and elbow, and how fast they turn, as fractions of their top speeds."""
        angles, rates = physics.qpos[:2], physics.qvel[:2]
        return jnp.concatenate([jnp.cos(angles), jnp.sin(angles), rates / jnp.array([self.shoulder, self.elbow])])
