"""Worlds shared by the tests of `envs`, built and compiled once."""

from __future__ import annotations

from collections.abc import Callable
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
