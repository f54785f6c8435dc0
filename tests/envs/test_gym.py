"""Gymnasium, outward: its own checker, its registry, its vector environments."""

from __future__ import annotations

import gymnasium
import jax
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs  # noqa: F401  (registers the environments)


@pytest.fixture(scope="module")
def env() -> gymnasium.Env:
    return gymnasium.make("scrubjay/Forage-v0")


def test_passes_the_checker(env: gymnasium.Env) -> None:
    check_env(env.unwrapped, skip_render_check=True)


def test_an_episode(env: gymnasium.Env) -> None:
    observation, info = env.reset(seed=3)
    again, _ = env.reset(seed=3)
    for name in observation:
        np.testing.assert_array_equal(observation[name], again[name])
    over, steps = False, 0
    while not over:
        observation, reward, terminated, over, info = env.step(np.zeros(3, np.float32))
        steps += 1
        assert not terminated
        assert isinstance(reward, float)
    assert steps == 200
    assert set(info) >= {"good", "bad"}
    assert observation in env.observation_space


def test_step_before_reset() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded):
        gymnasium.make("scrubjay/Forage-v0", disable_env_checker=True).unwrapped.step(np.zeros(3))


def test_a_batch_at_once() -> None:
    batch = gymnasium.make_vec("scrubjay/Forage-v0", num_envs=4, vectorization_mode="vector_entry_point")
    assert isinstance(batch, gymnasium.vector.VectorEnv)
    observation, _ = batch.reset(seed=1)
    assert observation["retina"].shape == (4, 2, 32, 4)
    rng = np.random.default_rng(0)
    for step in range(1, 203):
        action = rng.uniform(-1, 1, (4, 3)).astype(np.float32)
        observation, reward, terminated, truncated, _ = batch.step(action)
        assert reward.shape == (4,)
        assert truncated.all() == (step == 200)
        assert not terminated.any()
    assert batch.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.NEXT_STEP
    assert observation in batch.observation_space


def test_the_state_stays_a_world_state(env: gymnasium.Env) -> None:
    env.reset(seed=0)
    assert jax.tree.leaves(env.unwrapped._stepper.state)[0].shape[0] == 1  # type: ignore[attr-defined]
