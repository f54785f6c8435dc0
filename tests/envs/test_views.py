"""Gymnasium's render modes: pictures of every world, a window where there is a display, clear words where not."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from envs import rendering, views
from tests.envs.test_camera import needs_gl


@needs_gl
def test_passes_the_checker_with_its_pictures() -> None:
    check_env(gymnasium.make("scrubjay/Forage-v0").unwrapped, skip_render_check=False)


@needs_gl
@pytest.mark.parametrize("task", ["Forage", "HalfCheetah"])
def test_pictures(task: str) -> None:
    env = gymnasium.make(f"scrubjay/{task}-v0", render_mode="rgb_array", width=120, height=80)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.unwrapped.render()
    env.reset(seed=0)
    before: Any = env.render()
    assert before.shape == (80, 120, 3)
    assert before.dtype == np.uint8
    assert len(np.unique(before)) > 20
    for _ in range(5):
        env.step(np.ones(env.action_space.shape, np.float32))
    after: Any = env.render()
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, env.render())
    assert env.metadata["render_fps"] == (10 if task == "Forage" else 20)
    env.close()


@needs_gl
def test_every_thing_has_its_colour_in_the_picture() -> None:
    env = gymnasium.make("scrubjay/Forage-v0", render_mode="rgb_array", goods=3, bads=0)
    env.reset(seed=0)
    picture: Any = env.render()
    red, green, _ = picture.astype(int).transpose(2, 0, 1)
    assert (green > 2 * red).mean() > 0.01
    assert (red > 2 * green).mean() < 0.001


@needs_gl
def test_pictures_of_a_batch() -> None:
    batch = gymnasium.make_vec(
        "scrubjay/Forage-v0", num_envs=3, vectorization_mode="vector_entry_point", render_mode="rgb_array"
    )
    batch.reset(seed=0)
    pictures: Any = batch.render()
    assert len(pictures) == 3
    assert isinstance(pictures, tuple)
    assert all(picture.shape == (240, 240, 3) for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1])


def test_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envs.views.display", lambda: False)
    monkeypatch.setattr("envs.gym.display", lambda: False)
    with pytest.raises(envs.EnvError, match=r"'human' opens a window, and there is no display here .*'rgb_array'"):
        gymnasium.make("scrubjay/Forage-v0", render_mode="human")
    assert gymnasium.make("scrubjay/Forage-v0").metadata["render_modes"] == ["rgb_array"]


def test_no_opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "_works", lambda name: False)
    with pytest.raises(envs.EnvError, match="no OpenGL draws here"):
        gymnasium.make("scrubjay/Forage-v0", render_mode="rgb_array")
    with pytest.raises(envs.EnvError, match=r"no render_mode 'rgb'. Did you mean 'rgb_array'\?"):
        envs.gym.GymEnv("forage", render_mode="rgb")


class FakeViewer:
    """What MuJoCo's passive viewer offers to us."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self.model, self.data, self.cam = model, data, mujoco.MjvCamera()
        self.shown: list[np.ndarray] = []

    def lock(self) -> Any:
        return contextlib.nullcontext()

    def sync(self) -> None:
        self.shown.append(np.array(self.data.qpos))

    def close(self) -> None:
        self.data = None


def test_a_window_shows_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a viewer that only takes notes; the real one needs a display."""
    viewers: list[FakeViewer] = []

    def launch(model: mujoco.MjModel, data: mujoco.MjData, **_: Any) -> FakeViewer:
        viewers.append(FakeViewer(model, data))
        return viewers[-1]

    monkeypatch.setattr("envs.views.display", lambda: True)
    monkeypatch.setattr("envs.gym.display", lambda: True)
    viewer = SimpleNamespace(launch_passive=launch)
    monkeypatch.setattr(views, "importlib", SimpleNamespace(import_module=lambda name: viewer))
    env = gymnasium.make("scrubjay/Forage-v0", render_mode="human")
    env.reset(seed=0)
    env.step(np.ones(3, np.float32))
    env.step(np.ones(3, np.float32))
    (window,) = viewers
    assert len(window.shown) == 3
    assert env.render() is None
    np.testing.assert_allclose(window.shown[-1], env.unwrapped._stepper.state.physics.qpos[0])  # type: ignore[attr-defined]
    assert window.cam.distance == pytest.approx(3.3)
    env.close()
    env.close()
