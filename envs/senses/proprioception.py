"""Sense `proprioception`: the body's own motion, its compass and its mouth."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from envs.moment import Fixed, Moment
from envs.physics import nothing

_MOST = 10.0  # no reading is more


@dataclass(frozen=True)
class Proprioception:
    """`[6 + P]`: forward and lateral speed, yaw rate (as fractions of the body's top values), cosine and sine of the
    heading, whether the mouth is closed, and the body's P numbers of posture, such as its joints (none for a roller).
    """

    compass: bool = True  # without it, the heading reads 0, 0

    key = "proprio"

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        posture = jax.eval_shape(lambda: fixed.body.posture(nothing(fixed.model)))
        return gymnasium.spaces.Box(-_MOST, _MOST, (6 + posture.shape[0],), np.float32)

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[tuple[()], jax.Array]:
        pose = moment.pose
        heading = jnp.stack([jnp.cos(pose.heading), jnp.sin(pose.heading)]) * float(self.compass)
        motion = jnp.append(pose.velocity / fixed.body.top_speed, pose.yaw_rate / fixed.body.top_yaw)
        motion = jnp.clip(motion, -_MOST, _MOST)
        mouth = (moment.action[-1] > 0).astype(jnp.float32)
        posture = jnp.clip(fixed.body.posture(moment.physics), -_MOST, _MOST)
        return state, jnp.concatenate([motion, heading, mouth[None], posture])
