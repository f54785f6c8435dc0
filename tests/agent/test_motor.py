"""Motors: Gaussian policies against SciPy, spiking ones against hand-computed ticks. And the critic."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from agent import Circuit
from agent.motor import policy
from tests.agent.parts import around, life

MEAN, LOG_STD = np.asarray([[0.3, -1.2, 0.0], [2.0, 0.1, -0.4]]), np.asarray([0.1, -0.7, 0.5])


def test_log_prob_and_entropy_agree_with_scipy() -> None:
    gaussian = policy.pack(jnp.asarray(MEAN), jnp.asarray(LOG_STD)[None])
    action = np.asarray([[0.0, -1.0, 0.5], [1.0, 1.0, 1.0]])
    normal = {"loc": MEAN, "scale": np.exp(LOG_STD)}
    np.testing.assert_allclose(
        policy.log_prob(gaussian, jnp.asarray(action)), stats.norm.logpdf(action, **normal).sum(1), rtol=1e-5
    )
    np.testing.assert_allclose(policy.entropy(gaussian), stats.norm.entropy(**normal).sum(1), rtol=1e-5)
    np.testing.assert_allclose(policy.mode(gaussian), MEAN, rtol=1e-6)


def test_samples_have_the_mean_and_the_deviation() -> None:
    gaussian = policy.pack(jnp.asarray(MEAN[0]), jnp.asarray(LOG_STD))
    samples = policy.sample(jnp.broadcast_to(gaussian, (20_000, 6)), jax.random.split(jax.random.key(0), 20_000))
    np.testing.assert_allclose(samples.mean(0), MEAN[0], atol=0.04)
    np.testing.assert_allclose(samples.std(0), np.exp(LOG_STD), rtol=0.03)


@pytest.mark.parametrize("kind", ["gaussian_motor", "spiking_motor"])
def test_a_fresh_policy_has_the_deviation_asked_for(kind: str) -> None:
    circuit = around({"kind": kind, "std": 0.3})
    found = _once(circuit, circuit.init(jax.random.key(0)))["policy"]
    np.testing.assert_allclose(found[:, 6:], np.log(0.3), rtol=1e-5)


def test_the_action_is_drawn_from_the_policy() -> None:
    circuit = around({"kind": "gaussian_motor"})
    params = circuit.init(jax.random.key(0))
    params["it"]["log_std"] = jnp.full((6,), -20.0)
    found = _once(circuit, params)
    np.testing.assert_allclose(found["action"], policy.mode(found["policy"]), atol=1e-6)


def test_spiking_motor_over_two_hand_computed_ticks() -> None:
    """PopSAN's equations with d_c = 1/2, d_v = 3/4, threshold 1/2, for two hidden neurons and a population of two.

    Hidden, drive (0.4, 1.2): c = v = (0.4, 1.2), o = (0, 1); then c = (0.6, 1.8), v = (0.3 + 0.6, 0 + 1.8), o = (1, 1).
    Output: drive (0.45, 0.2), v = c = (0.45, 0.2), o = (0, 0); then drive (0.75, 0.2), c = (0.975, 0.3),
    v = (0.3375 + 0.975, 0.15 + 0.3), o = (1, 0). Rates (1/2, 0); mean = 2 · 1/2 + 0.25.
    """
    options = {"kind": "spiking_motor", "size": 2, "population": 2, "ticks": 2}
    circuit = around(options)
    params = circuit.init(jax.random.key(0))
    it = params["it"]
    actions = it["offset"].shape[0]
    it["norm"] = {"scale": jnp.zeros(2), "bias": jnp.asarray([0.4, 1.2])}
    it["output"] = {
        "kernel": jnp.tile(jnp.asarray([[0.3, 0.0], [0.45, 0.2]]), (1, actions)),
        "bias": jnp.zeros(2 * actions),
    }
    it["readout"] = jnp.tile(jnp.asarray([[2.0, -0.5]]), (actions, 1))
    it["offset"] = jnp.full((actions,), 0.25)
    found = _once(circuit, params)
    assert found["spikes"][0, 0, :4].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert found["spikes"][0, 1, :4].tolist() == [1.0, 1.0, 1.0, 0.0]
    np.testing.assert_allclose(policy.mode(found["policy"]), 1.25, rtol=1e-6)


def test_the_critic_is_a_perceptron() -> None:
    circuit = around({"kind": "critic", "hidden": 5})
    params = circuit.init(jax.random.key(0))
    state = np.concatenate([life(circuit).observation[n][0] for n in ("state", "state_too")], axis=1)
    hidden, value = jax.tree.map(np.asarray, (params["it"]["hidden"], params["it"]["value"]))
    expected = np.tanh(state @ hidden["kernel"] + hidden["bias"]) @ value["kernel"] + value["bias"]
    np.testing.assert_allclose(_once(circuit, params)["value"], expected[:, 0], rtol=1e-5, atol=1e-6)


def _once(circuit: Circuit, params: dict) -> dict[str, jax.Array]:
    """All outputs of the first decision."""
    moment = jax.tree.map(lambda x: x[0], life(circuit))
    still = {n: jnp.zeros_like(x) if "exploration" in n else x for n, x in moment.observation.items()}
    moment = moment._replace(observation=still)
    ports = [p for p in circuit.port_names if p.startswith("it.")]
    step = jax.jit(partial(circuit.step, probes=ports))
    _, _, trace = step(params, circuit.initial(3), *moment)
    return {port.removeprefix("it."): x for port, x in trace.items()}
