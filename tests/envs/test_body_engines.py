"""Bodies on one engine and another: the same tracks, before contact."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import arena
from envs.bodies.arm import Arm
from envs.bodies.car import Car
from envs.engines.c import C
from envs.engines.mjx import Mjx
from envs.physics import Fresh
from envs.scene import PartCounts, Start, no_things, scene


@pytest.mark.parametrize("body", [pytest.param("ant", marks=pytest.mark.slow), "mjcf"])
def test_engines_agree_in_the_air(body: str, sled: Path) -> None:
    """20 control steps of random commands to a body that falls and touches nothing, all of its joints.

    Joints have no limits here: reaching one is an impact, which comes a substep earlier or later by the last bit and
    parts the tracks as a contact does. The ant's commands are a tenth: at full ones, its legs turning at 40 rad/s,
    float32 is 6e-5 off after 20 steps.
    """
    kind = envs.bodies()[body]
    made, strength = (kind(path=str(sled)), 1.0) if body == "mjcf" else (kind(), 0.1)
    model = copy.deepcopy(arena.compiled(made.mjcf(), PartCounts(), visual=False))
    model.jnt_limited[:] = 0
    motors = jnp.asarray(np.random.default_rng(2).uniform(-strength, strength, (20, 1, made.actions)), jnp.float32)
    fresh = Fresh(*(leaf.astype(jnp.float32)[None] for leaf in made.start(Start(jnp.zeros(2), jnp.float32(0.3)))))
    fresh = fresh._replace(qpos=fresh.qpos.at[:, 2].add(6.0))  # m, more than it falls
    parts = jax.tree.map(lambda leaf: leaf[None], arena.parts(scene(no_things(), "plain")))
    tracks = []
    for engine in (C(model, [], arena.substeps(model), 1), Mjx(model, [], arena.substeps(model), 1)):
        step = jax.jit(engine.step)
        state, physics, _ = step(engine.initial(1), jnp.zeros((1, model.nu)), parts, jnp.ones(1, bool), fresh)
        track = []
        for motor in motors:
            ctrl = jax.vmap(made.control)(motor, physics)
            state, physics, bad = step(state, ctrl, parts, jnp.zeros(1, bool), fresh)
            assert not np.asarray(bad).any()
            track.append(np.asarray(physics.qpos[0]))
        tracks.append(np.stack(track))
    assert np.abs(tracks[0][:, 7:] - tracks[0][0, 7:]).max() > 0.1, "its joints move"
    np.testing.assert_allclose(tracks[0], tracks[1], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("body", "most", "yaw"), [(Arm(), 1e-5, 1e-5), (Car(), 1e-5, 1e-4)], ids=["arm", "car"])
def test_engines_agree(body: Any, most: float, yaw: float) -> None:
    """20 control steps of random commands, clear of walls; a car's wheels are in contact all the time.

    That holds while the contacts last: when one begins or ends is decided by the last bit.
    """
    model = arena.compiled(body.mjcf(), PartCounts(), visual=False)
    commands = jnp.asarray(np.random.default_rng(2).uniform(-0.2, 0.6, (20, 1, model.nu)), jnp.float32)
    fresh = jax.tree.map(lambda leaf: leaf[None], body.start(Start(jnp.zeros(2), jnp.float32(0.3))))
    fresh = Fresh(*(leaf.astype(jnp.float32) for leaf in fresh))
    parts = jax.tree.map(lambda leaf: leaf[None], arena.parts(scene(no_things(), "plain")))
    tracks = []
    for kind in (C, Mjx):
        engine = kind(model, [], arena.substeps(model), 1)
        step = jax.jit(engine.step)
        state, _, _ = step(engine.initial(1), commands[0], parts, jnp.ones(1, bool), fresh)
        track = []
        for command in commands:
            state, physics, bad = step(state, command, parts, jnp.zeros(1, bool), fresh)
            assert not np.asarray(bad).any()
            pose = jax.vmap(body.pose)(physics)
            track.append(jax.tree.map(np.asarray, pose))
        tracks.append(jax.tree.map(lambda *leaves: np.stack(leaves), *track))
    one, other = tracks
    assert np.abs(one.position[-1] - one.position[0]).max() > 0.02
    for what, tolerance in (("position", most), ("heading", most), ("velocity", most), ("yaw_rate", yaw)):
        np.testing.assert_allclose(getattr(one, what), getattr(other, what), atol=tolerance, err_msg=what)
