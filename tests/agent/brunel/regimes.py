"""Brunel's (2000) network: what is simulated, and what is told of it."""

from __future__ import annotations

import numpy as np

SIZE, EXCITATORY, SECONDS, SETTLED = 12_500, 10_000, 1.0, 0.2
REGIMES = {"SR": (3.0, 2.0), "AI": (5.0, 2.0)}
"""g and the rate from outside, in units of what brings a neuron to threshold (Brunel 2000, fig. 8 A and C)."""


def summary(times: np.ndarray, who: np.ndarray) -> dict[str, float]:
    """Mean rate (Hz), mean CV of the intervals between a neuron's spikes, and the variance of the number of spikes in
    2 ms over its mean.
    """
    order = np.lexsort((times, who))
    times, who = times[order], who[order]
    intervals = [np.diff(times[np.searchsorted(who, n) : np.searchsorted(who, n + 1)]) for n in range(0, SIZE, 25)]
    irregularity = [x.std() / x.mean() for x in intervals if len(x) > 5]
    counts = np.histogram(times, np.arange(SETTLED, SECONDS + 1e-9, 2e-3))[0]
    return {
        "rate": len(times) / SIZE / (SECONDS - SETTLED),
        "cv": float(np.mean(irregularity)),
        "fano": float(counts.var() / counts.mean()),
    }
