"""What several bodies have in common: a ring of touch sensors, and the pose of a body that moves freely."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from envs.physics import Fresh, Physics
from envs.scene import Pose, Start

SECTORS = 8
EYE_FIELD = 60.0  # of a camera from top to bottom, degrees


def ring(radius: float, height: float) -> str:
    """Sites `touch0` to `touch7`: eight upright plates around a body, sector 0 in front, then to the left.

    MuJoCo's touch sensor counts a contact if the ray from it out of the body meets the site: so the plates stand just
    outside and tile the circle.
    """
    distance = radius + 0.02
    half_width = distance * np.tan(np.pi / SECTORS)
    angles = 2 * np.pi * np.arange(SECTORS) / SECTORS
    return "".join(
        f'<site name="touch{i}" type="box" size="0.015 {half_width} 0.2" rgba="0 0 0 0" '
        f'euler="0 0 {np.rad2deg(a)}" pos="{distance * np.cos(a)} {distance * np.sin(a)} {height}"/>'
        for i, a in enumerate(angles)
    )


def eye(x: float, z: float) -> str:
    """Camera `eye`, which looks ahead. Inside the eyeball that is drawn, of which a camera sees nothing from there."""
    return f'<camera name="eye" pos="{x} 0 {z}" xyaxes="0 -1 0 0 0 1" fovy="{EYE_FIELD}"/>'


def ring_sensors() -> str:
    """The touch sensors of `ring`."""
    return "".join(f'<touch name="touch{i}" site="touch{i}"/>' for i in range(SECTORS))


def free_pose(physics: Physics) -> Pose:
    """The pose of a body whose first joint is free; its heading is that of its x axis, seen from above."""
    vx, vy = physics.qvel[0], physics.qvel[1]
    east, north, _ = axes(physics.qpos[3:7])
    heading = jnp.arctan2(north[0], east[0])
    cos, sin = jnp.cos(heading), jnp.sin(heading)
    # a free joint's linear velocity is given in the arena's axes, its angular velocity in the body's own
    yaw_rate = axes(physics.qpos[3:7])[2] @ physics.qvel[3:6]
    return Pose(physics.qpos[:2], heading, jnp.stack([cos * vx + sin * vy, cos * vy - sin * vx]), yaw_rate)


def axes(quaternion: jax.Array) -> jax.Array:
    """`[3, 3]` rotation matrix of a unit quaternion `[4]` (w, x, y, z): column j is the body's axis j in the arena."""
    w, x, y, z = quaternion
    return jnp.stack(
        [
            jnp.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)]),
            jnp.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)]),
            jnp.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]),
        ]
    )


def free_start(start: Start, qpos: np.ndarray, nv: int) -> Fresh:
    """The configuration `qpos` `[nq]` of a freely moving body, put at a place and turned about the vertical."""
    half = start.heading / 2
    (cos, sin), (w, x, y, z) = (jnp.cos(half), jnp.sin(half)), qpos[3:7]
    turned = jnp.stack([cos * w - sin * z, cos * x - sin * y, cos * y + sin * x, cos * z + sin * w])
    return Fresh(
        jnp.concatenate([start.position, jnp.asarray(qpos[2:3]), turned, jnp.asarray(qpos[7:])]), jnp.zeros(nv)
    )
