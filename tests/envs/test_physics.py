"""Engines: the same answers, stateless, mapped over seeds, and what happens when the physics fails."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import arena
from envs.bodies.roller import Roller
from envs.engines.c import C
from envs.engines.mjx import Mjx
from envs.physics import Engine, Fresh, Physics
from envs.scene import PartCounts, Things, no_things, scene
from tests.envs.conftest import BATCH, Rig

ENGINES = {"c": C, "mjx": Mjx}


@lru_cache
def drive(
    engine: str,
    start: tuple[float, float, float],
    ctrl: tuple[float, float],
    steps: int,
    substeps: int = arena.SUBSTEPS,
) -> tuple[Physics, jax.Array]:
    """Physics `[steps + 1, 1, ...]` of a body alone that is put at `start` and given one command."""
    machine: Engine = ENGINES[engine](arena.compiled(Roller().mjcf(), PartCounts(), visual=False), [], substeps, 1)
    fresh = Fresh(jnp.array([start]), jnp.zeros((1, 3)))
    parts = jax.tree.map(lambda leaf: leaf[None], arena.parts(scene(no_things(), "plain")))

    def tick(state: Any, done: jax.Array) -> tuple[Any, Any]:
        state, physics, bad = machine.step(state, jnp.array([ctrl]), parts, done, fresh)
        return state, (physics, bad)

    done = jnp.arange(steps + 1)[:, None] == 0
    return jax.jit(lambda: jax.lax.scan(tick, machine.initial(1), done))()[1]


def test_engines_agree_until_contact(rig: Rig, mjx_rig: Rig) -> None:
    """20 control steps of random actions, 1e-5, on all environments that touched nothing."""
    actions = rig.actions(10, seed=3)
    places, free = [], np.ones(BATCH, bool)
    for one in (rig, mjx_rig):
        state, first = one.reset(jax.random.key(1))
        np.testing.assert_array_equal(first.first, True)
        trace = []
        for action in actions:
            state, step = one.step(state, action)
            free &= np.asarray(step.observation["touch"]).max(-1) == 0
            trace.append(np.concatenate([state.physics.qpos, state.physics.qvel], -1))
        places.append(np.array(trace))
    assert free.sum() >= BATCH // 4
    assert np.abs(places[0][-1] - places[0][0])[free].max() > 0.01
    np.testing.assert_allclose(places[0][:, free], places[1][:, free], atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_body_moves_as_specified(engine: str) -> None:
    physics, bad = drive(engine, (-0.9, 0.1, 0.0), (1.0, 0.0), 50)
    speed = np.asarray(physics.qvel)[1:, 0, 0]
    np.testing.assert_allclose(speed[15], 1.5, rtol=0.01)
    # the first step reaches 1 - exp(-50 / 70) of the top speed, as far as steps of 10 ms can follow
    np.testing.assert_allclose(speed[0] / 1.5, 1 - np.exp(-50 / 70), atol=0.04)
    assert not np.asarray(bad).any()


@pytest.mark.parametrize("engine", ENGINES)
def test_touch_is_the_pushing_force_in_front(engine: str) -> None:
    """Come to rest against a wall, the body feels its own thrust, in sector 0, on both engines."""
    physics, _ = drive(engine, (-0.9, 0.1, 0.0), (1.0, 0.0), 50)
    thrust = 1.5 / 0.07
    force = np.asarray(physics.sensordata)[:, 0]
    np.testing.assert_allclose(force[:15], 0.0)
    np.testing.assert_allclose(force[-1], [thrust] + [0.0] * 7, rtol=0.01, atol=1e-3)
    np.testing.assert_allclose(np.asarray(physics.qpos)[-1, 0, 0], 0.94, atol=2e-3)


@pytest.mark.parametrize(("sector", "heading"), [(i, -i * np.pi / 4) for i in range(8)])
def test_touch_sectors(sector: int, heading: float) -> None:
    """Put into the east wall by 2 mm with the heading turned, the sector that faces the wall feels it."""
    physics, _ = drive("c", (0.942, 0.0, heading), (0.0, 0.0), 1, substeps=1)
    force = np.asarray(physics.sensordata)[-1, 0]
    assert force[sector] > 1
    assert np.count_nonzero(force) == 1


def test_sizes_are_data() -> None:
    """The same compiled arena stops the body where each thing's own surface is."""
    model = arena.compiled(Roller().mjcf(), PartCounts(things=1), visual=False)
    engine = C(model, ["thing0"], arena.SUBSTEPS, 1)
    radii = jnp.array([0.07, 0.13])
    group = jax.vmap(
        lambda r: arena.parts(
            scene(Things(jnp.array([[0.5, 0.0]]), r[None], jnp.ones((1, 3)), jnp.ones((1, 2))), "plain")
        )
    )(radii)
    fresh = Fresh(jnp.zeros((2, 3)), jnp.zeros((2, 3)))
    state = engine.initial(2)
    for step in range(25):
        state, physics, _ = engine.step(
            state, jnp.tile(jnp.array([1.0, 0.0]), (2, 1)), group, jnp.full(2, step == 0), fresh
        )
    np.testing.assert_allclose(physics.qpos[:, 0], 0.5 - 0.06 - radii, atol=2e-3)


