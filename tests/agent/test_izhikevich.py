"""Izhikevich's firing patterns (2004, fig. 1), with the constants and currents of his program `figure1.m`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from agent.spiking.neurons import IzhikevichNeuron

Times = np.ndarray
CLASS_1 = (0.04, 4.1, 108.0)


class Pattern(NamedTuple):
    """a, b, c, d; membrane at the start, mV; step and duration, ms; current at a time; what the spikes must be like."""

    constants: tuple[float, float, float, float]
    start: float
    step: float
    until: float
    current: Callable[[float], float]
    like: Callable[[Times], bool]
    quadratic: tuple[float, float, float] = (0.04, 5.0, 140.0)


def on(since: float, current: float, until: float = np.inf, otherwise: float = 0.0) -> Callable[[float], float]:
    return lambda t: current if since < t < until else otherwise


def pulses(current: float, length: float, *starts: float, otherwise: float = 0.0) -> Callable[[float], float]:
    return lambda t: current if any(s < t < s + length for s in starts) else otherwise


def gaps(times: Times) -> np.ndarray:
    return np.diff(times)


def bursts(times: Times, apart: float = 10.0) -> list[int]:
    """How many spikes each burst has."""
    return [len(b) for b in np.split(times, np.flatnonzero(gaps(times) > apart) + 1)]


def regular(times: Times) -> bool:
    return len(times) > 4 and float(np.ptp(gaps(times)[2:])) <= 1.0  # after the transient


PATTERNS = {
    "tonic spiking": Pattern((0.02, 0.2, -65, 6), -70, 0.25, 100, on(10, 14), regular),
    "phasic spiking": Pattern((0.02, 0.25, -65, 6), -64, 0.25, 200, on(20, 0.5), lambda t: len(t) == 1),
    "tonic bursting": Pattern(
        (0.02, 0.2, -50, 2), -70, 0.25, 220, on(22, 15), lambda t: len(bursts(t)) >= 3 and min(bursts(t)[:-1]) >= 2
    ),
    "phasic bursting": Pattern(
        (0.02, 0.25, -55, 0.05), -64, 0.2, 200, on(20, 0.6), lambda t: bursts(t, 15.0) == [len(t)] and 3 <= len(t) < 15
    ),
    "mixed mode": Pattern(
        (0.02, 0.2, -55, 4), -70, 0.25, 160, on(16, 10), lambda t: bursts(t)[0] >= 2 and set(bursts(t)[1:]) == {1}
    ),
    "spike frequency adaptation": Pattern(
        (0.01, 0.2, -65, 8), -70, 0.25, 85, on(8.5, 30), lambda t: len(t) > 5 and gaps(t)[-1] > 2 * gaps(t)[0]
    ),
    "class 1 excitability": Pattern(
        (0.02, -0.1, -55, 6), -60, 0.25, 300, lambda t: 0.075 * max(t - 30, 0),
        lambda t: len(t) > 5 and gaps(t)[0] > 2 * gaps(t)[-1] and gaps(t)[0] > 25,
        CLASS_1,
    ),
    "class 2 excitability": Pattern(
        (0.2, 0.26, -65, 0), -64, 0.25, 300, lambda t: -0.5 + 0.015 * max(t - 30, 0),
        lambda t: len(t) > 5 and gaps(t)[0] < 25,
    ),
    "spike latency": Pattern(
        (0.02, 0.2, -65, 6), -70, 0.2, 100, on(10, 7.04, 13), lambda t: len(t) == 1 and t[0] > 20
    ),
    "resonator": Pattern(
        (0.1, 0.26, -60, -1), -62, 0.25, 400, pulses(0.65, 4, 40, 60, 280, 320), lambda t: len(t) == 1 and t[0] > 320
    ),
    "integrator": Pattern(
        (0.02, -0.1, -55, 6), -60, 0.25, 100, pulses(9, 2, 100 / 11, 100 / 11 + 5, 70, 80),
        lambda t: len(t) == 1 and t[0] < 25, CLASS_1,
    ),
    "rebound spike": Pattern((0.03, 0.25, -60, 4), -64, 0.2, 200, on(20, -15, 25), lambda t: len(t) == 1 and t[0] > 25),
    "rebound burst": Pattern(
        (0.03, 0.25, -52, 0), -64, 0.2, 200, on(20, -15, 25), lambda t: len(t) >= 3 and t[0] > 25 and t[-1] < 120
    ),
    "threshold variability": Pattern(
        (0.03, 0.25, -60, 4), -64, 0.25, 100,
        lambda t: 1.0 if 10 < t < 15 or 80 < t < 85 else -6.0 if 70 < t < 75 else 0.0,
        lambda t: len(t) == 1 and t[0] > 80,
    ),
    "bistability": Pattern(
        (0.1, 0.26, -60, 0), -61, 0.25, 300, pulses(1.24, 5, 37.5, 216, otherwise=0.24),
        lambda t: regular(t) and t[0] < 60 and t[-1] < 225,
    ),
    "inhibition-induced spiking": Pattern(
        (-0.02, -1, -60, 8), -63.8, 0.5, 350, lambda t: 80.0 if t < 50 or t > 250 else 75.0,
        lambda t: len(t) >= 3 and t[0] > 50 and t[-1] < 270,
    ),
    "inhibition-induced bursting": Pattern(
        (-0.026, -1, -45, -2), -63.8, 0.5, 350, lambda t: 80.0 if t < 50 or t > 250 else 75.0,
        lambda t: t[0] > 50 and t[-1] < 270 and max(bursts(t, 15.0)) >= 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_fires_as_published(name: str) -> None:
    times = spike_times(PATTERNS[name])
    assert PATTERNS[name].like(times), times


def spike_times(p: Pattern) -> Times:
    """Spikes of one neuron, ms."""
    neuron = IzhikevichNeuron(*p.constants, tick_ms=p.step, steps=1, resting=p.start, quadratic=p.quadratic)
    cells = {name: x.astype(float) for name, x in neuron.rest((1,)).items()}
    found = []
    for t in np.arange(0.0, p.until + p.step / 2, p.step):
        cells, fired = neuron.tick(cells, p.current(float(t)), lambda v: (v > 0).astype(float))
        if fired[0]:
            found.append(t)
    return np.array(found)


def test_depolarising_after_potential() -> None:
    """After its only spike the membrane stays above rest before it falls below it."""
    neuron = IzhikevichNeuron(1.0, 0.2, -60.0, -21.0, tick_ms=0.1, steps=1, resting=-70.0)
    cells, v, count = neuron.rest((1,)), [], 0.0
    for t in np.arange(0.0, 50.0, 0.1):
        cells, fired = neuron.tick(cells, 20.0 if abs(t - 10) < 1 else 0.0, lambda v: (v > 0).astype(float))
        v.append(float(cells["v"][0]))
        count += float(fired[0])
    rest, after = v[80], np.array(v[120:])
    assert count == 1
    assert after.max() > rest + 3


def test_subthreshold_oscillations() -> None:
    """One spike, then a damped oscillation of the membrane around rest."""
    neuron = IzhikevichNeuron(0.05, 0.26, -60.0, 0.0, tick_ms=0.25, steps=1, resting=-62.0)
    cells, v, count = neuron.rest((1,)), [], 0.0
    for t in np.arange(0.0, 200.0, 0.25):
        cells, fired = neuron.tick(cells, 2.0 if 20 < t < 25 else 0.0, lambda v: (v > 0).astype(float))
        v.append(float(cells["v"][0]))
        count += float(fired[0])
    tail = np.array(v[200:]) - v[-1]
    assert count == 1
    assert np.count_nonzero(np.diff(np.sign(tail))) >= 3
