"""What a score is: its two ends, its interval, and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Part(NamedTuple):
    """The mean of the metric in one group of episodes (`Task.groups`), with a 95 % bootstrap interval."""

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

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "groups": {name: part._asdict() for name, part in self.groups.items()}}

    @property
    def figure(self) -> float:
        """The score, or the mean return where there is none."""
        return self.mean if self.score is None else self.score


def interval(values: np.ndarray, level: float = 0.95, resamples: int = 2000) -> tuple[float, float]:
    """Percentile bootstrap of the mean (Efron 1979)."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (resamples, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
