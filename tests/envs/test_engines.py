"""The choice of an engine, and engine `warp` on its CPU device beside engine `c`."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import arena, choice
from envs.bodies.roller import Roller
from envs.engines import warp
from envs.engines.c import C
from envs.engines.mjx import Mjx
from envs.engines.warp import Warp
from envs.physics import Engine, Fresh, Parts, Physics
from envs.scene import PartCounts, Things, scene

BATCH = 3
RADII = np.array([0.07, 0.1, 0.13], np.float32)

needs_warp = pytest.mark.skipif(
    warp.installed() is None, reason="warp-lang is not installed: pip install 'scrubjay[warp]'"
)


@pytest.mark.parametrize(
    ("backend", "with_warp", "expected"),
    [("cpu", True, "c"), ("gpu", True, "warp"), ("gpu", False, "mjx"), ("tpu", True, "mjx"), ("rocm", True, "mjx")],
)
def test_auto(monkeypatch: pytest.MonkeyPatch, backend: str, with_warp: bool, expected: str) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(Warp, "refusal", classmethod(lambda cls: "" if with_warp else "it is missing"))
    assert choice.automatic() == expected
    assert choice.engine("auto").__name__ == expected.capitalize()


def test_nvidia_is_told_from_amd(monkeypatch: pytest.MonkeyPatch) -> None:
    class Device:
        class client:
            platform_version = "PJRT C API\nrocm 60300"

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert choice.platform() == "cuda"
    monkeypatch.setattr(jax, "devices", lambda: [Device])
    assert choice.platform() == "rocm"


def test_engine_c_is_refused_on_a_tpu_before_jax_complains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    with pytest.raises(envs.EnvError) as refused:
        envs.make("forage", engine="c")
    assert str(refused.value) == (
        "engine 'c' cannot run here: it runs on the CPU and is called back from JAX programs, which those for TPUs "
        "cannot do. Use engine 'mjx' instead."
    )


@pytest.mark.parametrize(("backend", "instead"), [("cpu", "c"), ("gpu", "mjx")])
def test_engine_warp_without_its_package(monkeypatch: pytest.MonkeyPatch, backend: str, instead: str) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(warp, "installed", lambda: None)
    text = (
        "engine 'warp' cannot run here: it needs warp-lang, which is not installed: pip install 'scrubjay[warp]'. "
        f"Use engine '{instead}' instead."
    )
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        envs.make("forage", engine="warp")


@pytest.mark.parametrize("backend", ["tpu", "rocm"])
def test_engine_warp_elsewhere(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    text = f"it runs on NVIDIA GPUs and CPUs, and JAX runs on {backend} here. Use engine 'mjx' instead."
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        envs.make("forage", engine="warp")


class Drive:
    """A body that drives at a thing of another size in each environment, and starts anew at the fifth step."""

    steps = 12
    fresh = Fresh(jnp.tile(jnp.array([[0.2, 0.02, 0.0]]), (BATCH, 1)), jnp.zeros((BATCH, 3)))

    def __init__(self, kind: type[Engine], body: str) -> None:
        self.engine = kind(arena.compiled(body, PartCounts(things=1), visual=False), ["thing0"], arena.SUBSTEPS, 1)
        self.run: Any = jax.jit(self._run)

    def parts(self) -> Parts:
        def one(radius: jax.Array) -> Parts:
            ones = jnp.ones((1, 3))
            return arena.parts(scene(Things(jnp.array([[0.5, 0.0]]), radius[None], ones, ones[:, :2]), "plain"))

        return jax.vmap(one)(jnp.asarray(RADII))

    def _run(self, state: Any, ctrl: jax.Array) -> tuple[Physics, jax.Array]:
        def tick(state: Any, number: jax.Array) -> tuple[Any, Any]:
            done = jnp.array([True, False, False]) & (number == 5) | (number == 0)
            state, physics, bad = self.engine.step(state, ctrl, parts, done, self.fresh)
            return state, (physics, bad)

        parts = self.parts()
        return jax.lax.scan(tick, state, jnp.arange(self.steps))[1]


CTRL = jnp.array([[1.0, 0.0], [0.9, 0.05], [0.8, -0.05]])


@pytest.fixture(scope="module")
def driven() -> Drive:
    return Drive(Warp, body_with_position_sensors())


def body_with_position_sensors() -> str:
    """The roller with sensors of all three stages, so that every kind of fresh read is compared."""
    more = '<framepos objtype="site" objname="drive"/><framelinvel objtype="site" objname="drive"/></sensor>'
    return Roller().mjcf().replace("</sensor>", more)


@needs_warp
def test_warp_does_what_c_does(driven: Drive) -> None:
    """Sizes per environment, contacts, a restart and all reads, on MuJoCo Warp's CPU device."""
    c = Drive(C, body_with_position_sensors())
    expected, bad_c = c.run(c.engine.initial(BATCH), CTRL)
    found, bad = driven.run(driven.engine.initial(BATCH), CTRL)
    assert not np.asarray(bad).any()
    assert not np.asarray(bad_c).any()
    assert (np.asarray(expected.sensordata)[..., :8].max((0, 2)) > 1).all(), "each body meets its thing"
    np.testing.assert_allclose(found.qpos, expected.qpos, atol=1e-5)
    np.testing.assert_allclose(found.qvel, expected.qvel, atol=1e-4)
    np.testing.assert_allclose(found.sensordata[..., 8:], expected.sensordata[..., 8:], atol=1e-4)
    np.testing.assert_allclose(found.sensordata[..., :8], expected.sensordata[..., :8], rtol=1e-3, atol=1e-2)


