"""What the touch sensors read, against forces that `mj_contactForce` gives for the contacts behind each sensor.

A sensor counts a contact of its body where the ray from the contact along the force's push meets the sensor's site:
the test says so by itself, from contacts, geoms and sites, without MuJoCo's sensors.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

import envs
from envs import arena
from envs.engines.c import _CARRIED, C
from envs.scene import Panels, PartCounts, Scene, Start, Things, no_things, walls

COUNTS = PartCounts(things=4, panels=1)
NUMBER, TICKS = 16, 40
BODIES = ("roller", "car", "ant", "arm")


def surroundings() -> Scene:
    """Four pillars and a panel in the middle: something to bump into on every side."""
    places = jnp.array([[0.45, 0.0], [0.0, 0.45], [-0.45, 0.0], [0.0, -0.45]])
    things = Things(places, jnp.array([0.07, 0.1, 0.13, 0.15]), jnp.ones((4, 3)), jnp.ones((4, 2)))
    panel = Panels(jnp.array([[0.45, 0.45]]), jnp.array([0.7]), jnp.array([0.3]), jnp.ones((1, 3)), jnp.ones(1))
    return Scene(things, panel, no_things(), walls("plain"), jnp.bool_(False))


def contact_sums(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """`[S]` sums of normal forces, N."""
    sums = np.zeros(model.nsensor)
    for number, contact in enumerate(data.contact[: data.ncon]):
        force = np.zeros(6)
        mujoco.mj_contactForce(model, data, number, force)
        bodies = model.geom_bodyid[[contact.geom1, contact.geom2]]
        for sensor in range(model.nsensor):
            site = model.sensor_objid[sensor]
            if force[0] <= 0 or model.site_bodyid[site] not in bodies:
                continue
            outwards = contact.frame[:3] * (1 if bodies[0] == model.site_bodyid[site] else -1)
            if meets(model, data, int(site), contact.pos, outwards):
                sums[sensor] += force[0]
    return sums


def meets(model: mujoco.MjModel, data: mujoco.MjData, site: int, start: np.ndarray, way: np.ndarray) -> bool:
    """Whether a ray from `start` along `way` meets a site: a box by slabs, a capsule by its distance, densely."""
    turn = data.site_xmat[site].reshape(3, 3)
    own, along = turn.T @ (start - data.site_xpos[site]), turn.T @ way
    size = model.site_size[site]
    if model.site_type[site] == mujoco.mjtGeom.mjGEOM_BOX:
        with np.errstate(divide="ignore"):
            ends = np.array([(-size - own) / along, (size - own) / along])
        return bool(max(ends.min(0).max(), 0.0) <= ends.max(0).min())
    assert model.site_type[site] == mujoco.mjtGeom.mjGEOM_CAPSULE
    points = own + np.linspace(0.0, 1.0, 20_001)[:, None] * along
    axis = np.clip(points[:, 2], -size[1], size[1])
    return bool(np.hypot(np.hypot(points[:, 0], points[:, 1]), points[:, 2] - axis).min() <= size[0])


def driven(body: Any) -> tuple[C, list[Any], Any]:
    """NUMBER bodies driven about: states `[T, B, ...]` before each step, controls and readings; and the parts."""
    model = arena.compiled(body.mjcf(), COUNTS, visual=False)
    engine = C(model, arena.part_names(COUNTS), 1, 1)  # one physics step a call: the state before it is known
    rng = np.random.default_rng(0)
    places, headings = rng.uniform(-0.85, 0.85, (NUMBER, 2)), rng.uniform(-np.pi, np.pi, NUMBER)
    fresh = jax.vmap(lambda p, h: body.start(Start(p, h)))(jnp.array(places), jnp.array(headings))
    parts = jax.tree.map(lambda leaf: jnp.tile(leaf, (NUMBER,) + (1,) * leaf.ndim), arena.parts(surroundings()))
    steps = round(TICKS * arena.CONTROL_SECONDS / model.opt.timestep)
    commands = np.repeat(rng.uniform(-1, 1, (-(-steps // 20), NUMBER, body.actions)), 20, 0)[:steps]
    if body.actions == 2:
        commands[..., 0] = np.abs(commands[..., 0])  # ahead, and into something

    controls = jax.vmap(jax.vmap(lambda action: body.control(action, None)))(jnp.array(commands, jnp.float32))
    done = jnp.arange(steps)[:, None].repeat(NUMBER, 1) == 0

    def tick(state: Any, given: Any) -> Any:
        after, physics, _ = engine.step(state, given[0], parts, given[1], fresh)
        return after, (state, physics.sensordata)

    _, (states, sensed) = jax.jit(lambda: jax.lax.scan(tick, engine.initial(NUMBER), (controls, done)))()
    return engine, jax.tree.map(np.asarray, [states, controls, sensed]), jax.tree.map(np.asarray, parts)


@pytest.mark.parametrize("name", BODIES)
def test_touch_is_the_sum_of_contact_forces(name: str) -> None:
    body: Any = envs.bodies()[name]()
    engine, (states, controls, sensed), parts = driven(body)
    model, data = engine.model, mujoco.MjData(engine.model)
    model.geom_size[[model.geom(n).id for n in arena.part_names(COUNTS)]] = parts.size[0]
    data.mocap_pos[:], data.mocap_quat[:] = parts.position[0], parts.quaternion[0]
    compared: list[float] = []
    for step in range(1, len(states), 3):
        for env in np.flatnonzero(sensed[step].max(-1) > 0):
            bits = np.ascontiguousarray(states[step][env]).view(np.float64)
            mujoco.mj_setState(model, data, bits, int(_CARRIED))
            data.ctrl[:] = controls[step][env]
            mujoco.mj_step(model, data)
            np.testing.assert_allclose(sensed[step][env], contact_sums(model, data), rtol=1e-4, atol=1e-4)
            compared += sensed[step][env][sensed[step][env] > 0].tolist()
    assert len(compared) > 100
    assert max(compared) > 5.0
