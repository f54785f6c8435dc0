"""Contracts of every body, each body's own promises, bodies from files, and changes that any body takes."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs
from envs import arena
from envs.bodies.ant import Ant, scaled
from envs.bodies.arm import Arm
from envs.bodies.car import Car
from envs.changes import Changes
from envs.physics import Physics
from envs.scene import Start
from tests.envs.conftest import Rig

BODIES = sorted(envs.bodies())
BATCH = 4
FORWARD = {"roller": (1, 0), "car": (1, 0), "mjcf": (1, 0), "ant": (1, 0, 0, 0, 0, 0, 0, 0), "arm": (-1, 0.5, 0)}


@lru_cache
def rig_of(body: str, path: Path, changes: tuple[tuple[str, float], ...] = (), engine: str = "c") -> Rig:
    options: dict[str, Any] = {"kind": body, "changes": dict(changes)}
    options |= {"path": str(path)} if body == "mjcf" else {}
    senses = ("touch", "proprioception", "action")
    return Rig(envs.make("forage", body=options, batch=BATCH, engine=engine, senses=senses))


@pytest.fixture(params=BODIES)
def any_rig(request: pytest.FixtureRequest, sled: Path) -> Rig:
    return rig_of(request.param, sled)


@lru_cache
def _step(rig: Rig) -> Any:
    """The one program that is compiled for a world, since most of the time of these tests goes into compiling."""

    def one(state: Any, action: jax.Array) -> Any:
        state, step = rig.env.step(state, action)
        return state, (step, rig.env.pose(state))

    return jax.jit(one)


def rolled(rig: Rig, state: Any, actions: np.ndarray) -> Any:
    """Time steps and poses `[T, B, ...]`."""
    results = []
    for action in actions:
        state, result = _step(rig)(state, action)
        results.append(jax.tree.map(np.asarray, result))
    return state, jax.tree.map(lambda *leaves: np.stack(leaves), *results)


def begin(rig: Rig, seed: int = 0) -> Any:
    """A reset, which is a step from a blank state: `-> (state, (time step, pose))`."""
    return _step(rig)(rig.env.blank(jax.random.key(seed)), np.zeros((BATCH, rig.env.fixed.actions), np.float32))


def put(rig: Rig, x: float, y: float, heading: float = 0.0) -> Any:
    """A state in which the body is about to be put at a place, with all things out of its way."""
    state, _ = begin(rig)
    start = Start(jnp.full((BATCH, 2), jnp.array([x, y])), jnp.full(BATCH, heading))
    task = state.task._replace(position=jnp.full_like(state.task.position, 0.85) * jnp.array([-1.0, 1.0]))
    return state._replace(start=start, move=jnp.ones(BATCH, bool), task=task)


def repeat(rig: Rig, motors: tuple[float, ...], steps: int) -> np.ndarray:
    return np.tile(np.array([*motors, -1], np.float32), (steps, BATCH, 1))


def test_reset_puts_it_where_asked(any_rig: Rig) -> None:
    state, (step, pose) = begin(any_rig)
    np.testing.assert_allclose(pose.position, state.start.position, atol=1e-5)
    turn = np.asarray(pose.heading - state.start.heading)
    np.testing.assert_allclose(np.cos(turn), 1, atol=1e-6)
    for still in (pose.velocity, pose.yaw_rate, step.observation["touch"]):
        np.testing.assert_array_equal(still, 0.0)
    np.testing.assert_allclose(step.observation["proprio"][:, 3], np.cos(state.start.heading), atol=1e-6)


def test_random_actions_stay_finite_and_inside(any_rig: Rig) -> None:
    """A whole episode and the start of the next, twice with the same seed and once with another."""

    def places(seed: int) -> np.ndarray:
        _, (steps, pose) = rolled(any_rig, begin(any_rig, seed)[0], any_rig.actions())
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((steps, pose)))
        assert not np.asarray(steps.bad).any()
        assert np.abs(pose.position).max() < arena.HALF
        space = any_rig.env.observation_space
        for time in range(0, 200, 40):
            assert jax.tree.map(lambda leaf, t=time: np.asarray(leaf[t, 0]), steps.observation) in space
        assert np.asarray(steps.last).sum() == BATCH
        return np.asarray(pose.position)

    once, again, other = places(3), places(3), places(4)
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)
    assert np.linalg.norm(np.diff(once[:100], axis=0), axis=-1).sum(0).min() > 0.01


def test_it_moves_under_its_actions(any_rig: Rig) -> None:
    """Away from where it stands."""
    name = type(any_rig.env.body).__name__.lower()
    _, (step, pose) = rolled(any_rig, put(any_rig, -0.4, -0.3), repeat(any_rig, FORWARD[name], 4))
    way = pose.position[-1, 0] - (-0.4, -0.3)
    assert np.linalg.norm(way) > (0.02 if name != "ant" else 0.002)
    assert np.abs(step.observation["proprio"][..., :2]).max() > 0.01


def test_drawn_in_colour(any_rig: Rig) -> None:
    state, _ = begin(any_rig)
    row = jax.tree.map(lambda leaf: np.asarray(leaf)[1], state)
    shapes = [geom for geom in any_rig.env.geoms(row) if geom.name.startswith("body/") and geom.rgba[3] > 0]
    assert len(shapes) >= 2
    place = np.asarray(any_rig.env.pose(state).position)[1]
    near = [np.linalg.norm(np.array(g.position[:2]) - place) <= any_rig.env.body.radius for g in shapes]
    assert any(near)
    assert all(0.0 <= channel <= 1.0 for geom in shapes for channel in geom.rgba)


def test_car_speed_is_that_of_its_wheels(sled: Path) -> None:
    """Rolling without slip: speed = wheel speed x radius; on the spot, yaw rate = wheel speed x radius / half track."""
    rig, body = rig_of("car", sled), Car()
    _, (step, pose) = rolled(rig, put(rig, -0.8, -0.3), repeat(rig, (0.6, 0.0), 14))
    wheels = np.asarray(step.observation["proprio"])[-1, :, 6:] * body.wheel_speed
    np.testing.assert_allclose(wheels, 0.6 * 1.5 / 0.03, rtol=0.01)
    np.testing.assert_allclose(pose.velocity[-1], np.tile([wheels[0, 0] * 0.03, 0.0], (BATCH, 1)), rtol=0.02, atol=1e-3)
    state = put(rig, 0.0, -0.3)
    _, (_, pose) = rolled(rig, state, repeat(rig, (0.0, 1.0), 14))
    np.testing.assert_allclose(pose.yaw_rate[-1], 6.0, rtol=0.04)  # soft contacts creep a little
    np.testing.assert_allclose(pose.position[-1], np.asarray(state.start.position), atol=0.02)


@pytest.mark.parametrize(("heading", "sector"), [(0.0, 0), (np.pi / 2, 6), (-np.pi / 2, 2)])
def test_car_feels_the_wall_that_it_is_driven_against(sled: Path, heading: float, sector: int) -> None:
    """Straight into the wall for sector 0; drawn along it where it stands pressed against it sideways."""
    rig = rig_of("car", sled)
    place = (0.8, -0.3) if sector == 0 else (0.932, -0.3)
    _, (step, _) = rolled(rig, put(rig, *place, heading), repeat(rig, (1.0, 0.0), 14 if sector == 0 else 2))
    touch = np.asarray(step.observation["touch"])[:, 0].max(0)
    assert touch[sector] > 0.3
    assert np.argmax(touch) == sector


def test_ant_moves_as_gymnasiums_does() -> None:
    """The same joint angles at corresponding times, contact with the floor included: t = √s T."""
    scale, steps = Ant().scale, 60
    large, small = (mujoco.MjSpec.from_string(scaled(s, 0.002 * s**0.5)) for s in (1.0, scale))
    theirs = mujoco.MjSpec.from_string((files("gymnasium") / "envs/mujoco/assets/ant.xml").read_text())
    theirs.option.integrator, theirs.option.timestep = mujoco.mjtIntegrator.mjINT_EULER, 0.002
    tracks = []
    for spec, s in ((theirs, 1.0), (large, 1.0), (small, scale)):
        if spec is not theirs:
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_PLANE, size=[9, 9, 1], contype=arena.FLOOR, margin=0.01 * s
            )
        model = spec.compile()
        data = mujoco.MjData(model)
        data.qpos[:] = [0, 0, 0.56 * s, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1]
        track, touched = [], 0
        for step in range(steps):
            data.ctrl[:] = 0.5 * np.sin(0.2 * step + np.arange(8))
            mujoco.mj_step(model, data)
            track.append(np.concatenate([data.qpos[:3] / s, data.qpos[3:]]))
            touched += data.ncon
        assert touched > 40
        tracks.append(np.array(track))
    assert np.abs(np.diff(tracks[0], axis=0)).max() > 1e-3
    np.testing.assert_allclose(tracks[1], tracks[0], atol=1e-6)
    np.testing.assert_allclose(tracks[2], tracks[1], atol=1e-4)


def test_ant_stands_on_four_feet(sled: Path) -> None:
    rig = rig_of("ant", sled)
    _, (step, pose) = rolled(rig, put(rig, 0.0, 0.0), repeat(rig, (0.0,) * 8, 10))
    force = np.expm1(np.asarray(step.observation["touch"])[-1, 0])
    np.testing.assert_allclose(force.sum(), 9.81 * envs.describe("ant").mass, rtol=0.05)
    np.testing.assert_allclose(force, force.mean(), rtol=0.1)
    np.testing.assert_allclose(pose.position[-1], 0.0, atol=0.01)
    posture = np.asarray(step.observation["proprio"])[-1, 0, 6:]
    assert posture[3] > 0.99  # upright


def test_arm_reaches_every_place_pointing_anywhere() -> None:
    """Its inverse kinematics against its forward kinematics and against MuJoCo's."""
    body = Arm()
    spec = mujoco.MjSpec.from_string(body.mjcf())
    model = spec.compile()
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for place, heading in zip(rng.uniform(-0.95, 0.95, (40, 2)), rng.uniform(-3, 3, 40), strict=True):
        data.qpos[:] = np.asarray(body.start(Start(jnp.asarray(place), jnp.asarray(heading))).qpos)
        data.qvel[:] = rng.normal(size=3)
        mujoco.mj_forward(model, data)
        hand = data.geom("hand")
        np.testing.assert_allclose(hand.xpos[:2], place, atol=1e-5)
        velocity = np.zeros(6)
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_GEOM, hand.id, velocity, 1)
        physics = Physics(jnp.asarray(data.qpos), jnp.asarray(data.qvel), jnp.zeros(8))
        pose = body.pose(physics)
        np.testing.assert_allclose(pose.position, place, atol=1e-5)
        np.testing.assert_allclose(pose.velocity, velocity[3:5], atol=1e-4)
        np.testing.assert_allclose(np.cos(pose.heading - heading), 1, atol=1e-5)
        np.testing.assert_allclose(pose.yaw_rate, velocity[2], atol=1e-5)


