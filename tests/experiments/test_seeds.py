"""Seeds of one brain: grouped by name, the same in all but the seed, and what is said of them together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments import seeds
from experiments.config import composed, experiment
from experiments.errors import RunError
from experiments.run import Run
from experiments.scores import interval


def test_seeds_of_one_brain_differ_in_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {"runs/a-0": [], "runs/a-1": ["seed=1"], "runs/b": ["seed=2"], "runs/a-2": ["learning.rate=0.1"]}
    made = {Path(name).name: Run(Path(name), experiment(composed(changes))) for name, changes in runs.items()}
    monkeypatch.setattr(seeds, "load", lambda folder: made[Path(folder).name])
    found = seeds.seeds_of(list(runs)[:3])
    assert {name: [each.setup.seed for each in group] for name, group in found.items()} == {"a": [0, 1], "b": [2]}
    assert seeds.decisions(found["b"][0]) == 2_000_000 // (256 * 64) * 256 * 64
    with pytest.raises(RunError, match="a-2 and runs/a-0 are named as seeds of one brain"):
        seeds.seeds_of(runs)


def test_an_option_that_is_not_named_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run may be older than an option; another value of it is another brain."""
    runs = [Run(Path(f"runs/a-{n}"), experiment(composed([f"seed={n}"]))) for n in range(3)]
    assert runs[0].setup.agent["modules"]["prefrontal"].pop("keep", 0.0) == 0.0
    runs[1].setup.agent["modules"]["prefrontal"]["keep"] = 0.0
    runs[2].setup.agent["modules"]["prefrontal"]["keep"] = 2.0
    monkeypatch.setattr(seeds, "load", lambda number: runs[number])
    assert [each.setup.seed for each in seeds.seeds_of([0, 1])["a"]] == [0, 1]  # type: ignore[list-item]
    with pytest.raises(RunError, match="configs differ"):
        seeds.seeds_of([0, 2])  # type: ignore[list-item]


def test_a_figure_is_a_mean_with_its_interval() -> None:
    values = np.array([1.0, 2.0, 6.0])
    low, high = interval(values)
    assert seeds.figure(values) == {"mean": 3.0, "low": low, "high": high, "seeds": [1.0, 2.0, 6.0]}
    assert seeds.figure(values[:1]) == {"mean": 1.0, "low": None, "high": None, "seeds": [1.0]}
