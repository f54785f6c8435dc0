"""Worlds shared by the tests of `envs`, built and compiled once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import envs
from envs.world import World

BATCH = 8
STEPS = 201  # one episode and the first of the next; one length, so that one program serves all


class Rig:
    """A world with its compiled functions."""

    def __init__(self, env: World) -> None:
        self.env = env
        self.step: Callable[..., Any] = jax.jit(env.step)
        self._blank = jax.jit(env.blank)

        def roll(state: Any, actions: jax.Array) -> Any:
            return jax.lax.scan(env.step, state, actions)

        self.roll: Callable[..., Any] = jax.jit(roll)

    def reset(self, key: jax.Array) -> Any:
        """As `env.reset`, which is this; so that only one program is compiled."""
        return self.step(self._blank(key), np.zeros((self.env.batch, 3), np.float32))

    def actions(self, steps: int = STEPS, seed: int = 0) -> np.ndarray:
        shape = (steps, self.env.batch, *(self.env.action_space.shape or ()))
        return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@pytest.fixture(scope="session")
def rig() -> Rig:
    return Rig(envs.make("forage", batch=BATCH))


@pytest.fixture(scope="session")
def mjx_rig() -> Rig:
    return Rig(envs.make("forage", batch=BATCH, engine="mjx"))


SLED = """<mujoco model="sled">
  <option timestep="0.005"/>
  <worldbody>
    <light pos="0 0 3"/>
    <geom type="plane" size="5 5 1"/>
    <body name="sled" pos="3 3 0.05">
      <freejoint/>
      <camera name="eye" pos="0.08 0 0.05"/>
      <geom type="box" size="0.06 0.04 0.05" mass="1" friction="0.1 0 0" priority="1"/>
      <site name="nose" type="box" size="0.02 0.04 0.05" pos="0.06 0 0"/>
      <site name="push"/>
      <body name="tail" pos="-0.06 0 0.06">
        <joint name="wag" axis="0 0 1" damping="0.01" limited="true" range="-60 60"/>
        <geom type="capsule" size="0.01" fromto="0 0 0 -0.04 0 0" mass="0.05"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="thrust" site="push" gear="4 0 0 0 0 0"/>
    <position name="wag" joint="wag" kp="0.1" ctrllimited="true" ctrlrange="-1 0.5"/>
  </actuator>
  <sensor><touch name="nose" site="nose"/><accelerometer name="balance" site="push"/></sensor>
  <keyframe><key qpos="0 0 0.05 1 0 0 0 0.3"/></keyframe>
</mujoco>"""


@pytest.fixture(scope="session")
def sled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bodies") / "sled.xml"
    path.write_text(SLED)
    return path
