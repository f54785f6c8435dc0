"""What makes a fresh population fire at the rate that is wanted of it; at default initialisation many are silent."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import ndtri

from agent.spiking.neurons import Neuron


@cache
def shift_for_rate(neuron: Neuron, rate: float, ticks: int, gain: float = 1.0) -> float:
    """The mean drive at which neurons spike `rate` times a tick, their drives being normal with deviation 1.

    gain: current per drive, in the units of the neuron. Found by bisection on a simulation over the quantiles of the
    distribution. For half of the neurons the drive stays, for the other half it is drawn anew at every decision (which
    lowers the rate): life lies between the two.
    """
    neurons, decisions = (2048, 20) if ticks <= 20 else (256, 5)
    quantiles, random = ndtri(np.arange(0.5, neurons) / neurons), np.random.default_rng(0)
    drives = [np.concatenate([quantiles, random.permutation(quantiles)]) for _ in range(decisions)]
    low, high = -10.0, 10.0
    for _ in range(30 if ticks <= 20 else 16):
        middle = 0.5 * (low + high)
        found = _simulated_rate(neuron, [gain * (drive + middle) for drive in drives], ticks)
        low, high = (middle, high) if found < rate else (low, middle)
    return 0.5 * (low + high)


def _simulated_rate(neuron: Neuron, currents: list[np.ndarray], ticks: int) -> float:
    """Spikes per tick and neuron, from rest."""
    cells, spikes = neuron.rest(currents[0].shape), 0.0
    for current in currents:
        for _ in range(ticks):
            cells, fired = neuron.tick(cells, current, lambda v: (v > 0).astype(v.dtype))
            spikes += float(fired.mean())
    return spikes / (ticks * len(currents))
