"""Several seeds of several brains side by side: curves, scores, and intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from envs.world import World
from experiments.evaluate import evaluate
from experiments.metrics import read_metrics
from experiments.run import Run
from experiments.scores import interval
from experiments.seeds import seeds_of
from experiments.train import curve


def compare(paths: Sequence[Path], episodes: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Figures of runs, grouped by their names (see `experiments.seeds`).

    Every kept checkpoint is scored on the same test episodes; a group's interval is a 95 % bootstrap over its seeds.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, runs in seeds_of(paths).items():
        for run in runs:
            groups.setdefault(name, []).append(_figures(run, episodes))
            say(f"{run.path}: {_line(groups[name][-1])}")
    return {name: {"runs": runs, "by_decisions": _over_seeds(runs)} for name, runs in groups.items()}


def _figures(run: Run, episodes: int) -> dict[str, Any]:
    rows = read_metrics(run.path)
    column = "score" if isinstance(run.env, World) else "return"
    at, values = curve(rows, column)
    per_update = run.setup.learning.environments * run.setup.learning.steps
    scores = {n * per_update: evaluate(run, episodes, checkpoint=n) for n in run.checkpoints.all()}
    return {
        "run": run.path.name,
        "seed": run.setup.seed,
        "episodes": episodes,
        "scores": {n: {task: s.plain() for task, s in found.items()} for n, found in scores.items()},
        "training_curve": {"decisions": at.round().astype(int).tolist(), column: values.round(4).tolist()},
    }


def _line(figures: dict[str, Any]) -> str:
    found = ((n, next(iter(scores.values()))) for n, scores in figures["scores"].items())
    return ", ".join(f"{_figure(score):.3f} at {n / 1e6:.1f} M" for n, score in found)


def _figure(score: dict[str, Any]) -> float:
    """A score, or the mean return where there is none."""
    return score["mean"] if score["score"] is None else score["score"]


def _over_seeds(runs: list[dict[str, Any]]) -> dict[int, dict[str, float]]:
    """Mean, interval and worst seed at every number of decisions that all runs have, of the score if there is one."""
    common = sorted(set.intersection(*(set(run["scores"]) for run in runs)))
    rows = {}
    for n in common:
        scores = np.array([np.mean([*map(_figure, run["scores"][n].values())]) for run in runs])
        low, high = interval(scores) if len(scores) > 1 else (math.nan, math.nan)
        scored = all(s["score"] is not None for run in runs for s in run["scores"][n].values())
        rows[n] = {
            "score" if scored else "return": float(scores.mean()),
            "low": low,
            "high": high,
            "worst": float(scores.min()),
            "seeds": len(runs),
        }
    return rows
