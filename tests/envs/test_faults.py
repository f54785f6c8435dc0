"""What fails in a world is cut off and said to be bad; the other environments do not notice, and all goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs
from envs.engines.c import C
from envs.physics import Fresh, Parts
from tests.envs.conftest import BATCH, Rig

ALONE = np.arange(BATCH) == 2


def same(a: Any, b: Any, where: np.ndarray) -> None:
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(np.asarray(one)[where], np.asarray(other)[where])


def goes_on(rig: Rig, state: Any) -> None:
    state, step = rig.step(state, rig.actions(1)[0])
    assert not np.asarray(step.bad).any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.physics, step)))


@pytest.mark.parametrize("x", [100.0, -1e4, 1e6])
def test_a_body_that_left_the_arena(rig: Rig, x: float) -> None:
    """Too far behind a wall for that to push it back within one control step."""
    state, _ = rig.reset(jax.random.key(0))
    action = rig.actions(1)[0]
    _, whole = rig.step(state, action)
    numbers = np.array(state.engine).view(np.float64)
    numbers[2, 1] = x  # after the time comes qpos
    state, step = rig.step(state._replace(engine=jnp.array(numbers.view(np.uint32))), action)
    np.testing.assert_array_equal(step.bad, ALONE)
    np.testing.assert_array_equal(step.last, ALONE)
    np.testing.assert_array_equal(step.discount, 1.0)
    same(step, whole, ~ALONE)
    state, step = rig.step(state, action)
    np.testing.assert_array_equal(step.first, ALONE)
    goes_on(rig, state)


def test_a_body_that_fell_or_flew() -> None:
    rig = Rig(envs.make("forage", body="car", batch=BATCH, senses=["touch"]))
    start, _ = rig.reset(jax.random.key(0))
    for height in (-50.0, 3.0):
        numbers = np.array(start.engine).view(np.float64)
        numbers[2, 3] = height
        state, step = rig.step(start._replace(engine=jnp.array(numbers.view(np.uint32))), rig.actions(1)[0])
        np.testing.assert_array_equal(step.bad, ALONE)
        goes_on(rig, state)


@pytest.mark.parametrize("size", [1e30, np.inf, -np.inf])
def test_an_exploding_action_is_clipped(rig: Rig, size: float) -> None:
    state, _ = rig.reset(jax.random.key(0))
    action = np.array(rig.actions(1)[0])
    action[2] = size
    clipped = rig.step(state, np.clip(action, -1, 1))
    state, step = rig.step(state, action)
    same((state, step), clipped, ALONE | ~ALONE)
    assert not np.asarray(step.bad).any()


@pytest.fixture
def python_in_the_engine() -> Iterator[None]:
    """What `mujoco.batch` refuses with an exception: a Python function as MuJoCo's own callback."""
    mujoco.set_mjcb_control(lambda model, data: None)
    yield
    mujoco.set_mjcb_control(None)


def test_an_exception_in_the_callback(rig: Rig, request: pytest.FixtureRequest) -> None:
    """It reaches neither JAX nor the caller: all that were being moved have failed, and start anew."""
    state, _ = rig.reset(jax.random.key(0))
    request.getfixturevalue("python_in_the_engine")
    state, step = rig.step(state, rig.actions(1)[0])
    assert np.asarray(step.bad).all()
    assert np.asarray(step.last).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.physics, step)))
    assert "ValueError: mjcb_control is a Python function" in rig.env.engine.complaint  # type: ignore[attr-defined]
    mujoco.set_mjcb_control(None)
    state, step = rig.step(state, rig.actions(1)[0])
    assert np.asarray(step.first).all()
    goes_on(rig, state)


def test_an_exception_over_one_environment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are run alone and give what they gave in the batch."""
    state, _ = rig.reset(jax.random.key(0))
    action = rig.actions(1)[0]
    _, whole = rig.step(state, action)
    cursed, advance = np.asarray(state.physics.qpos)[2, 0], C._advance

    def raises(self: C, row: np.ndarray, *rest: Any) -> Any:
        qpos = np.ascontiguousarray(row).view(np.float64)[:, 1]
        if np.isclose(qpos, cursed, atol=1e-6).any():
            raise MemoryError("no room for contacts")
        return advance(self, row, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(C, "_advance", raises)
        state, step = rig.step(state, action)
    np.testing.assert_array_equal(step.bad, ALONE)
    same(step, whole, ~ALONE)
    assert rig.env.engine.complaint == "MemoryError: no room for contacts"  # type: ignore[attr-defined]
    goes_on(rig, state)


def test_a_simulation_that_mujoco_gives_up() -> None:
    """Too little memory for its solver: an error in MuJoCo's own C code."""
    engine = C(mujoco.MjModel.from_xml_string(SMALL), [], 5, 1)
    parts = Parts(jnp.zeros((2, 0, 3)), jnp.zeros((2, 0, 4)), jnp.zeros((2, 0, 3)))
    fresh = Fresh(jnp.tile(engine.model.qpos0, (2, 1)), jnp.zeros((2, engine.model.nv)))
    _, physics, bad = engine.step(engine.initial(2), jnp.zeros((2, 0)), parts, jnp.ones(2, bool), fresh)
    assert np.asarray(bad).all()
    assert np.isfinite(physics.qpos).all()
    assert "stack overflow" in engine.complaint


SMALL = """<mujoco><size memory="10K"/><worldbody><geom type="plane" size="1 1 1"/>
  <body><freejoint/><geom type="box" size=".1 .1 .1"/></body><body pos=".3 0 0"><freejoint/>
  <geom type="box" size=".1 .1 .1"/></body><body pos=".6 0 0"><freejoint/><geom type="box" size=".1 .1 .1"/></body>
  <body pos=".9 0 0"><freejoint/><geom type="box" size=".1 .1 .1"/></body></worldbody></mujoco>"""
