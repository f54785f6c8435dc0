"""Sense `touch`: how hard the body is pressed, by sector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from envs.moment import Fixed, Moment

_MOST = 20.0  # no reading is more


@dataclass(frozen=True)
class Touch:
    """`[S]` log(1 + contact force in N) of the body's S touch sensors (the roller's 8 sectors, front first)."""

    key = "touch"

    def space(self, fixed: Fixed) -> gymnasium.spaces.Box:
        return gymnasium.spaces.Box(0.0, _MOST, (len(_columns(fixed.model)),), np.float32)

    def initial(self, fixed: Fixed) -> tuple[()]:
        del fixed
        return ()

    def __call__(self, fixed: Fixed, state: tuple[()], moment: Moment) -> tuple[Any, jax.Array]:
        force = moment.physics.sensordata[_columns(fixed.model)]
        return state, jnp.minimum(jnp.log1p(jnp.maximum(force, 0.0)), _MOST)


def _columns(model: mujoco.MjModel) -> np.ndarray:
    return model.sensor_adr[model.sensor_type == mujoco.mjtSensor.mjSENS_TOUCH]
