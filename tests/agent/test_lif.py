"""The LIF population: its rate at the start of learning, its dynamics in closed form, its surrogate gradient."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from agent.spiking.lif import LifConfig
from agent.spiking.neurons import LeakyNeuron
from agent.spiking.surrogate import spike
from agent.unroll import unroll
from tests.agent.parts import around, life

STEADY, CHANGING = True, False


@pytest.mark.parametrize(
    ("rate", "ticks", "tau", "scale", "steady"),
    [
        (10.0, 5, 20e-3, 1.0, STEADY),
        (10.0, 5, 20e-3, 1.0, CHANGING),
        (10.0, 5, 20e-3, 0.1, CHANGING),
        (10.0, 5, 20e-3, 1e2, CHANGING),
        (2.0, 5, 20e-3, 1.0, CHANGING),
        (25.0, 5, 50e-3, 1.0, CHANGING),
        (5.0, 1, 20e-3, 1.0, CHANGING),
        (40.0, 20, 10e-3, 1.0, CHANGING),
        (10.0, 5, 200e-3, 1.0, STEADY),
    ],
)
def test_a_fresh_population_fires_at_its_target_rate(
    rate: float, ticks: int, tau: float, scale: float, steady: bool
) -> None:
    """Within 10 %, whatever the scale of its inputs; at default initialisation such populations are nearly silent."""
    circuit = around({"kind": "lif", "size": 256, "rate": rate, "ticks": ticks, "tau_mem": tau})
    observation, first, key = life(circuit, times=10, batch=32)
    observation |= {"spikes": jnp.zeros_like(observation["spikes"])}
    observation = jax.tree.map(lambda x: scale * (jnp.broadcast_to(x[:1], x.shape) if steady else x), observation)
    begins = jnp.zeros_like(first).at[0].set(True)
    params, start = circuit.init(jax.random.key(0)), circuit.initial(32)
    run = jax.jit(partial(unroll, circuit, probes=("it.rate",)))
    _, trace = run(params, start, observation, begins, key)
    hertz = float(trace["it.rate"].mean()) * ticks / 0.1
    assert hertz == pytest.approx(rate, rel=0.1)


def integrate(v: jax.Array, current: jax.Array, leak: float, ticks: int) -> tuple[jax.Array, jax.Array]:
    """Membranes `[B, N]` after `ticks` of a constant current, and the spikes `[B, ticks, N]` on the way."""
    neuron, train = LeakyNeuron(leak), []
    for _ in range(ticks):
        cells, fired = neuron.tick({"v": v}, current, spike)
        v = cells["v"]
        train.append(fired)
    return v, jnp.stack(train, axis=1)


@pytest.mark.parametrize("current", [0.5, 0.99, 1.05, 1.5, 3.0, 40.0])
def test_spikes_come_at_the_exact_interval(current: float) -> None:
    """From rest, v after n ticks is I (1 - aⁿ), so the interval is the smallest n for which that exceeds 1."""
    ticks, leak = 300, math.exp(-1 / 20)
    _, train = integrate(jnp.zeros((1, 1)), jnp.full((1, 1), current), leak, ticks)
    n = math.floor(math.log(1 - 1 / current) / math.log(leak)) + 1 if current > 1 else ticks + 1
    assert np.flatnonzero(train[0, :, 0]).tolist() == list(range(n - 1, ticks, n))


def test_rate_approaches_the_continuous_neuron() -> None:
    """f = 1 / (τ ln(I / (I - 1))) as ticks get short (Gerstner & Kistler 2002, eq. 4.9 without refractoriness)."""
    tau, tick, current = 20.0, 0.02, jnp.asarray([[1.2, 1.5, 2.0, 4.0]])

    def twenty(v: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        v, train = integrate(v, current, math.exp(-tick / tau), 20)
        return v, train.sum(axis=(0, 1))

    _, counts = jax.lax.scan(twenty, jnp.zeros((1, 4)), length=10_000)
    expected = 10_000 * 20 * tick / (tau * np.log(current[0] / (current[0] - 1)))
    np.testing.assert_allclose(counts.sum(axis=0), expected, rtol=0.01)


def test_below_threshold_the_membrane_is_exact() -> None:
    v, train = integrate(jnp.full((1, 1), 0.3), jnp.full((1, 1), 0.8), math.exp(-0.25), 8)
    assert float(v[0, 0]) == pytest.approx(0.8 + (0.3 - 0.8) * math.exp(-2.0), rel=1e-6)
    assert not train.any()


def test_a_spike_is_a_step_with_a_smooth_gradient() -> None:
    """1 / (1 + 10 |v|)² (Zenke & Ganguli 2018)."""
    assert jax.grad(lambda v: spike(v, "triangle", 2.0))(jnp.float32(0.25)) == 0.5
    assert jax.grad(lambda v: spike(v, "straight_through"))(jnp.float32(-3.0)) == 1.0
    assert jax.grad(lambda v: spike(v, "arctangent", 2.0))(jnp.float32(1.0)) == pytest.approx(
        1 / (1 + math.pi**2), rel=1e-6
    )
    v = jnp.asarray([-2.0, -0.1, 0.0, 1e-6, 0.1, 3.0])
    assert spike(v).tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    np.testing.assert_allclose(jax.vmap(jax.grad(spike))(v), 1 / (1 + 10 * np.abs(v)) ** 2, rtol=1e-6)


def test_rate_loss_is_the_squared_miss_of_the_target() -> None:
    circuit = around({"kind": "lif", "size": 8})
    lived = life(circuit)
    params, start = circuit.init(jax.random.key(0)), circuit.initial(3)
    _, trace = unroll(circuit, params, start, *lived, probes=("it.spikes", "it.rate", "it.rate_loss"))
    np.testing.assert_allclose(trace["it.rate"], trace["it.spikes"].mean(axis=2), rtol=1e-6)
    target = LifConfig(size=8).rate * 0.02
    np.testing.assert_allclose(trace["it.rate_loss"], (trace["it.spikes"].mean(axis=(2, 3)) - target) ** 2, atol=1e-7)
