"""Pictures of a whole batch by MuJoCo Warp: as MuJoCo's own renderer draws them, and the choice between the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import arena, raytracing, rendering
from envs.bodies.roller import Roller
from envs.engines import warp
from envs.engines.warp import Warp
from envs.senses.camera import CLASSES, Camera, classes
from tests.envs.test_camera import COUNTS, hand_made, needs_gl

WIDTH, HEIGHT, BATCH = 65, 49, 4
MIDDLE = (HEIGHT // 2, WIDTH // 2)
needs_warp = pytest.mark.skipif(
    warp.installed() is None, reason="warp-lang is not installed: pip install 'scrubjay[warp]'"
)


def world(mode: str, renderer: str) -> Any:
    look = {"mode": mode, "width": WIDTH, "height": HEIGHT, "renderer": renderer}
    return envs.make("forage", batch=BATCH, senses={"camera": look})


@needs_warp
@needs_gl
@pytest.mark.parametrize(("mode", "typical"), [("rgb", 0.1), ("depth", 1e-3), ("segmentation", 1e-6)])
def test_as_opengl_draws_it(mode: str, typical: float) -> None:
    """Pixel by pixel, but for those on an edge; OpenGL lights only the corners of a wall, so that highlights differ."""
    seen = [
        np.asarray(jax.jit(world(mode, renderer).reset)(jax.random.key(4))[1].observation["camera"])
        for renderer in ("opengl", "warp")
    ]
    difference = np.abs(seen[0] - seen[1])
    assert seen[1].std() > 0.01
    assert np.quantile(difference, 0.9) < typical, np.quantile(difference, [0.5, 0.9, 0.97, 1.0])
    assert difference.mean() < 0.02


@pytest.fixture(scope="module")
def trace() -> Callable[..., raytracing.Picture]:
    looks = arena.compiled(Roller().mjcf(), COUNTS, visual=True)
    one = raytracing.tracer(looks, 0, WIDTH, HEIGHT, rendering.FAR)
    jitted = jax.jit(lambda made: one(jnp.zeros(3), made, arena.parts(made)))
    found = classes(looks)
    return lambda made: jitted(made)._replace(geom=found[np.asarray(jitted(made).geom)])


@needs_warp
def test_glass_and_what_is_not_there(trace: Callable[..., raytracing.Picture]) -> None:
    """Distances of `hand_made` by hand: a thing (0.1 m) at 0.6 m, a panel (0.01 m) at 0.3 m, the eye 0.048 m ahead."""
    eye = 0.8 * 0.06
    opaque, glass, bare = (trace(hand_made(alpha=alpha)) for alpha in (1.0, 0.15, 0.0))
    np.testing.assert_allclose(opaque.depth[MIDDLE], 0.29 - eye, atol=1e-3)
    np.testing.assert_allclose(glass.depth[MIDDLE], 0.5 - eye, atol=1e-3)
    assert [CLASSES[p.geom[MIDDLE]] for p in (opaque, glass)] == ["panel", "thing"]
    front, back, tinted = (np.asarray(p.rgb[MIDDLE]) for p in (opaque, bare, glass))
    np.testing.assert_allclose(tinted, 0.15 * front + 0.85 * back, atol=0.01)
    assert bare.depth[0, 0] == rendering.FAR
    assert bare.geom[0, 0] == len(CLASSES)
    stone, mushroom = (trace(hand_made(shape, alpha=0.0)).geom[:, MIDDLE[1]] for shape in ("stone", "mushroom"))
    thing = CLASSES.index("thing")
    assert not (stone[: MIDDLE[0] - 1] == thing).any()
    assert (stone[MIDDLE[0] + 2 :] == thing).any()
    assert (mushroom[: MIDDLE[0] - 1] == thing).any()
    assert not (mushroom[MIDDLE[0] + 2 :] == thing).any()


@needs_warp
def test_two_axes_are_one_batch(trace: Callable[..., raytracing.Picture]) -> None:
    looks = arena.compiled(Roller().mjcf(), COUNTS, visual=True)
    one = raytracing.tracer(looks, 0, WIDTH, HEIGHT, rendering.FAR)
    made, turns = hand_made(alpha=0.0), jnp.zeros((2, 2, 3)).at[..., 2].set(jnp.array([[0.0, 0.2], [0.4, 0.6]]))
    drawn = jax.jit(jax.vmap(jax.vmap(lambda qpos: one(qpos, made, arena.parts(made)))))(turns)
    assert drawn.depth.shape == (2, 2, HEIGHT, WIDTH)
    np.testing.assert_allclose(drawn.depth[0, 0], trace(made).depth, atol=1e-5)
    assert not np.allclose(drawn.depth[1, 1], drawn.depth[0, 0])


@pytest.mark.parametrize(
    ("backend", "why", "expected"), [("cpu", "", False), ("gpu", "", True), ("gpu", "it is missing", False)]
)
def test_auto(monkeypatch: pytest.MonkeyPatch, backend: str, why: str, expected: bool) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(Warp, "refusal", classmethod(lambda cls: why))
    assert Camera().traces is expected
    assert not Camera(renderer="opengl").traces


def test_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warp, "installed", lambda: None)
    with pytest.raises(envs.EnvError) as caught:
        world("rgb", "warp")
    assert str(caught.value) == (
        "sense 'camera': renderer 'warp' cannot run here: it needs warp-lang, which is not installed: "
        "pip install 'scrubjay[warp]'. Use renderer 'opengl'."
    )
    with pytest.raises(envs.EnvError, match=r"no choice of camera.renderer 'wrap'\. Did you mean 'warp'"):
        world("rgb", "wrap")
