"""`bench ground`: what agents trained on GROUND make of sentences and scenes that training left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from agent.circuit import Params
from envs.layouts import SPLITS
from envs.tasks.ground import Ground
from experiments.altered import altered
from experiments.errors import RunError
from experiments.evaluate import Played, parts, player
from experiments.provenance import circumstances
from experiments.run import Run
from experiments.seeds import decisions, figure, seeds_of

HORIZON = 200  # control steps: that of the task, whatever a brain was trained with
NEGATION = "not"
"""The group that the figure of a split leaves out: it is reported apart."""


def bench(folders: Sequence[str], episodes: int, say: Callable[[str], None]) -> dict[str, Any]:
    """First-touch accuracy of every run in every split; runs are grouped by name but for the last `-N`.

    The figure of a split is the mean over its episodes, negation apart; its interval is a 95 % bootstrap over seeds.
    """
    found = {}
    for name, runs in seeds_of(folders).items():
        task = runs[0].setup.world
        if task != "ground":
            raise RunError(f"{runs[0].path} was trained on {task!r}; bench ground is about runs of task ground.")
        weights = [run.learner().params for run in runs]
        splits = {split: _split(runs[0], split, weights, episodes) for split in SPLITS}
        found[name] = {"seeds": [run.setup.seed for run in runs], "decisions": decisions(runs[0]), "splits": splits}
        say(f"{name}: " + ", ".join(f"{split} {row['mean']:.3f}" for split, row in splits.items()))
    return {"ground": found, "episodes": episodes, "horizon": HORIZON, "measured": circumstances()}


def _split(run: Run, split: str, weights: Sequence[Params], episodes: int) -> dict[str, Any]:
    """Mean accuracy in a split, its interval, every seed, all episodes with negation, and every group of episodes."""
    other = altered(run, [f"task.split={split}", f"task.horizon={HORIZON}"])
    play = player(other, episodes)
    seeds = [play(params) for params in weights]
    values = np.array([_told(played) for played in seeds])
    grouped = [parts(other, played) for played in seeds]
    return {
        **figure(values),
        "all": [float(played.values.mean()) for played in seeds],
        "groups": {name: [each[name].mean for each in grouped] for name in grouped[0]},
        "episodes": {name: part.episodes for name, part in grouped[0].items()},
    }


def _told(played: Played) -> float:
    """Mean over the episodes without negation."""
    return float(played.values[played.groups != Ground.groups.index(NEGATION)].mean())
