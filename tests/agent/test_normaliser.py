"""Running statistics against those of NumPy over everything at once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import agent
from agent import Port, Ports
from tests.agent.parts import BATCH, around, assert_equal, life

CIRCUIT = around({"kind": "normaliser"})


def test_statistics_are_those_of_everything_met() -> None:
    random = np.random.default_rng(0)
    params = CIRCUIT.init(jax.random.key(0))
    assert CIRCUIT.followed == ("body.senses", "body.senses_too")
    seen = [random.normal(3.0, [0.1] * 6 + [20.0] * 9, (n, 15)).astype(np.float32) for n in (64, 2048, 1)]
    for part in seen:
        params = jax.jit(CIRCUIT.renew)(params, {"body.senses": part[:, :6], "body.senses_too": part[:, 6:]})
    everything = np.concatenate(seen).astype(np.float64)
    found = params["it"]
    assert found["count"] == len(everything)
    np.testing.assert_allclose(found["mean"], everything.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found["squares"] / found["count"], everything.var(0), rtol=1e-4)
    lived = life(CIRCUIT)
    senses = jnp.concatenate([lived.observation["senses"][0], lived.observation["senses_too"][0]], axis=1)
    moment = jax.tree.map(lambda x: x[0], lived)
    _, _, trace = CIRCUIT.step(params, CIRCUIT.initial(BATCH), *moment, probes=("it.code",))
    expected = (np.asarray(senses) - everything.mean(0)) / everything.std(0)
    np.testing.assert_allclose(trace["it.code"], np.clip(expected, -10, 10), rtol=1e-3, atol=1e-3)


def test_a_brain_without_such_modules_is_left_alone() -> None:
    mapping = {
        "modules": {"mover": {"kind": "body_encoder", "width": 2}},
        "wires": ["body.push -> mover.senses", "mover.code -> body.action"],
    }
    circuit = agent.build(mapping, Ports(push=Port((2,))), Port((2,), "action"))
    params = circuit.init(jax.random.key(0))
    assert circuit.followed == ()
    assert_equal(circuit.renew(params, {}), params)
