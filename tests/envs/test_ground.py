"""GROUND: sentences and scenes that are true of each other, splits that leave out what they should, and touches."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import grammar, layouts
from envs.registry import EnvError
from envs.scene import COLOURS, SHAPES
from envs.tasks.ground import Ground, GroundState

NUMBER = 1500
COLOUR, SHAPE, SIZE = list(COLOURS), list(SHAPES), list(grammar.SIZES)
TEXTS = grammar.sentences()


def drawn(split: str) -> tuple[GroundState, Any]:
    task = Ground(split=split)
    keys = jax.random.split(jax.random.key(7), NUMBER)
    return jax.device_get(jax.jit(jax.vmap(lambda key: task.reset(key, None)))(keys))  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=list(layouts.SPLITS))
def scenes(request: pytest.FixtureRequest) -> tuple[str, GroundState, Any]:
    return request.param, *drawn(request.param)


def fits(description: str, kind: np.ndarray) -> bool:
    """Whether every word of a description holds of a thing."""
    words = (SIZE[kind[0]], COLOUR[kind[1]], SHAPE[kind[2]], "thing")
    return all(word in words for word in description.split())


def meant(text: str, kinds: np.ndarray, bearing: np.ndarray, place: np.ndarray) -> list[int]:
    """The things that a sentence means, worked out from its words alone."""
    for start in ("go to the ", "walk up to the ", "find the ", "take the ", "bring the ", "carry the "):
        text = text.removeprefix(start)
    these = lambda words: [n for n in range(4) if fits(words, kinds[n])]  # noqa: E731
    order = list(np.argsort(-bearing))  # from left to right
    where = lambda n: order.index(n)  # noqa: E731
    if " that is not " in text:
        wanted, never = text.split(" that is not ")
        return [n for n in these(wanted) if not fits(never.removeprefix("a "), kinds[n])]
    if " between " in text:
        wanted, both = text.split(" between the ")
        one, rest = both.split(" and the ")
        two, shape = rest.split()
        (left,), (right,) = these(f"{one} {shape}"), these(f"{two} {shape}")
        middle = (where(left) + where(right)) / 2
        return [n for n in these(wanted) if abs(where(left) - where(right)) == 2 and where(n) == middle]
    for relation, step in ((" left of the ", -1), (" right of the ", 1)):
        if relation in text:
            wanted, mark = text.split(relation)
            (beside,) = these(mark)
            return [n for n in these(wanted) if where(n) == where(beside) + step]
    if " nearest to the " in text:
        wanted, mark = text.split(" nearest to the ")
        (beside,) = these(mark)
        return [min(these(wanted), key=lambda n: np.linalg.norm(place[n] - place[beside]))]
    return these(text.replace(" over", "").split(" to the ")[0])


def test_a_sentence_means_one_thing_and_that_is_the_first(scenes: tuple[str, GroundState, Any]) -> None:
    _, state, start = scenes
    for n in range(NUMBER):
        way = state.position[n] - start.position[n]
        bearing = np.arctan2(way[:, 1], way[:, 0]) - start.heading[n]
        bearing = (bearing + np.pi) % (2 * np.pi) - np.pi
        text = TEXTS[int(state.sentence[n])]
        assert meant(text, state.kinds[n], bearing, state.position[n]) == [0], (text, state.kinds[n])


def test_distractors_share_an_attribute(scenes: tuple[str, GroundState, Any]) -> None:
    _, state, _ = scenes
    for kinds, form in zip(state.kinds, state.form, strict=True):
        if grammar.FORMS[form] == "attribute":
            assert (kinds[1:] == kinds[0]).any(1).all()


def test_what_a_split_leaves_out(scenes: tuple[str, GroundState, Any]) -> None:
    split, state, _ = scenes
    texts = [TEXTS[int(row)] for row in state.sentence]
    targets = {f"{COLOUR[kinds[0, 1]]} {SHAPE[kinds[0, 2]]}" for kinds in state.kinds}
    assert (targets <= set(layouts.UNNAMED)) if split == "pairs" else targets.isdisjoint(layouts.UNNAMED)
    assert {grammar.parse(int(row))[1] for row in state.sentence} == ({2} if split == "paraphrase" else {0, 1})
    assert any(text.startswith("find") for text in texts) == (split == "paraphrase")
    for text, kinds, form in zip(texts, state.kinds, state.form, strict=True):
        apart = layouts.APART.get(grammar.FORMS[form])
        noun = f"{COLOUR[kinds[0, 1]]} {SHAPE[kinds[0, 2]]}"
        if apart:
            assert (noun in apart) == (split == "relations"), text
        if split != "pairs" and " not " not in text:
            assert not any(pair in text for pair in layouts.UNNAMED), text


def test_rows_and_sentences() -> None:
    assert len(set(TEXTS)) == len(TEXTS) == 3 * grammar.COUNT
    assert "go to the blue pillar left of the red stone" in TEXTS
    assert grammar.parse(TEXTS.index("carry the red stone over to the blue pillar")) == (
        "take",
        2,
        "the red stone {}to the blue pillar",
    )


def test_things_stand_inside_and_apart(scenes: tuple[str, GroundState, Any]) -> None:
    _, state, _ = scenes
    assert np.abs(state.position).max() < 0.87
    gaps = np.linalg.norm(state.position[:, :, None] - state.position[:, None], axis=-1)
    assert gaps[:, ~np.eye(4, dtype=bool)].min() > 0.26


def touch(form: str, steps: list[tuple[int, float]]) -> tuple[dict[str, float], bool]:
    """What comes of being at one thing after the other, the mouth open (-1) or closed (1)."""
    from envs.scene import Pose

    task, body = Ground(), envs.bodies()["roller"]()
    kinds = jnp.zeros((4, 3), jnp.int32)
    place = jnp.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
    state = GroundState(
        place, kinds, jnp.int32(grammar.FORMS.index(form)), jnp.int32(0), jnp.bool_(False), jnp.int32(0)
    )
    total, ended = dict.fromkeys(task.terms, 0.0), False
    for thing, mouth in steps:
        pose = Pose(place[thing] * 0.75, jnp.float32(0), jnp.zeros(2), jnp.float32(0))
        action = jnp.array([0.0, 0.0, mouth])
        outcome = task.step(state, pose, None, action, jax.random.key(0), body)  # type: ignore[arg-type]
        state, ended = outcome.state, bool(outcome.ended)
        total = {name: total[name] + float(value) for name, value in outcome.terms.items()}
    return total, ended


@pytest.mark.parametrize(
    ("form", "steps", "right", "wrong", "taken", "ended"),
    [
        ("attribute", [(0, -1.0)], 1.0, 0.0, 0.0, True),
        ("attribute", [(2, 1.0)], 0.0, -0.2, 0.0, True),
        ("take", [(0, -1.0)], 0.0, 0.0, 0.0, False),
        ("take", [(0, 1.0)], 0.0, 0.0, 0.5, False),
        ("take", [(0, 1.0), (1, -1.0)], 1.0, 0.0, 0.5, True),
        ("take", [(1, 1.0)], 0.0, -0.2, 0.0, True),
        ("take", [(0, 1.0), (3, 1.0)], 0.0, -0.2, 0.5, True),
    ],
)
def test_touches(form: str, steps: Any, right: float, wrong: float, taken: float, ended: bool) -> None:
    total, over = touch(form, steps)
    assert over == ended
    assert total == pytest.approx({"right": right, "wrong": wrong, "taken": taken})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"split": "pears"}, "no choice of ground.split 'pears'. Did you mean 'pairs'?"),
        ({"forms": "left,write"}, "no form in ground.forms 'write'. Did you mean 'right'?"),
        ({"split": "pairs", "forms": "left"}, "ground.forms=left has no sentence in split 'pairs'"),
        ({"horizon": 0}, "ground.horizon is 0"),
    ],
)
def test_mistakes(options: dict[str, Any], text: str) -> None:
    with pytest.raises(EnvError) as caught:
        Ground(**options)
    assert text in str(caught.value)
