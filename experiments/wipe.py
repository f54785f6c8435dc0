"""A lesion of state: a module forgets all it holds when a trial begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax

from agent.circuit import Circuit
from agent.errors import ConfigError, unknown
from agent.module import select
from experiments.learning.rollout import Life
from experiments.run import Run

EACH = "each"


class Wipe(NamedTuple):
    """Which module, and at the beginning of which trial; 0 for each but the first."""

    module: str
    trial: int


def parse_wipe(text: str, run: Run) -> Wipe:
    """`hippocampus@2`, `hippocampus@each`. ConfigError where module, trial or task will not do."""
    module, _, when = text.partition("@")
    if module not in run.circuit.modules:
        raise ConfigError(f"--wipe {text}: {unknown('module', module, run.circuit.modules)}")
    if when != EACH and not (when.isdecimal() and int(when) > 1):
        raise ConfigError(
            f"--wipe {text}: say at the beginning of which trial: {module}@2 (or any later one), or {module}@{EACH}."
        )
    if not hasattr(getattr(run.env, "task", None), "trial"):
        raise ConfigError(
            f"--wipe {text}: the task {run.setup.world!r} has no trials. Tasks with trials: dmp, reversal."
        )
    return Wipe(module, 0 if when == EACH else int(when))


def wiped(circuit: Circuit, life: Life, wipes: Sequence[Wipe], trial: jax.Array, before: jax.Array) -> Life:
    """The life with the modules' states set back where their trial has begun.

    trial, before: `[B]` int32, which trial runs, and which ran at the decision before.
    """
    modules = dict(life.brain["modules"])
    for module, number in wipes:
        begins = (trial > before) & ((trial == number) | (number == 0))
        modules[module] = select(begins, circuit.boxes[module].initial(trial.shape[0]), modules[module])
    return life._replace(brain={**life.brain, "modules": modules})
