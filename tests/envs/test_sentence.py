"""What a body is told: word ids of the sentence that holds, and FORAGE by a rule that is told."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import baselines
from envs.moment import Fixed
from envs.scene import COLOURS
from envs.senses.sentence import Sentence, vocabulary, words
from tests.envs.conftest import BATCH, Rig

SAID = ("Go!", "eat red, not blue", "eat blue")


@pytest.fixture(scope="module")
def told() -> Rig:
    return Rig(envs.make("forage", batch=BATCH, rule="told", senses={"sentence": {"form": "words"}}))


def spoken(env: Any, ids: np.ndarray) -> str:
    names = ("", *vocabulary(env.fixed.sentences))
    return " ".join(names[number] for number in ids).strip()


def test_words_and_their_ids() -> None:
    assert words("Eat RED, not blue.") == ["eat", "red", "not", "blue"]
    assert vocabulary(SAID) == ("blue", "eat", "go", "not", "red")
    spoken = Sentence(form="words")
    np.testing.assert_array_equal(spoken.table(SAID), [[3, 0, 0, 0], [2, 5, 4, 1], [2, 1, 0, 0]])
    fixed = Fixed(None, None, 3, 0.1, SAID)  # type: ignore[arg-type]
    assert spoken.space(fixed).shape == (4,)
    longer = Sentence(form="words", length=6)
    assert longer.space(fixed).shape == (6,)
    np.testing.assert_array_equal(longer.table(SAID)[:, 4:], 0)
    assert int(spoken.space(fixed).high.max()) == 5
    rows = Sentence().space(fixed)
    assert (rows.shape, rows.low, rows.high) == ((), 0, len(SAID) - 1)


def test_the_sentence_is_true(told: Rig) -> None:
    """The colours of the good things and of the bad ones are those that are told, as long as an episode lasts."""
    state, step = told.reset(jax.random.key(0))
    last, steps = told.roll(state, told.actions())
    for scene, ids in (
        (told.env.scene(state), step.observation["sentence"]),
        (told.env.scene(last), steps.observation["sentence"][-1]),
    ):
        assert ids.dtype == jnp.int32
        colours = np.asarray(scene.things.colour)
        for env in range(BATCH):
            eat, good, no, bad = spoken(told.env, np.asarray(ids[env])).split()
            assert (eat, no) == ("eat", "not")
            np.testing.assert_allclose(colours[env, :3], np.tile(COLOURS[good], (3, 1)), atol=1e-6)
            np.testing.assert_allclose(colours[env, 3:], np.tile(COLOURS[bad], (3, 1)), atol=1e-6)
    within = np.asarray(steps.observation["sentence"])
    np.testing.assert_array_equal(within[:-1], np.broadcast_to(step.observation["sentence"], within[:-1].shape))
    assert len({spoken(told.env, ids) for ids in within[-1]} | {spoken(told.env, ids) for ids in within[0]}) > 4
    assert np.asarray(within[0, 0]) in told.env.observation_space["sentence"]


def test_the_stored_baseline_holds_when_told() -> None:
    """Oracles and nulls see the state, not the colours: their returns are the same, episode by episode."""
    plain = envs.make("forage", batch=16)
    told = envs.make("forage", batch=16, rule="told")
    nulls, oracles = baselines.policies(plain)
    same, follow = baselines.policies(told)
    stored = envs.baseline("forage")
    for one, other in ((nulls[stored.null_policy], same[stored.null_policy]), (oracles["tour"], follow["tour"])):
        np.testing.assert_array_equal(
            *(baselines.episodes(env, policy, 16, jax.random.key(3)) for env, policy in ((plain, one), (told, other)))
        )


def test_a_row_and_its_words_say_the_same(told: Rig) -> None:
    rows = Rig(envs.make("forage", batch=BATCH, rule="told"))
    assert rows.env.labels == {"sentence": rows.env.task.sentences}
    assert told.env.labels == {}
    (_, by_row), (_, by_word) = rows.reset(jax.random.key(0)), told.reset(jax.random.key(0))
    for row, ids in zip(by_row.observation["sentence"], by_word.observation["sentence"], strict=True):
        assert words(rows.env.labels["sentence"][int(row)]) == spoken(told.env, np.asarray(ids)).split()


def test_rule_fixed_says_nothing(rig: Rig) -> None:
    assert "sentence" not in rig.env.observation_space.spaces
    assert rig.env.fixed.sentences == ()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"senses": ["sentence"]}, "sense 'sentence': this task says nothing. Leave the sense out, or take a task"),
        ({"rule": "tolt"}, "no choice of forage.rule 'tolt'. Did you mean 'told'? Choices: fixed, told."),
        (
            {"rule": "told", "senses": {"sentence": {"form": "word"}}},
            "no choice of sentence.form 'word'. Did you mean 'words'? Choices: row, words.",
        ),
        (
            {"rule": "told", "senses": {"sentence": {"length": 3}}},
            "sentence.length is 3; 'eat red not green' has 4 words. Set it to 0, or to as many.",
        ),
        (
            {"rule": "told", "senses": {"sentence": {"noise": 0.1}}},
            "sentence.noise: the reading is int32, which takes no noise; set it to 0.",
        ),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(envs.EnvError) as caught:
        envs.make("forage", **options)
    assert text in str(caught.value)
