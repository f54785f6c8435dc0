"""The meta-controller against numbers computed by hand: who decides, what the neuromodulators say, and who listens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import agent
from agent import Port, Ports
from agent.errors import WiringError
from agent.meta.confidence import Confidence, ConfidenceConfig
from agent.meta.neuromodulators import LEVELS
from agent.unroll import unroll
from tests.agent.parts import MOVER

HALF = 0.1 / math.log(2.0)  # s, a time constant that goes half of the way in a decision


def said(options: Mapping[str, Any], senses: Mapping[str, Any], change: Any = lambda params: None) -> dict[str, Any]:
    """What one module sends over time, `[T, ...]`, of one environment: `senses` are `{input: [T, ...]}`."""
    arrays = {name: jnp.asarray(values, jnp.float32) for name, values in senses.items()}
    mapping = {
        "modules": {"it": options, "mover": MOVER},
        "wires": [*(f"body.{n} -> it.{n}" for n in arrays), "body.push -> mover.senses", "mover.code -> body.action"],
    }
    body = Ports({n: Port(x.shape[1:]) for n, x in arrays.items()}, push=Port((2,)))
    circuit = agent.build(mapping, body, Port((2,), "action"))
    times = len(next(iter(arrays.values())))
    observation = {n: x[:, None] for n, x in arrays.items()} | {"push": jnp.zeros((times, 1, 2))}
    first = jnp.zeros((times, 1), bool).at[0].set(True)
    keys = jax.random.split(jax.random.key(0), (times, 1))
    probes = tuple(f"it.{port}" for port in circuit.outputs["it"])

    @jax.jit
    def live() -> dict[str, jax.Array]:
        params = circuit.init(jax.random.key(0))
        change(params["it"])
        return unroll(circuit, params, circuit.initial(1), observation, first, keys, probes=probes)[1]

    return {name.removeprefix("it."): np.asarray(x)[:, 0] for name, x in live().items()}


MODULATORS = {"kind": "neuromodulators", "tau_expected": HALF, "tau_unexpected": HALF, "tau_reward": HALF}


def test_a_surprise_raises_noradrenaline_and_resets() -> None:
    """s = 1, h = 0.02, q = 1/4; V = 0.01 throughout, and N(0; 0, V) = 3.9894.

    δ = 1: N = 3.9894 e^-50, so ω = 1, and v learns nothing of it. a = 0.01 / 1.01. c = 1/2.
    δ = 0: ω = 0.005 / (0.005 + 0.98 · 3.9894) = 0.001277; n = max(ω, 1/2) = 1/2. c = 1/4.
    """
    found = said(MODULATORS, {"error": [1.0, 0.0], "reward": [1.0, 0.0]})
    np.testing.assert_allclose(found["dopamine"], [1.0, 0.0])
    np.testing.assert_allclose(found["acetylcholine"], [0.009901, 0.009901], rtol=1e-4)
    np.testing.assert_allclose(found["noradrenaline"], [1.0, 0.5], rtol=1e-5)
    np.testing.assert_allclose(found["serotonin"], [0.5, 0.25])
    np.testing.assert_array_equal(found["reset"], [1.0, 0.0])
    np.testing.assert_allclose(found["levels"], np.stack([found[n] for n in LEVELS], axis=1))


def test_what_is_expected_to_vary_surprises_less() -> None:
    """δ = 0.3 twice. First V = 0.01, N = 3.9894 e^-4.5 = 0.044319, ω = 0.005 / 0.048433 = 0.10324,
    v = 1/2 (1 - ω) 0.09 = 0.040354. Then V = 0.050354, N = e^-0.89368 / 0.56248 = 0.72740,
    ω = 0.005 / 0.717852 = 0.0069652.
    """
    found = said({**MODULATORS, "tau_unexpected": 1e-3}, {"error": [0.3, 0.3], "reward": [0.0, 0.0]})
    np.testing.assert_allclose(found["noradrenaline"], [0.10324, 0.0069652], rtol=1e-3)
    np.testing.assert_allclose(found["acetylcholine"][1], 0.050354 / 1.050354, rtol=1e-3)
    np.testing.assert_array_equal(found["reset"], [1.0, 0.0])


@pytest.mark.parametrize("level", ["dopamine", "acetylcholine", "noradrenaline", "serotonin"])
def test_each_level_can_be_held(level: str) -> None:
    found = said({**MODULATORS, level: 0.3}, {"error": [1.0, 0.0, 0.2], "reward": [1.0, 0.0, 0.0]})
    np.testing.assert_allclose(found[level], 0.3)
    if level == "noradrenaline":
        assert found["reset"][0] == 1.0, "held above what is expected"


def habit(mean: float, std: float) -> list[float]:
    return [mean, math.log(std)]


def test_the_surer_of_two_has_more_say() -> None:
    """σ² = 3 and 1: w = 3/4; the mean goes three quarters of the way from 0.2 to 1. Without a plan it stays."""
    senses = {
        "habit": [habit(0.2, 0.5)] * 2,
        "plan": [[1.0]] * 2,
        "habit_uncertainty": [math.sqrt(3.0)] * 2,
        "plan_uncertainty": [1.0, 1.0],
        "ready": [1.0, 0.0],
        "planned": [1.0, 0.0],
        "gain": [0.5, 0.5],
        "plan_value": [2.0, 2.0],
        "habit_value": [1.2, 1.2],
    }
    found = said({"kind": "arbiter"}, senses)
    np.testing.assert_allclose(found["weight"], [0.75, 0.0], rtol=1e-6)
    np.testing.assert_allclose(found["policy"], [[0.8, math.log(0.5)], [0.2, math.log(0.5)]], rtol=1e-6)
    np.testing.assert_allclose(found["imitation_loss"], [0.64, 0.0], rtol=1e-6)
    np.testing.assert_allclose(found["gain_loss"], [0.5 * 0.3**2, 0.0], rtol=1e-5)
    np.testing.assert_allclose(said({"kind": "arbiter", "gate": 0.3}, senses)["weight"], [0.3, 0.0], rtol=1e-6)


def test_a_plan_that_does_not_fit_is_named() -> None:
    senses = {"habit": [habit(0, 1)], "plan": [[1.0, 2.0]], "habit_uncertainty": [1.0], "plan_uncertainty": [1.0]}
    with pytest.raises(
        WiringError, match=r"modules\.it: a plan of 2 actions does not fit a habit's policy of 2 numbers"
    ):
        said({"kind": "arbiter"}, senses)


def constant(values: list[float]) -> Any:
    """Makes the controller give these whatever it reads."""

    def change(params: Any) -> None:
        params["judge"]["kernel"] = jnp.zeros_like(params["judge"]["kernel"])
        params["judge"]["bias"] = jnp.asarray(values)

    return change


def test_demand_weighs_what_planning_gains_against_its_cost() -> None:
    """g = 0.3, log σ = 5 tanh(0) = 0: demand = 0.3 + 0.5 · 1 - 0.6 = 0.2; δ = 2 costs 0 + 4 / 2."""
    options = {"kind": "controller", "cost": 0.6, "explore": 0.0}
    senses = {"state": np.ones((2, 3)), "error": [5.0, 2.0]}
    found = said(options, senses, constant([0.3, 0.0]))
    np.testing.assert_allclose(found["demand"], 0.2, rtol=1e-5)
    np.testing.assert_allclose(found["uncertainty_loss"], [0.0, 2.0], rtol=1e-6)
    asking = said({**options, "explore": 1.0, "cost": 9.0}, senses, constant([0.3, 0.0]))
    assert (asking["demand"] > 1.0).all()
    np.testing.assert_allclose(said({**options, "gate": 0.3}, senses)["demand"], 0.3)


def test_confidence_is_judged_by_what_came() -> None:
    """Horizon 3, p = σ(z) always. Rewards of decisions 0 to 6, each seen one decision later.

    Seen at 2: +1, so 0 and 1 were right. At 5 decision 2 has waited three times for nothing: wrong. At 6: -1, so 3, 4
    and 5 were wrong. -log p = softplus(-z), -log (1 - p) = softplus(z).
    """
    z = 0.7

    def change(params: Any) -> None:
        params["logit"]["kernel"] = jnp.zeros_like(params["logit"]["kernel"])
        params["logit"]["bias"] = jnp.asarray([z])

    senses = {"state": np.ones((7, 2)), "reward": [[0.0], [0.0], [1.0], [0.0], [0.0], [0.0], [-1.0]]}
    found = said({"kind": "confidence", "horizon": 3}, senses, change)
    right, wrong = math.log1p(math.exp(-z)), math.log1p(math.exp(z))
    np.testing.assert_allclose(found["confidence_loss"], [0, 0, 2 * right, 0, 0, wrong, 3 * wrong], rtol=1e-5)
    np.testing.assert_allclose(found["confidence"], 1.0 / (1.0 + math.exp(-z)), rtol=1e-6)


@pytest.mark.parametrize("shape", [False, True])
def test_confidence_may_shape_what_it_reads(shape: bool) -> None:
    """The loss of a decision changes what was read then if it may, and else nothing but its own readout."""
    inputs = Ports(state=Port((3,)), reward=Port((1,)))
    judge = Confidence(ConfidenceConfig(horizon=1, shape=shape), inputs, nnx.Rngs(0))
    key = jax.random.split(jax.random.key(0), 1)

    def loss(seen: jax.Array) -> jax.Array:
        after, _ = judge(judge.initial(1), {"state": seen, "reward": jnp.zeros((1, 1))}, key)
        return judge(after, {"state": seen, "reward": jnp.ones((1, 1))}, key)[1]["confidence_loss"].sum()

    assert bool(jax.grad(loss)(jnp.ones((1, 3))).any()) == shape


def test_drives_are_distances_from_set_points() -> None:
    """H* = (1, 0), n = 4, m = 3: H = (0.6, 0.3) is (0.4⁴ + 0.3⁴)^(1/3) = 0.0337^(1/3) = 0.32301 away, then 0."""
    found = said({"kind": "drives", "setpoints": [1.0, 0.0]}, {"intero": [[0.6, 0.3], [1.0, 0.0]]})
    np.testing.assert_allclose(found["needs"], [[0.4, 0.3], [0.0, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(found["drive"], [0.32301, 0.0], rtol=1e-4)
    np.testing.assert_allclose(found["reduction"], [0.0, 0.32301], rtol=1e-4)
    with pytest.raises(WiringError, match=r"2 set points do not fit 3 inner states\. Give as many, or one"):
        said({"kind": "drives", "setpoints": [1.0, 0.0]}, {"intero": [[1.0, 1.0, 1.0]]})


def test_noradrenaline_widens_the_policy() -> None:
    senses = {"drive": np.ones((2, 3)), "previous": np.zeros((2, 2)), "exploration": [0.0, 0.5]}
    for kind in ("gaussian_motor", "spiking_motor"):
        found = said({"kind": kind, "std": 0.3}, senses)["policy"]
        np.testing.assert_allclose(found[:, 2:], np.log(0.3) + np.array([[0.0], [0.5]]) * np.ones(2), rtol=1e-5)


@pytest.mark.parametrize(("kind", "size"), [("gru", 5), ("lsnn", 5), ("s5", 5), ("transformer", 4)])
def test_a_reset_lets_go_of_working_memory(kind: str, size: int) -> None:
    """A full reset leaves what a fresh memory would say; none changes nothing."""
    options, seen = {"kind": kind, "size": size}, np.linspace(-1.0, 1.0, 12).reshape(4, 3)
    untouched = said(options, {"input": seen})["state"]
    resets = said(options, {"input": seen, "reset": [0.0, 0.0, 1.0, 0.0]})["state"]
    np.testing.assert_allclose(resets[:2], untouched[:2], atol=1e-6)
    np.testing.assert_allclose(resets[2:], said(options, {"input": seen[2:]})["state"], atol=1e-6)
    assert np.abs(resets[2:] - untouched[2:]).max() > 1e-3


def test_serotonin_lengthens_the_horizon() -> None:
    """V = 1 always, r = 0, γ = 0.9, horizon log 2: δ = γ' - 1 with γ' = 1 - 0.1 / 2 = 0.95; horizon -log 20: γ' = 0."""

    def change(params: Any) -> None:
        params["value"]["kernel"] = jnp.zeros_like(params["value"]["kernel"])
        params["value"]["bias"] = jnp.ones(1)

    senses = {"state": np.ones((4, 2)), "reward": np.zeros((4, 1)), "horizon": [0.0, 0.0, math.log(2), -math.log(20)]}
    found = said({"kind": "critic", "discount": 0.9}, senses, change)["error"]
    np.testing.assert_allclose(found, [0.0, -0.1, -0.05, -1.0], atol=1e-6)
