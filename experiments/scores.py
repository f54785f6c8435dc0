"""What a score is: its two ends, its interval, and its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Part(NamedTuple):
    """The metric in one group of episodes (`Task.groups`), or a measure of all, with a 95 % bootstrap interval.

    A measure that the episodes say nothing of is NaN.
    """

    mean: float
    low: float
    high: float
    episodes: int


@dataclass(frozen=True)
class Score:
    """Between the strongest null policy (0) and the best scripted oracle (1), with a 95 % bootstrap interval.

    Machines and Gymnasium environments have neither end and so no score; the interval is then that of the mean return.
    `mean`, `null` and `oracle` are of the task's metric, which often is the return.
    """

    score: float | None
    low: float
    high: float
    mean: float
    null: float | None
    oracle: float | None
    episodes: int
    lesions: tuple[str, ...] = ()
    metric: str = "return"
    groups: Mapping[str, Part] = field(default_factory=dict)  # those sorts of episodes that were met
    measures: Mapping[str, Part] = field(default_factory=dict)  # what else the task makes of them (`envs.measures`)

    def plain(self) -> dict[str, Any]:
        """As JSON has it, which knows no NaN."""
        parts = {kind: {n: _known(p._asdict()) for n, p in getattr(self, kind).items()} for kind in _PARTED}
        return {**_known(asdict(self)), **parts}

    @property
    def figure(self) -> float:
        """The score, or the mean return where there is none."""
        return self.mean if self.score is None else self.score


_PARTED = ("groups", "measures")


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in values.items()}


def between(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle of what resampling gave, without the samples that say nothing."""
    known = values[np.isfinite(values)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def interval(values: np.ndarray, level: float = 0.95, resamples: int = 2000) -> tuple[float, float]:
    """Percentile bootstrap of the mean (Efron 1979)."""
    rng = np.random.default_rng(0)
    return between(values[rng.integers(0, len(values), (resamples, len(values)))].mean(axis=1), level)
