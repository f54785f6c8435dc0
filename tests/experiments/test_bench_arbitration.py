"""`bench arbitration`: three manners of planning with the same weights, and what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import pytest

from experiments.altered import altered
from experiments.bench import arbitration
from experiments.config import composed, experiment
from experiments.errors import RunError
from experiments.run import Run

SMALL = ["task=detour", "learning.environments=16", "agent.modules.planner.samples=4", "agent.modules.planner.elites=2"]


@pytest.fixture(scope="module")
def brain() -> Run:
    return Run(Path("runs/jay-0"), experiment(composed(["experiment=deliberate", *SMALL])))


def test_plans_are_made_never_always_or_by_a_part(brain: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arbitration, "BATCH", 10)
    monkeypatch.setattr(arbitration, "DECISIONS", 4)
    weights = brain.circuit.init(jax.random.key(0))
    planned, manners = {}, arbitration.manners(brain)
    assert "agent.modules.controller.explore=0.0" in manners["on demand"]  # what is measured is what is asked for
    for title, overrides in manners.items():
        planned[title] = float(arbitration._life(altered(brain, overrides), weights)())
    assert planned["never"] == 0.0
    assert planned["always"] == 1.0
    assert 0.0 < planned["on demand"] <= arbitration.SHARE + 1e-6


def test_ratios() -> None:
    made = {"never": (0.2, 10.0), "always": (0.8, 40.0), "on demand": (0.76, 20.0)}
    rows: dict[str, Any] = {n: {"score": {"mean": s}, "microseconds": {"mean": c}} for n, (s, c) in made.items()}
    assert arbitration._ratios(rows) == pytest.approx(
        {
            "score on demand / always": 0.95,
            "score never / always": 0.25,
            "cost on demand / always": 0.5,
            "cost never / always": 0.25,
        }
    )


def test_brains_without_a_planner_are_refused() -> None:
    with pytest.raises(RunError, match=r"has no controller that asks a planner\. Take agents of agent=deliberate"):
        arbitration.manners(Run(Path("runs/jay"), experiment(composed(["agent=gru"]))))
