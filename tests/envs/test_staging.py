"""GROUND with a sentence of one's own: what is understood, scenes that it is true of, and what came of it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import grammar, parsing
from envs.grammar import FORMS, Said
from envs.parsing import understood
from envs.pointing import way
from envs.scene import Pose
from envs.tasks.ground import Ground
from tests.envs.test_ground import meant

SENTENCES = [
    "go to the blue pillar left of the red stone",
    "go to the red pillar right of the green stone",
    "walk up to the green pillar nearest to the red pillar",
    "find the red stone between the green and the blue mushroom",
    "bring the red pillar to the green stone",
    "go to the mushroom that is not red",
    "go to the blue thing that is not a stone",
    "go to the small red thing",
    "go to the big thing",
    "please run to the big yellow pillar",
]


def test_every_sentence_is_understood_as_it_is_built() -> None:
    """But for those in which a thing stands beside itself: 4 x 18 and 15 x 3 x 2, in three templates."""
    said = [each for form in FORMS for each in parsing._said()[form]]
    rows = jax.vmap(grammar.row)(Said(*(jnp.array(column) for column in zip(*said, strict=True))))
    np.testing.assert_array_equal(rows, np.arange(grammar.COUNT))
    found = [understood(text) for text in grammar.sentences()]
    for row, each in enumerate(found):
        assert each is None or each == (said[row % grammar.COUNT], row)
    assert sum(each is None for each in found) == 3 * (4 * 18 + 15 * 3 * 2)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Please run to the RED stone!", "red stone"),
        ("fetch the red stone over to the blue pillar", "the red stone {}to the blue pillar"),
        ("go to the blue pillar behind the red stone", None),
        ("do not go to the red stone", None),
        ("never go to the red stone", None),
        ("go to the red stone left of the red stone", None),
        ("take the big red stone to the blue pillar", None),
        ("sing", None),
        ("", None),
    ],
)
def test_other_words(text: str, phrase: str | None) -> None:
    found = understood(text)
    assert (found is None) == (phrase is None)
    if found and phrase:
        form = FORMS[found[0].form]
        assert found == (parsing._said()[form][grammar.PHRASES[form].index(phrase)], None)


@pytest.mark.parametrize("text", SENTENCES)
def test_staged_scenes_are_true_of_the_sentence(text: str) -> None:
    task: Any = Ground().told(text)
    keys = jax.random.split(jax.random.key(1), 64)
    state, start = jax.device_get(jax.jit(jax.vmap(lambda key: task.reset(key, None)))(keys))
    plain = text.replace("please run to", "go to")
    assert {grammar.sentences()[row] for row in state.sentence} == {plain if plain == text else grammar.sentences()[0]}
    for n in range(len(keys)):
        offset = state.position[n] - start.position[n]
        bearing = np.arctan2(offset[:, 1], offset[:, 0]) - start.heading[n]
        bearing = (bearing + np.pi) % (2 * np.pi) - np.pi
        assert meant(plain, state.kinds[n], bearing, state.position[n]) == [0], (text, state.kinds[n])
    assert len(np.unique(state.kinds, axis=0)) > 1
    assert (task.metric, task.horizon) == ("right", 200)


@pytest.mark.parametrize(
    ("at", "taken", "judged", "account"),
    [
        (0, False, True, "touched the big blue pillar, as told"),
        (1, False, True, "touched the small red stone, not the big blue pillar"),
        (1, True, True, "touched the small red stone, as told"),
        (1, False, False, "touched the small red stone"),
        (None, False, True, "touched nothing"),
    ],
)
def test_accounts(at: int | None, taken: bool, judged: bool, account: str) -> None:
    from envs.tasks.ground import GroundState

    kinds = np.array([[1, 2, 2], [0, 0, 0], [0, 1, 1], [0, 3, 1]])
    place = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]], np.float32)
    state = GroundState(place, kinds, np.int32(0), np.int32(0), np.bool_(taken), np.int32(0))
    pose = Pose(place[at] * 0.75 if at is not None else np.zeros(2), np.float32(0), np.zeros(2), np.float32(0))
    body = envs.bodies()["roller"]()
    assert Ground().account(state, pose, body, judged) == account


def test_groups_of_forms() -> None:
    task = Ground()
    groups = [task.groups[int(task.group(form))] for form in _states()]
    assert groups == ["attribute", *["relations"] * 4, "take", "not", "not"]


def _states() -> list[Any]:
    from types import SimpleNamespace

    return [SimpleNamespace(form=jnp.int32(form)) for form in range(len(FORMS))]


def test_the_way_of_the_oracle() -> None:
    """Straight where nothing stands between; else with one bend, and both stretches keep off the thing."""
    here, there = jnp.array([-0.5, 0.0]), jnp.array([0.5, 0.0])
    free = way(here, there, jnp.array([[0.0, 0.5]]), jnp.array([0.2]))
    np.testing.assert_allclose(free, there)
    bend = np.asarray(way(here, there, jnp.array([[0.0, 0.01]]), jnp.array([0.2])))
    assert abs(bend[1]) > 0.1
    for end in (here, there):
        along = np.linspace(np.asarray(end), bend, 200)
        assert np.linalg.norm(along - [0.0, 0.01], axis=1).min() >= 0.199
    assert np.linalg.norm(bend - here) + np.linalg.norm(bend - there) < 1.25
