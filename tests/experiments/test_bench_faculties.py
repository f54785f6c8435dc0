"""`bench faculties`: every condition can be had, and what its figures are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.altered import altered
from experiments.bench import faculties
from experiments.config import composed, experiment
from experiments.errors import RunError
from experiments.evaluate import Played
from experiments.run import Run
from experiments.wipe import parse_wipe


def run(name: str, *overrides: str) -> Run:
    return Run(Path("runs") / name, experiment(composed([*overrides, "learning.environments=16"])))


@pytest.mark.parametrize(
    ("task", "overrides"),
    [(task, [f"experiment={task}"]) for task in faculties.CONDITIONS if task != "detour"]
    + [("detour", ["experiment=detour", "agent=deliberate"]), ("detour", ["experiment=wayfinding"])],
)
def test_every_condition_can_be_had(task: str, overrides: list[str]) -> None:
    trained = run(f"{task}-0", *overrides)
    for title, condition in faculties.CONDITIONS[task].items():
        other = altered(trained, condition.world)
        assert other.setup.world == ("forage" if title.startswith("forage") else task)
        assert [parse_wipe(text, other).module for text in condition.wiped] == ["hippocampus"][: len(condition.wiped)]


def test_a_figure_is_a_mean_over_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """DMP: latencies 4, 2, 1, 1 and 4, 4, 4, 4 s of two seeds; finds 10 and 12."""
    latency = {"one": [4.0, 2, 1, 1], "other": [4.0, 4, 4, 4]}
    met: list[Any] = []

    def player(run: Run, episodes: int, wipes: Any) -> Any:
        met.append((run.setup.task["delay"], [(w.module, w.trial) for w in wipes], episodes))
        return lambda params, clamp: Played(
            np.full(3, {"one": 10.0, "other": 12.0}[params]),
            np.zeros(3, int),
            {"latency": np.tile(latency[params], (3, 1)), "near": np.zeros((3, 8)), "probe": np.zeros(3, bool)},
        )

    monkeypatch.setattr(faculties, "player", player)
    trained = run("dmp-0", "experiment=dmp")
    row = faculties.scored(trained, ["one", "other"], 3, faculties.CONDITIONS["dmp"]["dark 400, wiped"])
    assert met == [(400, [("hippocampus", 2)], 3)]
    assert row["savings"]["seeds"] == pytest.approx([1 - 4 / 3 / 4, 0.0])
    assert row["savings_second"]["mean"] == pytest.approx(0.25)
    ends = faculties.baseline("dmp")
    assert row["score"]["mean"] == pytest.approx((11.0 - ends.null) / (ends.oracle - ends.null))


def test_a_brain_without_a_store_is_not_said_to_be_wiped() -> None:
    store, none = (
        faculties.conditions("dmp", run("x", f"agent={name}").circuit.modules) for name in ("scrubjay", "gru")
    )
    wiped = {"no delay, wiped", "dark 400, wiped", "distractor 400, wiped"}
    assert set(store) - set(none) == {*wiped, "forage, without memory"}
    assert not [title for title in faculties.conditions("detour", ["motor"]) if "never" in title]


def test_other_tasks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faculties, "seeds_of", lambda folders: {"jay": [run("jay", "task=forage")]})
    with pytest.raises(RunError, match="runs/jay was trained on 'forage'; bench faculties knows dmp, reversal, detour"):
        faculties.bench(["runs/jay"], 8, lambda text: None)
