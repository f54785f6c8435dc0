"""What the ears hear, against levels computed by hand."""

from __future__ import annotations

import re
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs.scene import Panels, Pose, Scene, Sounds, no_things, scene
from envs.senses.sound import Sound
from envs.tasks.forage import Forage, ForageState
from tests.envs.conftest import Rig

COS60, COS30 = 0.5, np.sqrt(0.75)
LEVEL = np.array([1.0, 0.5, 0.25, 0.0])


def ears(
    source: Any, heading: float = 0.0, position: Any = (0.0, 0.0), panels: Panels | None = None, **sense: float
) -> np.ndarray:
    """`[2]`: what the left and the right ear hear of a source of level 1."""
    made = scene(no_things(), "plain")
    sounds = Sounds(jnp.array([source], jnp.float32), jnp.ones((1, 4)))
    heard = Sound(**sense).hear(
        pose(position, heading), made if panels is None else made._replace(panels=panels), sounds
    )
    np.testing.assert_array_equal(heard, np.tile(heard[:, :1], 4))
    return np.asarray(heard)[:, 0]


def pose(position: Any = (0.0, 0.0), heading: float = 0.0) -> Pose:
    return Pose(jnp.array(position, jnp.float32), jnp.float32(heading), jnp.zeros(2), jnp.float32(0.0))


def panels(*rows: tuple[float, float, float, float], alpha: float = 1.0) -> Panels:
    """Panels from x, y, heading of the normal, half length."""
    x, y, heading, half = jnp.array(rows, jnp.float32).T
    return Panels(jnp.stack([x, y], -1), heading, half, jnp.ones((len(rows), 3)), jnp.full(len(rows), alpha))


