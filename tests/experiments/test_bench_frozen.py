"""`bench frozen` and its storyteller: what is asked has the answer that is held for right."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from agent.language import pretrained, sentences
from envs.scene import COLOURS, SHAPES
from experiments.bench import frozen, storyteller


def test_every_story_is_answered_by_what_it_tells() -> None:
    for row in storyteller._texts(np.random.default_rng(0), 50):
        words = [storyteller.WORDS[word] for word in row if word >= 0]
        told = words[: words.index("what")]
        known = COLOURS if "colour" in words else SHAPES
        assert words[-1] in known
        assert [word for word in told if word in known] == [words[-1]]


def test_the_storyteller_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory as any other: all tensors are found, and every word is a token of its own."""
    monkeypatch.setattr(storyteller, "UPDATES", 60)
    loss = storyteller.directory(tmp_path)
    read = pretrained.causal(str(tmp_path))
    rows = storyteller._texts(np.random.default_rng(1), 200)
    logits = np.asarray(read.module(np.maximum(rows[:, :-1], 0)).output)
    there = rows[:, 1:] >= 0
    own = np.take_along_axis(np.asarray(jax.nn.log_softmax(logits)), np.maximum(rows[:, 1:], 0)[..., None], 2)[..., 0]
    assert -own[there].mean() == pytest.approx(loss, rel=0.3)
    assert sentences.tokenizer(tmp_path).encode(storyteller.QUESTIONS[0]).tokens == storyteller.QUESTIONS[0].split()


def test_what_is_in_view_has_the_colour_and_shape_that_are_asked_for() -> None:
    """By the nearest ray: its colour; and which rows see the thing: a stone low, a mushroom high, a pillar both."""
    asked = frozen.views(jax.random.key(0), 64)
    paints, rows = np.array(list(COLOURS.values())), np.array(list(SHAPES.values()))
    images, questions, answers = map(np.asarray, (asked.senses["image"][0], asked.senses["question"][0], asked.right))
    for image, question, right in zip(images, questions, answers, strict=True):
        coloured = np.ptp(image[..., :3], axis=-1) > 0.05
        seen = coloured.any(1).astype(float)
        row, ray = np.argwhere(coloured)[0]
        found = (np.abs(paints - image[row, ray, :3]).sum(1).argmin(), len(COLOURS) + (rows == seen).all(1).argmax())
        assert found[question] == right


def test_a_cue_stands_first_and_is_asked_for_last() -> None:
    asked = frozen.cues(jax.random.key(1), 32)
    seen = np.asarray(asked.senses["seen"])
    for right in range(frozen.CUES):
        assert len(np.unique(seen[0][np.asarray(asked.right) == right], axis=0)) <= 1
    assert not np.abs(seen[-1]).any()
    np.testing.assert_array_equal(np.asarray(asked.senses["asked"]).sum((0, 2)), 1.0)
