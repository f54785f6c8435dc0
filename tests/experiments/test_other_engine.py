"""`evaluate --engine` and `bench engines`: the same brain and the same oracle on another engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import experiments.evaluate as module
from experiments.bench import engines
from experiments.evaluate import Played
from experiments.run import load
from tests.experiments.conftest import TINY
from tests.experiments.test_faults import Command


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 4)


def test_only_the_engine_changes(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load(trained)
    other = module.on_engine(run, "mjx")
    assert (run.setup.env.engine, other.setup.env.engine) == ("auto", "mjx")
    assert module.on_engine(run, "") is run
    assert module.on_engine(other, "auto").setup == run.setup
    seen: list[Any] = []
    played = Played(np.zeros(4), np.zeros(4, int))
    monkeypatch.setattr(module, "play", lambda *given, **_: seen.extend(given) or played)
    module.evaluate(run, 4, engine="mjx")
    assert seen[0].setup == other.setup
    for a, b in zip(jax.tree.leaves(seen[1]), jax.tree.leaves(run.learner().params), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("command", [["evaluate", "RUN", "--engine"], ["bench", "engines", "--engines", "c"]])
def test_an_engine_that_is_none(scrubjay: Command, trained: Path, command: list[str]) -> None:
    said = scrubjay(*(str(trained) if word == "RUN" else word for word in command), "mxj")
    assert said.err == (f"scrubjay {command[0]}: no engine 'mxj'. Did you mean 'mjx'? Choices: auto, c, mjx, warp.\n")
    assert said.code == 2


def test_an_engine_that_cannot_run_here(scrubjay: Command, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from envs.engines import warp

    monkeypatch.setattr(warp, "installed", lambda: None)
    said = scrubjay("evaluate", str(trained), "--engine", "warp")
    assert said.err == (
        "scrubjay evaluate: engine 'warp' cannot run here: it needs warp-lang, which is not installed: "
        "pip install 'scrubjay[warp]'. Use engine 'c' instead.\n"
    )


def test_a_gymnasium_environment_has_its_own(scrubjay: Command, tmp_path: Path) -> None:
    world = ["env=gymnasium", "env.id=CartPole-v1", "agent=reflex", "total_decisions=64"]
    learning = [word for word in TINY if word.startswith("learning.")]
    assert scrubjay("train", *world, *learning, "--run", str(tmp_path / "cart")).code == 0
    said = scrubjay("evaluate", str(tmp_path / "cart"), "--engine", "mjx")
    assert said.err == (
        "scrubjay evaluate: --engine mjx: 'CartPole-v1' is a Gymnasium environment, which has its own. "
        "Leave --engine out.\n"
    )


def test_differences_are_those_of_pairs() -> None:
    """A steady difference is told from none, however far episodes lie apart."""
    base = np.random.default_rng(0).normal(30.0, 5.0, 200)
    noise = np.random.default_rng(1).normal(0.0, 0.1, 200)
    found = engines.differences({"c": base, "mjx": base + noise - noise.mean(), "warp": base + 0.1 + noise})
    assert list(found) == ["mjx - c", "warp - c"]
    assert found["mjx - c"]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert found["mjx - c"]["agree"]
    assert not found["warp - c"]["agree"]
    half = 1.96 * noise.std() / np.sqrt(200)
    assert found["warp - c"]["low"] == pytest.approx(found["warp - c"]["mean"] - half, abs=3e-3)


def test_figures_of_the_command(
    scrubjay: Command, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "oracle", lambda engine, number: np.full(number, 37.0) + (engine == "mjx"))
    monkeypatch.setattr(engines, "play", lambda run, params, number: Played(np.full(number, 3.0), np.zeros(number)))
    said = scrubjay("bench", "engines", "--run", str(trained), "--episodes", "4", "-o", str(tmp_path / "found.json"))
    assert said.code == 0
    assert "oracle (planning)            mjx - c       1.000 [1.000, 1.000]\n" in said.out
    found = json.loads((tmp_path / "found.json").read_text())
    assert not found["engines"]["oracle (planning)"]["differences"]["mjx - c"]["agree"]
    assert found["engines"][f"agent of {trained.name}"]["differences"]["mjx - c"]["agree"]
    assert found["episodes"] == 4


@pytest.mark.slow
def test_oracle_and_agent_score_alike_on_mjx(trained: Path) -> None:
    """The real thing on few episodes; `scrubjay bench engines` takes more."""
    found = engines.bench(["c", "mjx"], 16, trained, lambda text: None)["engines"]
    for player in found.values():
        assert player["differences"]["mjx - c"]["agree"]
        assert abs(player["differences"]["mjx - c"]["mean"]) < 1.0
