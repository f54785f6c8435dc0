"""Sums of meanings: certain where meanings are sums of words, chance where they are noise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from experiments import arithmetic
from experiments.arithmetic import Space, Sum, parsed, scores, spaces, sums, things
from experiments.errors import RunError
from tests.experiments.conftest import Said
from tests.experiments.test_say import brain


def additive() -> Space:
    rng = np.random.default_rng(0)
    words = {word: rng.normal(size=64) for thing in things() for word in thing.split()}
    words = {word: rng.normal(size=64) for word in sorted(words)}
    return Space(things(), np.array([sum(words[word] for word in thing.split()) for thing in things()]))


def test_all_sums_there_are() -> None:
    """Counted by hand: size 2 x 1 x (7 x 4 - 1), colour 6 x 5 x (3 x 4 - 1), shape 3 x 2 x (3 x 7 - 1)."""
    found = sums()
    assert {sort: len(listed) for sort, listed in found.items()} == {"size": 54, "colour": 330, "shape": 120}
    assert len(things()) == 83
    for problem in (problem for listed in found.values() for problem in listed):
        assert len(set(problem)) == 4
        assert set(problem) <= set(things())


def test_where_meanings_are_sums_and_where_they_are_noise() -> None:
    found = scores(additive())
    assert {row["first"] for row in found.values()} == {1.0}
    assert found["all"]["sums"] == 504
    noise = Space(things(), np.random.default_rng(1).normal(size=(83, 64)))
    found = scores(noise)
    assert found["all"]["low"] <= found["all"]["chance"] == 1 / 80 <= found["all"]["high"]
    assert found["all"]["rank"] == pytest.approx(40.5, abs=4)


def test_a_sum_in_words() -> None:
    assert parsed("red pillar - red + blue") == Sum("red pillar", "red thing", "blue thing", "blue pillar")
    assert parsed("big red stone - stone + pillar").answer == "big red pillar"
    (first, *_) = additive().near(parsed("red pillar - red + blue"))
    assert (first.text, first.cosine) == ("blue pillar", pytest.approx(1.0))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "red pillar",
        "red pillar - blue + red",
        "red pillar - red + stone",
        "red pillar - red + red",
        "red cube - red + blue",
        "red blue pillar - red + blue",
        "red - red + blue",
    ],
)
def test_what_is_no_sum(text: str) -> None:
    with pytest.raises(RunError, match="write THING - WORD \\+ WORD, such as 'red pillar - red \\+ blue'"):
        parsed(text)


def test_the_code_is_that_of_the_trained_projection() -> None:
    from tests.experiments.test_say import BERT

    run, params = brain(kind="frozen_text", model=BERT)
    found = spaces(run, params)
    weights = params["language"]["readout"]
    np.testing.assert_allclose(
        found["code"].vectors, found["embedding"].vectors @ weights["kernel"] + weights["bias"], atol=1e-4
    )
    with pytest.raises(RunError, match="no module of this brain reads sentences by a frozen transformer"):
        spaces(brain(kind="learned_text", features=8)[0], params)
    with pytest.raises(RunError, match="shuffled leaves no meaning to add up"):
        spaces(brain(kind="frozen_text", model=BERT, shuffled=True)[0], params)


def test_the_command(scrubjay: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.run.load", lambda folder: SimpleNamespace(path=Path(folder)))
    monkeypatch.setattr(arithmetic, "spaces", lambda run: {"embedding": additive()})
    said = scrubjay("probe", "runs/x", "--arithmetic", "red pillar - red + blue")
    assert said.out.splitlines()[:3] == ["embedding", "  'blue pillar' is number 1 of 80", "   1.000  blue pillar"]
    file = tmp_path / "found.json"
    said = scrubjay("probe", "runs/x", "--arithmetic", "-o", str(file))
    assert "  colour  first 1.000 [1.000, 1.000] (chance 0.013), mean rank 1.0, 330 sums" in said.out
    assert json.loads(file.read_text())["arithmetic"]["embedding"]["all"]["first"] == 1.0
    assert "write THING - WORD + WORD" in scrubjay("probe", "runs/x", "--arithmetic", "red").err