GEOMETRIES = {
    "ahead, 0.5 m": (ears((0.5, 0.0)), [0.5 * 0.75, 0.5 * 0.75]),
    "ahead, 1 m": (ears((1.0, 0.0)), [0.2 * 0.75, 0.2 * 0.75]),
    "behind, 0.5 m": (ears((-0.5, 0.0)), [0.5 * 0.25, 0.5 * 0.25]),
    "to the left": (ears((0.0, 0.5)), [0.5 * (0.5 + 0.5 * COS30), 0.5 * (0.5 - 0.5 * COS30)]),
    "to the right": (ears((0.0, -0.5)), [0.5 * (0.5 - 0.5 * COS30), 0.5 * (0.5 + 0.5 * COS30)]),
    "along the left ear": (ears((0.25, 0.5 * COS30)), [0.5, 0.5 * (0.5 - 0.5 * COS60)]),
    "opposite the left ear": (ears((-0.25, -0.5 * COS30)), [0.0, 0.5 * (0.5 + 0.5 * COS60)]),
    "turned to it": (ears((0.0, 0.5), heading=np.pi / 2), [0.375, 0.375]),
    "turned around": (ears((0.5, 0.0), heading=np.pi), [0.125, 0.125]),
    "from elsewhere": (ears((0.6, -0.3), position=(0.6, -0.8), heading=np.pi / 2), [0.375, 0.375]),
    "in the head": (ears((0.0, 0.0)), [0.5, 0.5]),
    "another falloff": (ears((1.0, 0.0), half=1.0), [0.375, 0.375]),
    "ears to the sides": (ears((0.0, 0.5), ears=90.0), [0.5, 0.0]),
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_levels_by_hand(name: str) -> None:
    heard, expected = GEOMETRIES[name]
    np.testing.assert_allclose(heard, expected, atol=1e-6)


ACROSS = (0.25, 0.0, 0.0, 0.3)  # stands between the head and a source at (0.5, 0)
OCCLUSIONS: dict[str, tuple[Panels, float]] = {
    "one panel": (panels(ACROSS), 0.5),
    "two panels": (panels(ACROSS, (0.4, 0.1, 0.3, 0.3)), 0.25),
    "three panels": (panels(ACROSS, (0.4, 0.1, 0.3, 0.3), (0.1, 0.0, -0.5, 0.2)), 0.125),
    "a clear panel": (panels(ACROSS, alpha=0.15), 0.5),
    "seen from its other side": (panels((0.25, 0.0, np.pi, 0.3)), 0.5),
    "end on": (panels((0.25, 0.0, np.pi / 2, 0.1)), 0.5),
    "beside the way": (panels((0.25, 0.4, 0.0, 0.3)), 1.0),
    "just too short": (panels((0.25, 0.31, 0.0, 0.3)), 1.0),
    "just long enough": (panels((0.25, 0.29, 0.0, 0.3)), 0.5),
    "behind the source": (panels((0.6, 0.0, 0.0, 0.3)), 1.0),
    "behind the head": (panels((-0.2, 0.0, 0.0, 0.3)), 1.0),
    "one across, one behind": (panels(ACROSS, (-0.2, 0.0, 0.0, 0.3)), 0.5),
}


@pytest.mark.parametrize("name", OCCLUSIONS)
def test_panels_across_the_way_halve(name: str) -> None:
    around, part = OCCLUSIONS[name]
    np.testing.assert_allclose(ears((0.5, 0.0), panels=around), [0.375 * part] * 2, atol=1e-6)


def test_a_panel_takes_as_much_as_it_is_told() -> None:
    np.testing.assert_allclose(ears((0.5, 0.0), panels=panels(ACROSS), panel=0.0), 0.0)


def reading(scene: Scene, where: Pose) -> np.ndarray:
    """What the sense says of a scene; it asks no more of a moment than this."""

    class Moment:
        pose = where

    Moment.scene = scene  # type: ignore[attr-defined]
    return np.asarray(Sound()(None, (), Moment())[1])  # type: ignore[arg-type]


def test_bands_and_sources_add_up() -> None:
    """Each band by itself, each source by itself; and a panel before one does not dampen the other."""
    sounds = Sounds(
        jnp.array([[0.5, 0.0], [-0.5, 0.0]]), jnp.stack([jnp.array(LEVEL), jnp.array([0.0, 0.0, 0.0, 1.0])])
    )
    made = scene(no_things(), "plain", sounds=sounds)
    np.testing.assert_allclose(reading(made, pose()), [[0.375, 0.1875, 0.09375, 0.125]] * 2, atol=1e-6)
    hidden = made._replace(panels=panels(ACROSS))
    np.testing.assert_allclose(reading(hidden, pose()), [[0.1875, 0.09375, 0.046875, 0.125]] * 2, atol=1e-6)


def test_the_dark_is_silent_unless_the_sound_says_otherwise() -> None:
    sounds = Sounds(jnp.array([[0.5, 0.0]]), jnp.ones((1, 4)))
    dark = scene(no_things(), "plain", dark=True, sounds=sounds)
    np.testing.assert_array_equal(reading(dark, pose()), 0.0)
    np.testing.assert_allclose(reading(dark._replace(dark=jnp.bool_(False)), pose()), 0.375, atol=1e-6)
    night = dark._replace(sounds=sounds._replace(in_dark=True))
    np.testing.assert_allclose(reading(night, pose()), 0.375, atol=1e-6)


def test_without_a_source_nothing_is_heard() -> None:
    np.testing.assert_array_equal(reading(scene(no_things(), "plain"), pose()), np.zeros((2, 4)))


def test_readings_stay_within_the_space() -> None:
    sounds = Sounds(jnp.zeros((50, 2)), jnp.ones((50, 4)))
    np.testing.assert_array_equal(reading(scene(no_things(), "plain", sounds=sounds), pose()), 10.0)


def test_gradients_are_finite_everywhere() -> None:
    """At the source, straight along an axis and behind a panel."""
    made = scene(no_things(), "plain")._replace(panels=panels(ACROSS))

    def total(position: jax.Array, source: jax.Array) -> jax.Array:
        sounds = Sounds(source[None], jnp.ones((1, 4)))
        return Sound().hear(pose()._replace(position=position), made, sounds).sum()

    for place in ([0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [-0.3, 0.2]):
        slopes = jax.grad(total, (0, 1))(jnp.zeros(2), jnp.array(place))
        assert np.isfinite(slopes).all()


class Humming(Forage):
    """Forage whose first thing hums."""

    def scene(self, state: ForageState) -> Scene:
        level = jnp.array(LEVEL, jnp.float32)[None]
        return super().scene(state)._replace(sounds=Sounds(state.position[:1], level))


def test_a_task_that_sounds_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world: the sense is there without being asked for, and reads what the geometry says."""
    monkeypatch.setattr(sys.modules["envs.tasks.forage"], "Forage", Humming)
    rig = Rig(envs.make("forage", batch=4))
    assert set(rig.env.observation_space) == {"retina", "touch", "proprio", "intero", "reward", "action", "sound"}
    state, _ = rig.reset(jax.random.key(0))
    for action in rig.actions(steps=3):
        state, step = rig.step(state, action)
    heard, where = np.asarray(step.observation["sound"]), rig.env.pose(state)
    for env in range(4):
        offset = np.asarray(state.task.position[env, 0] - where.position[env])
        for side, axis in enumerate((np.pi / 3, -np.pi / 3)):
            angle = np.arctan2(offset[1], offset[0]) - float(where.heading[env]) - axis
            expected = LEVEL * (0.5 + 0.5 * np.cos(angle)) / (1 + 4 * (offset**2).sum())
            np.testing.assert_allclose(heard[env, side], expected, atol=1e-5)
        assert np.asarray(heard[env]) in rig.env.observation_space["sound"]


def test_a_silent_task_has_no_ears_unless_asked() -> None:
    assert "sound" not in envs.make("forage").observation_space.spaces
    assert envs.make("forage", senses=["sound"]).observation_space["sound"].shape == (2, 4)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"half": 0.0}, "sound.half is 0.0 m; a positive distance is wanted"),
        ({"ears": 200}, "sound.ears is 200.0 degrees; an angle from 0 to 180 is wanted"),
        ({"panel": 1.5}, "sound.panel is 1.5; a part from 0 (nothing passes) to 1 is wanted."),
        ({"ear": 30.0}, "no option of sound 'ear'. Did you mean 'ears'?"),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(envs.EnvError, match=re.escape(text)):
        envs.make("forage", senses={"sound": options})
