"""`bench faculties`: what trained brains keep, relearn and plan, where it tells whether a faculty is there."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from envs import baseline
from experiments.altered import altered
from experiments.bench.ground import decisions, seeds_of
from experiments.errors import RunError
from experiments.evaluate import measure, player
from experiments.provenance import circumstances
from experiments.run import Run
from experiments.scores import interval
from experiments.wipe import parse_wipe

STORE = "hippocampus"
Condition = tuple[tuple[str, ...], tuple[str, ...]]
"""What is set anew, and what is wiped."""

CONDITIONS: dict[str, dict[str, Condition]] = {
    "dmp": {
        **{f"delay {steps}": ((f"task.delay={steps}",), ()) for steps in (0, 100, 200, 400)},
        "delay 0, wiped": (("task.delay=0",), (f"{STORE}@2",)),
        "delay 400, wiped": (("task.delay=400",), (f"{STORE}@2",)),
        "cells never used": (("task.delay=100", "task.split=cells"), ()),
    },
    "reversal": {split: ((f"task.split={split}",), ()) for split in ("train", "pairs", "new")},
    "detour": {split: ((f"task.split={split}",), ()) for split in ("train", "transparent", "longer", "shortcut")},
}


def bench(folders: Sequence[str], episodes: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Scores and measures of every run in every condition of its task; runs are grouped by name but for the last `-N`.

    A score stands between the task's strongest scripted null (0) and its oracle (1). The figure of a condition is the
    mean over runs; its interval is a 95 % bootstrap over them.
    """
    found = {}
    for name, runs in seeds_of(folders).items():
        task = runs[0].setup.task["kind"]
        if task not in CONDITIONS:
            raise RunError(f"{runs[0].path} was trained on {task!r}; bench faculties knows {', '.join(CONDITIONS)}.")
        weights = [run.learner().params for run in runs]
        rows = {}
        for title, condition in conditions(task, runs[0].circuit.modules).items():
            rows[title] = _condition(runs[0], weights, condition, episodes)
            say(f"{name}, {title}: " + ", ".join(f"{what} {row['mean']:.3f}" for what, row in rows[title].items()))
        seeds = [run.setup.seed for run in runs]
        found[name] = {"task": task, "seeds": seeds, "decisions": decisions(runs[0]), "conditions": rows}
    return {"faculties": found, "episodes": episodes, "measured": circumstances()}


def conditions(task: str, modules: Container[str]) -> dict[str, Condition]:
    """Those of a task, without wipes of what a brain does not have."""
    there = lambda wipes: all(text.partition("@")[0] in modules for text in wipes)  # noqa: E731
    return {title: each for title, each in CONDITIONS[task].items() if there(each[1])}


def _condition(run: Run, weights: Sequence[Any], condition: Condition, episodes: int) -> dict[str, Any]:
    """The score and every measure: mean over seeds, interval, and each."""
    overrides, wipes = condition
    run = altered(run, overrides)
    forgotten = [parse_wipe(text, run) for text in wipes]
    play, ends = player(run, episodes, wipes=forgotten), baseline(run.setup.world)
    seeds: list[dict[str, float]] = []
    for params in weights:
        played = play(params)
        found = {what: part.mean for what, part in measure(run, played).items()}
        metric = found.get(run.env.task.metric, float(played.values.mean()))  # type: ignore[attr-defined]
        seeds.append({"score": float(ends.score(metric)), **found})
    return {what: _figure(np.array([each[what] for each in seeds])) for what in seeds[0]}


def _figure(values: np.ndarray) -> dict[str, Any]:
    low, high = interval(values) if len(values) > 1 else (None, None)
    return {"mean": float(values.mean()), "low": low, "high": high, "seeds": values.tolist()}
