"""Measures of whole episodes, beside the sum of a reward term: what a task records of each, and makes of many.

A task may have `record(state) -> {name: array}`, what the state at the end of an episode tells, and
`measures({name: [E, ...]}) -> {name: float}`, what so many episodes amount to; NaN where they say nothing. Its `metric`
may name a measure. With `trial(state) -> [] int32` it says which trial runs, from 1 on; in a pause the one before. With
`comparable` false it says that its options make another experiment than the one of the stored baseline.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

RESAMPLES = 1000


def recorded(task: Any, state: Any) -> dict[str, jax.Array]:
    """What is recorded of the states `[B, ...]` of a batch; nothing where the task (or None) has no measures."""
    return jax.vmap(task.record)(state) if hasattr(task, "record") else {}


def measures(task: Any, record: dict[str, np.ndarray]) -> dict[str, float]:
    """What the record of some episodes amounts to."""
    return task.measures(record) if record else {}


def resampled(task: Any, record: dict[str, np.ndarray], resamples: int = RESAMPLES) -> dict[str, np.ndarray]:
    """The measures of as many episodes drawn with replacement, `[resamples]` each (Efron 1979)."""
    if not record:
        return {}
    rng, number = np.random.default_rng(0), len(next(iter(record.values())))
    rows = [
        measures(task, {name: values[chosen] for name, values in record.items()})
        for chosen in rng.integers(0, number, (resamples, number))
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def estimate(task: Any, values: np.ndarray, record: dict[str, np.ndarray]) -> tuple[float, float]:
    """The metric of some episodes, a measure or the mean of `values` `[E]`, and its standard error."""
    if task.metric not in measures(task, record):
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    spread = resampled(task, record, 300)[task.metric]
    known = spread[np.isfinite(spread)]
    error = float(known.std(ddof=1)) if len(known) > 1 else float("nan")
    return measures(task, record)[task.metric], error
