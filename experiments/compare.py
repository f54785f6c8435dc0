"""Several seeds of several brains side by side: curves, scores, and intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.evaluate import evaluate, interval
from experiments.metrics import read_metrics
from experiments.run import Run, load
from experiments.train import curve


def compare(paths: Sequence[Path], episodes: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Figures of runs, grouped by the names of their directories before the last `-` (`forage-gru-0`: `forage-gru`).

    Every kept checkpoint is scored on the same test episodes; a group's interval is a 95 % bootstrap over its seeds.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for path in paths:
        figures = _figures(load(path), episodes)
        groups.setdefault(path.name.rpartition("-")[0] or path.name, []).append(figures)
        say(f"{path}: {_line(figures)}")
    return {name: {"runs": runs, "by_decisions": _over_seeds(runs)} for name, runs in groups.items()}


def _figures(run: Run, episodes: int) -> dict[str, Any]:
    at, values = curve(read_metrics(run.path))
    per_update = run.setup.learning.environments * run.setup.learning.steps
    scores = {n * per_update: evaluate(run, episodes, checkpoint=n) for n in run.checkpoints.all()}
    return {
        "run": run.path.name,
        "seed": run.setup.seed,
        "episodes": episodes,
        "scores": {n: {task: s.plain() for task, s in found.items()} for n, found in scores.items()},
        "training_curve": {"decisions": at.round().astype(int).tolist(), "score": values.round(4).tolist()},
    }


def _line(figures: dict[str, Any]) -> str:
    found = ((n, next(iter(scores.values()))["score"]) for n, scores in figures["scores"].items())
    return ", ".join(f"{score:.3f} at {n / 1e6:.1f} M" for n, score in found)


def _over_seeds(runs: list[dict[str, Any]]) -> dict[int, dict[str, float]]:
    """Mean, interval and worst seed of the score, at every number of decisions that all runs have."""
    common = sorted(set.intersection(*(set(run["scores"]) for run in runs)))
    rows = {}
    for n in common:
        scores = np.array([np.mean([s["score"] for s in run["scores"][n].values()]) for run in runs])
        low, high = interval(scores) if len(scores) > 1 else (math.nan, math.nan)
        rows[n] = {
            "score": float(scores.mean()),
            "low": low,
            "high": high,
            "worst": float(scores.min()),
            "seeds": len(runs),
        }
    return rows
