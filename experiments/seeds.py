"""Runs that are seeds of one brain, by their names but for the last `-N`: `runs/forage-gru-0`, `runs/forage-gru-1`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from agent.config import plain
from experiments.errors import RunError
from experiments.run import Run, load
from experiments.scores import interval


def seeds_of(folders: Iterable[str | Path]) -> dict[str, list[Run]]:
    """Runs by the name of their group. RunError where those of one name differ in more than the seed."""
    groups: dict[str, list[Run]] = {}
    for run in map(load, folders):
        groups.setdefault(run.path.name.rpartition("-")[0] or run.path.name, []).append(run)
    for first, *others in groups.values():
        for run in others:
            if _brain_and_job(run) != _brain_and_job(first):
                raise RunError(
                    f"{run.path} and {first.path} are named as seeds of one brain, but their configs differ."
                )
    return groups


def _brain_and_job(run: Run) -> tuple[Any, ...]:
    """All but the seed; an option that a config does not name has its default."""
    job = {name: value for name, value in plain(run.setup).items() if name not in ("seed", "agent")}
    return job, run.circuit.modules, run.circuit.wires


def decisions(run: Run) -> int:
    """How many the training takes, in all environments together."""
    return run.setup.updates * run.setup.learning.environments * run.setup.learning.steps


def figure(values: np.ndarray) -> dict[str, Any]:
    """The mean over seeds, its 95 % bootstrap interval, and each; no interval of one alone."""
    low, high = interval(values) if len(values) > 1 else (None, None)
    return {"mean": float(values.mean()), "low": low, "high": high, "seeds": values.tolist()}