def test_file_starts_as_its_keyframe_and_uses_its_control_ranges(sled: Path) -> None:
    rig = rig_of("mjcf", sled)
    _, (step, _) = begin(rig)
    np.testing.assert_allclose(step.observation["proprio"][:, 6], 0.3, atol=1e-6)
    for command, angle in ((1.0, 0.5), (-1.0, -1.0)):
        _, (step, _) = rolled(rig, put(rig, 0.0, 0.0), repeat(rig, (0.0, command), 20))
        np.testing.assert_allclose(step.observation["proprio"][-1, :, 6], angle, atol=0.05)
    _, (step, pose) = rolled(rig, put(rig, 0.0, 0.0), repeat(rig, (1.0, 0.0), 20))
    assert np.asarray(step.observation["touch"]).max() > 0
    np.testing.assert_allclose(pose.position[-1, :, 0], 0.94, atol=5e-3)


def test_changes(sled: Path) -> None:
    """Any body takes them: by their effect on the car and on the mass of all."""
    for body in ("roller", "car", "ant", "arm"):
        for changes, mass in (({"mass": 2.0}, 2 * envs.describe(body).mass), ({"kilograms": 0.5}, 0.5)):
            np.testing.assert_allclose(envs.describe({"kind": body, "changes": changes}).mass, mass, rtol=1e-5)
    slow = rig_of("car", sled, (("top_speed", 0.5),))
    _, (_, pose) = rolled(slow, put(slow, -0.8, -0.3), repeat(slow, (1.0, 0.0), 14))
    np.testing.assert_allclose(pose.velocity[-1, :, 0], 0.75, rtol=0.02)
    plain, late = rig_of("car", sled), rig_of("car", sled, (("delay", 2),))
    actions = plain.actions(12, seed=5)
    _, (_, expected) = rolled(plain, put(plain, 0.0, 0.0), np.concatenate([0 * actions[:2], actions]))
    _, (late_step, pose) = rolled(late, put(late, 0.0, 0.0), np.concatenate([actions, actions[:2]]))
    np.testing.assert_allclose(pose.position, expected.position, atol=1e-6)
    np.testing.assert_array_equal(late_step.observation["action"][:12], actions)  # it feels what it commanded


def test_motor_noise_is_its_own_and_seeded() -> None:
    """Deviation as asked, another in every environment and decision, the same for the same seed."""
    changes = Changes(noise=0.2)
    keys = jax.random.split(jax.random.key(0), 4000)
    action = jnp.zeros((4000, 3)).at[:, 2].set(0.3)
    _, noisy = changes(changes.initial(4000, 3), action, jnp.zeros(4000, bool), keys)
    np.testing.assert_allclose(np.std(noisy[:, :2], axis=0), 0.2, rtol=0.05)
    np.testing.assert_allclose(np.mean(noisy[:, :2], axis=0), 0.0, atol=0.01)
    np.testing.assert_array_equal(noisy[:, 2], action[:, 2])
    _, same = changes(changes.initial(4000, 3), action, jnp.zeros(4000, bool), keys)
    np.testing.assert_array_equal(noisy, same)
