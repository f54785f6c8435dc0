"""Gymnasium's MuJoCo tasks on our engine equal Gymnasium's own along random actions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs

THEIRS = {
    "ant": "Ant-v5",
    "half_cheetah": "HalfCheetah-v5",
    "hopper": "Hopper-v5",
    "inverted_double_pendulum": "InvertedDoublePendulum-v5",
    "reacher": "Reacher-v5",
    "walker2d": "Walker2d-v5",
}
STEPS = 1000


def test_all_are_compared() -> None:
    assert set(THEIRS) == set(envs.controls())


@pytest.fixture
def double() -> Iterator[None]:
    """Floats of 64 bits, for all threads: callbacks run in threads of their own."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", THEIRS)
def test_equal_to_gymnasium(name: str) -> None:
    """1,000 random actions in float64; where an episode ends, theirs goes on from the start that ours drew."""
    theirs: Any = gymnasium.make(THEIRS[name]).unwrapped
    env = envs.make(name, batch=2)
    step = jax.jit(env.step)
    state, shown = jax.jit(env.reset)(jax.random.key(1))
    rng, ended, pressed = np.random.default_rng(0), 0, 0.0
    for _ in range(STEPS):
        if bool(shown.first[0]):
            theirs.reset(seed=0)
            mujoco.mj_resetData(theirs.model, theirs.data)
            theirs.set_state(*(np.array(x[0]) for x in state.physics[:2]))
            np.testing.assert_allclose(shown.observation["observation"][0], theirs._get_obs(), atol=1e-6, rtol=1e-6)
        action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32).astype(np.float64)
        begins = bool(shown.last[0])
        state, shown = step(state, jnp.tile(jnp.array(action), (2, 1)))
        if begins:
            continue
        observation, reward, terminated, *_ = theirs.step(action)
        np.testing.assert_allclose(shown.observation["observation"][0], observation, atol=1e-6, rtol=1e-6)
        np.testing.assert_allclose(shown.reward[0], reward, atol=1e-6, rtol=1e-6)
        assert bool(shown.discount[0] == 0) == terminated
        ended += terminated
        pressed = max(pressed, float(np.abs(theirs.data.cfrc_ext).max()))
        assert shown.observation["observation"].dtype == np.float64
    assert name != "ant" or pressed > 1.0
    assert ended > 5 or name in ("half_cheetah", "reacher", "ant")


@pytest.mark.parametrize("name", THEIRS)
def test_a_step_is_pure_and_a_batch_equals_singles(name: str) -> None:
    env, alone = envs.make(name, batch=3), envs.make(name, batch=1)
    state, _ = jax.jit(env.reset)(jax.random.key(2))
    single, _ = jax.jit(alone.reset)(jax.random.key(2))
    step, one = jax.jit(env.step), jax.jit(alone.step)
    actions = jax.random.uniform(jax.random.key(3), (30, 3, *env.action_space.shape), minval=-1.0)
    for action in actions:
        again = step(state, action)[1]
        state, shown = step(state, action)
        single, lone = one(single, action[:1])
        for a, b, c in zip(*map(jax.tree.leaves, (shown, again, lone)), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(a[0], c[0])
    assert env.observation_space["observation"].contains(np.asarray(shown.observation["observation"][0]))


def test_a_nan_in_the_action_cuts_the_episode_off() -> None:
    env = envs.make("hopper", batch=2)
    state, _ = env.reset(jax.random.key(0))
    state, shown = env.step(state, jnp.array([[0.0, jnp.nan, 0.0], [0.0, 0.0, 0.0]]))
    assert shown.bad.tolist() == shown.last.tolist() == [True, False]
    assert shown.discount.tolist() == [1.0, 1.0]
    assert np.isfinite(shown.observation["observation"]).all()
    _, shown = env.step(state, jnp.zeros((2, 3)))
    assert shown.first.tolist() == [True, False]


def test_body_and_senses_cannot_be_chosen() -> None:
    with pytest.raises(envs.EnvError, match="task 'ant' brings its own machine: body is 'car', but cannot be chosen"):
        envs.make("ant", body="car")
