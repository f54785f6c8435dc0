"""Where brain and world meet: training, scores, lesions, replays, benchmarks, and the `scrubjay` command.

run = experiments.load("runs/demo")
circuit, env, learner = run.circuit, run.env, run.learner()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.run import Run, create, load, ports

__all__ = ["Run", "create", "load", "ports"]


def __getattr__(name: str) -> Any:
    """Imported when asked for, since jax takes seconds that `scrubjay --help` need not take."""
    if name not in __all__:
        raise AttributeError(f"module 'experiments' has no attribute {name!r}")
    from experiments import run

    return getattr(run, name)