@needs_warp
def test_failed_physics_in_warp(driven: Drive) -> None:
    """Told where it happens, until the environment starts anew."""

    def twice(state: Any, done: jax.Array) -> Any:
        return driven.engine.step(state, CTRL, driven.parts(), done, driven.fresh)

    state = driven.engine.initial(BATCH)
    state["qvel"] = state["qvel"].at[1, 0].set(jnp.nan)
    step = jax.jit(twice)
    state, _, bad = step(state, jnp.zeros(BATCH, bool))
    np.testing.assert_array_equal(bad, [False, True, False])
    state, physics, bad = step(state, jnp.asarray(bad))
    assert not np.asarray(bad).any()
    np.testing.assert_allclose(physics.qpos[1], driven.fresh.qpos[1])


@needs_warp
def test_contacts_that_do_not_fit_are_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    from mujoco import mjx

    drive = Drive(Warp, Roller().mjcf())
    monkeypatch.setattr(drive.engine, "_blank", lambda _: mjx.make_data(drive.engine.model, impl="warp", naconmax=1))
    _, bad = drive.run(drive.engine.initial(BATCH), CTRL)
    assert np.asarray(bad).any()


@needs_warp
def test_seeds_can_be_mapped_over_in_warp(driven: Drive) -> None:
    commands = jnp.stack([CTRL, CTRL[::-1]])
    state = driven.engine.initial(BATCH)
    mapped, bad = jax.jit(jax.vmap(driven._run, (None, 0)))(state, commands)
    assert not np.asarray(bad).any()
    for seed in range(2):
        single, _ = driven.run(state, commands[seed])
        np.testing.assert_allclose(mapped.qpos[seed], single.qpos, atol=1e-5)


def test_mjx_reads_as_c_does() -> None:
    """The same comparison for engine `mjx`, which needs no extra package."""
    body = body_with_position_sensors()
    c, mjx = Drive(C, body), Drive(Mjx, body)
    expected, found = (d.run(d.engine.initial(BATCH), CTRL)[0] for d in (c, mjx))
    np.testing.assert_allclose(found.qpos, expected.qpos, atol=1e-5)
    np.testing.assert_allclose(found.sensordata[..., 8:], expected.sensordata[..., 8:], atol=1e-4)
