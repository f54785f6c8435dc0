"""`bench ground`: what agents trained on GROUND make of sentences and scenes that training left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from envs.layouts import SPLITS
from experiments.errors import RunError
from experiments.evaluate import evaluate
from experiments.provenance import circumstances
from experiments.run import Run, load
from experiments.scores import interval

HORIZON = 200  # control steps: that of the task, whatever a brain was trained with
NEGATION = "not"
"""The group that the figure of a split leaves out: it is reported apart."""


def bench(folders: Sequence[str], episodes: int, say: Callable[[str], None]) -> dict[str, Any]:
    """First-touch accuracy of every run in every split; runs are grouped by name but for the last `-N`.

    The figure of a split is the mean over its groups of episodes, negation apart; its interval is a 95 % bootstrap over
    seeds.
    """
    runs = [load(folder) for folder in folders]
    for run in runs:
        if run.setup.task["kind"] != "ground":
            raise RunError(f"{run.path} was trained on {run.setup.world!r}; bench ground is about runs of task ground.")
    groups: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        figures = _figures(run, episodes)
        groups.setdefault(Path(run.path).name.rpartition("-")[0] or run.path.name, []).append(figures)
        said = ", ".join(f"{split} {row['accuracy']:.3f}" for split, row in figures["splits"].items())
        say(f"{run.path}: {said}")
    found = {name: {"seeds": seeds, "splits": _over_seeds(seeds)} for name, seeds in groups.items()}
    return {"ground": found, "episodes": episodes, "horizon": HORIZON, "measured": circumstances()}


def _figures(run: Run, episodes: int) -> dict[str, Any]:
    splits = {}
    for split in SPLITS:
        (score,) = evaluate(run, episodes, overrides=[f"task.split={split}", f"task.horizon={HORIZON}"]).values()
        parts = {name: part.mean for name, part in score.groups.items()}
        told = [mean for name, mean in parts.items() if name != NEGATION]
        splits[split] = {"accuracy": float(np.mean(told)), "all": score.mean, "groups": parts}
    decisions = run.setup.updates * run.setup.learning.environments * run.setup.learning.steps
    return {"run": run.path.name, "seed": run.setup.seed, "decisions": decisions, "splits": splits}


def _over_seeds(seeds: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By split: mean accuracy, its interval, every seed, and the mean of every group of episodes."""
    rows = {}
    for split in seeds[0]["splits"]:
        values = np.array([seed["splits"][split]["accuracy"] for seed in seeds])
        low, high = interval(values) if len(values) > 1 else (None, None)
        names = seeds[0]["splits"][split]["groups"]
        parts = {name: float(np.mean([seed["splits"][split]["groups"][name] for seed in seeds])) for name in names}
        rows[split] = {
            "mean": float(values.mean()),
            "low": low,
            "high": high,
            "seeds": values.tolist(),
            "groups": parts,
        }
    return rows
