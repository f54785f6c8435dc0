"""Several tasks in one batch: each is what it is alone, and what the brain senses fits together."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import EnvError
from envs.senses.sentence import SILENCE

TASKS: dict[str, dict[str, Any]] = {"forage": {}, "ground": {"horizon": 6}}
STEPS = 5


def test_every_task_is_as_alone() -> None:
    """Five environments are 3 + 2; each share is the task's own world with its own key."""
    joint, key = envs.join(TASKS, batch=5, worth={"ground": 10.0}, threads=1), jax.random.key(3)
    actions = jax.random.uniform(jax.random.key(1), (STEPS, 5, 3), minval=-1.0)
    _, shown = jax.jit(lambda key: jax.lax.scan(joint.step, joint.reset(key)[0], actions))(key)
    for number, (name, start, world) in enumerate(zip(TASKS, (0, 3), joint.worlds.values(), strict=True)):
        share = slice(start, start + (3, 2)[number])
        own = envs.make(
            name,
            batch=world.batch,
            threads=1,
            senses={**_plain(), "sentence": {"tasks": {"ground": {}}}},
            **TASKS[name],
        )
        live = jax.jit(lambda key, own=own, share=share: jax.lax.scan(own.step, own.reset(key)[0], actions[:, share]))
        _, alone = live(jax.random.fold_in(key, number))
        for sense, reading in alone.observation.items():
            np.testing.assert_allclose(shown.observation[sense][:, share], reading, atol=1e-6)
        np.testing.assert_allclose(shown.reward[:, share], alone.reward * (10.0 if name == "ground" else 1.0))
        np.testing.assert_array_equal(shown.last[:, share], alone.last)
        for term, value in alone.terms.items():
            np.testing.assert_allclose(shown.terms[f"{name}/{term}"][:, share], value)
            assert not np.delete(shown.terms[f"{name}/{term}"], np.r_[share], axis=1).any()


def _plain() -> dict[str, dict[str, Any]]:
    return {name: {} for name in ("retina", "touch", "proprioception", "interoception", "reward", "action")}


def test_one_of_many() -> None:
    """The task and the state of an environment; those that say nothing say "explore"."""
    joint = envs.join(TASKS, batch=5, threads=1)
    assert [joint.task_of(index) for index in range(5)] == ["forage"] * 3 + ["ground"] * 2
    state, shown = jax.jit(joint.reset)(jax.random.key(0))
    np.testing.assert_array_equal(joint.row(state, jnp.int32(4))[1].key, state[1].key[1])
    said, rows = joint.labels["sentence"], shown.observation["sentence"]
    assert said == (SILENCE, *envs.make("ground").labels["sentence"])
    assert not rows[:3].any()
    assert rows[3:].all()
    assert "sentence" not in envs.join({"forage": {}, "dmp": {}}, batch=2).observation_space
    told = envs.join({"forage": {"rule": "told"}, "ground": {}}, batch=2, threads=1)  # by options that are not default
    assert set(envs.make("forage", rule="told").labels["sentence"]) <= set(told.labels["sentence"])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tasks": {}}, r"joint\.tasks is \{\}; names and options are wanted"),
        ({"tasks": {"forrage": {}}}, r"no task 'forrage'\. Did you mean 'forage'\?"),
        ({"tasks": {"forage": {"hrizon": 3}}}, r"no option of forage 'hrizon'\. Did you mean 'horizon'\?"),
        ({"tasks": TASKS, "batch": 1}, "2 tasks cannot share 1 environments"),
        ({"tasks": TASKS, "worth": {"grund": 2}}, r"no task in joint\.worth 'grund'\. Did you mean 'ground'\?"),
        ({"tasks": TASKS, "worth": {"ground": -1}}, r"joint\.worth\.ground is -1; a number above 0"),
        ({"tasks": TASKS, "worth": 3}, r"joint\.worth is 3; numbers by task"),
        ({"tasks": TASKS, "senses": ["retina", "sentence"]}, "this task says nothing"),
        ({"tasks": TASKS, "senses": {"sentence": {"tasks": {"forage": {}}}}}, "none of which says 'go to"),
        ({"tasks": TASKS, "senses": {"sentence": {"tasks": {"grund": {}}}}}, r"no task 'grund'\. Did you mean"),
        (
            {"tasks": TASKS, "senses": {"sentence": {"tasks": "ground"}}},
            r"sentence\.tasks is 'ground'; names and options",
        ),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(EnvError, match=text):
        envs.join(**{"batch": 6, "threads": 1, **options})