def test_engine_keeps_nothing_between_calls(rig: Rig) -> None:
    state, _ = rig.reset(jax.random.key(0))
    actions = rig.actions()
    state, _ = rig.roll(state, actions)
    once, twice = rig.roll(state, actions), rig.roll(state, actions)
    for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(twice), strict=True):
        np.testing.assert_array_equal(a, b)


def test_seeds_can_be_mapped_over(rig: Rig) -> None:
    """vmap over the callback gives what one seed after the other gives."""
    keys = jax.random.split(jax.random.key(4), 2)
    actions = jnp.stack([rig.actions(seed=s) for s in range(2)])
    states = jax.vmap(rig.env.blank)(keys)
    _, mapped = jax.jit(jax.vmap(lambda s, a: jax.lax.scan(rig.env.step, s, a)))(states, actions)
    for seed in range(2):
        _, single = rig.roll(rig.env.blank(keys[seed]), actions[seed])
        for a, b in zip(jax.tree.leaves(mapped), jax.tree.leaves(single), strict=True):
            np.testing.assert_allclose(a[seed, :15], b[:15], atol=1e-4)  # contacts amplify the last bit


@pytest.mark.parametrize("broken", ["action", "state"])
def test_failed_physics_cuts_the_episode_off(
    rig: Rig, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state, step = rig.reset(jax.random.key(0))
    action = rig.actions(1)[0]
    if broken == "action":
        action[2] = np.nan
    else:
        state = state._replace(engine=state.engine.at[2].set(jnp.uint32(0x7FF80000)))  # all NaN
    state, step = rig.step(state, action)
    alone = np.arange(BATCH) == 2
    np.testing.assert_array_equal(step.bad, alone)
    np.testing.assert_array_equal(step.last, alone)
    np.testing.assert_array_equal(step.discount, 1.0)
    state, step = rig.step(state, rig.actions(1)[0])
    np.testing.assert_array_equal(step.first, alone)
    assert not np.asarray(step.bad).any()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.physics, step)))
    assert not list(tmp_path.iterdir()), "MuJoCo's log file must not litter the working directory"


def test_failed_physics_in_mjx(mjx_rig: Rig) -> None:
    state, _ = mjx_rig.reset(jax.random.key(0))
    engine = {**state.engine, "qvel": state.engine["qvel"].at[1, 0].set(jnp.inf)}
    state, step = mjx_rig.step(state._replace(engine=engine), mjx_rig.actions(1)[0])
    np.testing.assert_array_equal(step.bad, np.arange(BATCH) == 1)
    state, step = mjx_rig.step(state, mjx_rig.actions(1)[0])
    assert np.asarray(step.first)[1]
    assert np.isfinite(np.asarray(state.physics.qpos)).all()


def test_auto_takes_c_here() -> None:
    if jax.default_backend() == "cpu":
        assert isinstance(envs.make("forage").engine, C)
