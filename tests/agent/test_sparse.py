"""Sparse networks: the same as dense arithmetic, and Brunel's (2000) as theory and Brian2 have it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfcx

from agent.spiking import sparse
from agent.spiking.sparse import Fan
from agent.spiking.sparse_lif import SparseLifConfig, live, poisson, rest
from tests.agent.brunel.regimes import REGIMES, SECONDS, SETTLED, SIZE, summary


def test_propagation_is_the_matrix_product() -> None:
    """Against dense arithmetic, with weights, delays and channels of their own, over ticks."""
    random = np.random.default_rng(0)
    size, longest, ticks = 300, 4, 12
    there = random.random((size, size)) < 0.05
    weights = np.where(there, random.normal(size=(size, size)), 0.0).astype(np.float32)
    delays, channel = random.integers(1, longest + 1, size), random.integers(0, 2, size)
    senders, targets = np.nonzero(there)
    table = sparse.by_sender(senders.astype(np.int32), targets.astype(np.int32), size)
    rows = np.take_along_axis(np.pad(weights, ((0, 0), (0, 500))), np.minimum(table, size + 400), axis=1)
    fan = Fan(table, rows, delays, channel)
    trains = random.random((ticks, size)) < 0.1
    expected = np.zeros((ticks + longest, 2, size), np.float32)
    for tick, neuron in zip(*np.nonzero(trains), strict=True):
        expected[tick + delays[neuron], channel[neuron]] += weights[neuron]

    axons, step = sparse.silent(fan, 2, longest), jax.jit(sparse.sent, static_argnums=3)
    for tick in range(ticks):
        axons, arriving = sparse.due(axons, fan, 2)
        np.testing.assert_allclose(arriving.reshape(2, -1)[:, :size], expected[tick], atol=1e-5)
        axons = step(axons, fan, sparse.grid(jnp.asarray(trains[tick]), False), 2)
    assert np.abs(expected[:ticks]).sum() > 100.0


def test_every_neuron_hears_as_many() -> None:
    table = sparse.connect(200, 150, 0.1)
    senders, places = np.nonzero(table < 200)
    matrix = np.zeros((200, 200), int)
    np.add.at(matrix, (senders, table[senders, places]), 1)
    assert matrix.max() == 1
    np.testing.assert_array_equal(matrix[:150].sum(axis=0), 15)
    np.testing.assert_array_equal(matrix[150:].sum(axis=0), 5)


def test_poisson_numbers() -> None:
    """Frequencies within 5 standard errors of the distribution."""
    drawn = np.asarray(poisson(jax.random.key(0), 2.0, (400, 500)))
    for k in range(8):
        p = math.exp(-2.0) * 2.0**k / math.factorial(k)
        assert abs((drawn == k).mean() - p) < 5.0 * math.sqrt(p * (1.0 - p) / drawn.size)


def brunel(g: float, ratio: float, delay: float = 1.6e-3) -> tuple[np.ndarray, np.ndarray]:
    """Times and neurons of all spikes. In Brian2 a spike is felt a tick after it arrives: hence 1.6 and not 1.5 ms."""
    weight, heard = 0.1 / 20.0, 1000
    outside = ratio / (weight * 20e-3)
    config = SparseLifConfig(
        size=SIZE, probability=0.1, weight=weight, balance=g, delay=delay, ticks=1000, background=outside
    )
    assert round(0.1 * config.excitatory) == heard
    fan = jax.device_put(config.fan)
    step = jax.jit(lambda fan, cells, key: live(config, fan, cells, jnp.zeros(SIZE), key))
    cells, times, who = rest(config), [], []
    for decision in range(round(SECONDS / 0.1)):
        cells, _, spikes = step(fan, cells, jax.random.key(decision))
        tick, neuron = np.nonzero(np.asarray(spikes))
        times.append(0.1 * decision + 1e-4 * tick)
        who.append(neuron)
    times, who = np.concatenate(times), np.concatenate(who)
    return times[times >= SETTLED], who[times >= SETTLED]


@pytest.mark.slow
@pytest.mark.parametrize("regime", REGIMES)
def test_brunel_as_in_brian2(regime: str) -> None:
    told = json.loads((Path(__file__).parent / "brunel" / "brian2.json").read_text())[regime]
    found = summary(*brunel(*REGIMES[regime]))
    assert found["rate"] == pytest.approx(told["rate"], rel=0.03)
    assert found["cv"] == pytest.approx(told["cv"], abs=0.02)
    assert found["fano"] == pytest.approx(told["fano"], rel=0.15)
    if regime == "AI":
        assert found["rate"] == pytest.approx(theory(*REGIMES[regime]), rel=0.05)


def theory(g: float, ratio: float) -> float:
    """The stationary rate, Hz, of the asynchronous state (Brunel 2000, eqs. 4, 5 and 21)."""
    tau, refractory, weight, heard = 20e-3, 2e-3, 0.1, 1000
    outside = ratio * 20.0 / (weight * heard * tau)

    def answered(rate: float) -> float:
        mean = tau * weight * heard * (outside + rate * (1.0 - 0.25 * g))
        deviation = math.sqrt(tau * weight**2 * heard * (outside + rate * (1.0 + 0.25 * g**2)))
        low, high = (10.0 - mean) / deviation, (20.0 - mean) / deviation
        return 1.0 / (refractory + tau * math.sqrt(math.pi) * quad(lambda u: erfcx(-u), low, high)[0])

    return brentq(lambda rate: answered(rate) - rate, 1.0, 300.0)


def test_theory_is_that_of_the_paper() -> None:
    """Figure 8 C: g = 5, outside twice the threshold, 38.0 Hz."""
    assert theory(5.0, 2.0) == pytest.approx(38.0, abs=0.5)


def test_the_balanced_state_small_and_fast() -> None:
    """An eighth of the neurons with synapses as many times stronger: irregular, and far from saturation."""
    config = SparseLifConfig(size=1500, probability=0.1, weight=0.04, balance=5.0, ticks=1000, background=2500.0)
    step = jax.jit(lambda cells, key: live(config, config.fan, cells, jnp.zeros(1500), key))
    cells, trains = rest(config), []
    for decision in range(5):
        cells, _, spikes = step(cells, jax.random.key(decision))
        trains.append(np.asarray(spikes))
    train = np.concatenate(trains[1:])
    rate = train.mean() / 1e-4
    intervals = [np.diff(np.flatnonzero(train[:, n])) for n in range(1500)]
    irregularity = np.mean([x.std() / x.mean() for x in intervals if len(x) > 5])
    assert 10.0 < rate < 60.0
    assert irregularity > 0.4
