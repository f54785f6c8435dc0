"""`bench ground`: what its figures are made of, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import seeds
from experiments.bench import ground
from experiments.config import composed, experiment
from experiments.errors import RunError
from experiments.evaluate import Played
from experiments.run import Run

BRAIN = ["experiment=ground", "agent/language=learned", "learning.environments=16"]


def run(name: str, *overrides: str) -> Run:
    return Run(Path("runs") / name, experiment(composed([*BRAIN, *overrides])))


def test_a_figure_is_a_mean_over_episodes_without_negation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attribute 1 of 2, relations 1 of 1, take 1 of 3 and not 0 of 1; the other seed has all right but the last."""
    groups = np.array([0, 0, 1, 2, 2, 2, 3])
    right = {"one": np.array([1.0, 0, 1, 1, 0, 0, 0]), "other": np.array([1.0, 1, 1, 1, 1, 1, 0])}
    met: list[Any] = []

    def player(run: Run, episodes: int) -> Any:
        met.append((run.setup.task["split"], run.setup.task["horizon"], episodes))
        return lambda params: Played(right[params], groups)

    monkeypatch.setattr(ground, "player", player)
    row = ground._split(run("ground-0"), "paraphrase", ["one", "other"], 7)  # type: ignore[list-item]
    assert met == [("paraphrase", 200, 7)]
    np.testing.assert_allclose(row["seeds"], [3 / 6, 1.0])
    np.testing.assert_allclose(row["all"], [3 / 7, 6 / 7])
    assert row["mean"] == pytest.approx(3 / 4)
    assert 0.5 <= row["low"] <= row["mean"] <= row["high"] <= 1.0
    np.testing.assert_allclose(row["groups"]["take"], [1 / 3, 1.0])
    assert row["groups"]["not"] == [0.0, 0.0]
    assert row["episodes"] == {"attribute": 2, "relations": 1, "take": 3, "not": 1}


def test_runs_of_other_tasks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "load", lambda folder: Run(Path(folder), experiment(composed(["task=forage"]))))
    with pytest.raises(RunError, match="runs/jay was trained on 'forage'; bench ground is about runs of task ground"):
        ground.bench(["runs/jay"], 8, lambda text: None)
