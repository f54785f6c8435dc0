"""Local learning: windows and traces against hand calculation, and what the rules are for."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import agent
from agent import Port, Ports
from agent.errors import ConfigError
from agent.spiking import plasticity
from agent.spiking.lif import Lif, LifConfig
from agent.spiking.neurons import LeakyNeuron
from agent.spiking.plasticity import Eligible, Plasticity
from agent.spiking.surrogate import spike
from agent.unroll import unroll
from tests.agent.parts import around, assert_close, assert_equal, life


@pytest.mark.parametrize("gap", [-50, -20, -3, -1, 0, 1, 3, 20, 50])
def test_the_window_of_stdp(gap: int) -> None:
    """One pair of spikes, `gap` ms apart: A+ exp(-gap / τ+), or -A- exp(gap / τ-)."""
    p = Plasticity(rate=0.1, tau_pre=17e-3, tau_post=34e-3, potentiation=1.0, depression=0.6)
    traces = plasticity.none("stdp", 1, 1, 1)
    for t in range(120):
        pre, post = (jnp.full((1, 1), float(t == moment)) for moment in (60, 60 + gap))
        traces = plasticity.stdp(p, traces, pre, post, 1e-3)
    expected = {True: math.exp(-gap / 17), False: -0.6 * math.exp(gap / 34)}[gap > 0] if gap else 0.0
    assert float(traces["change"][0, 0, 0]) == pytest.approx(0.1 * expected, rel=1e-5, abs=1e-8)


def test_the_third_factor_gates_what_waits() -> None:
    """A pair 10 ms apart, then 100 ms of waiting at τ_e = 200 ms, then dopamine 0.5."""
    p = Plasticity(rate=0.1, tau_eligibility=0.2)
    traces = plasticity.none("three_factor", 1, 1, 1)
    for t in range(111):
        pre, post = (jnp.full((1, 1), float(t == moment)) for moment in (0, 10))
        traces = plasticity.gated(p, traces, pre, post, 1e-3)
    assert float(traces["change"].sum()) == 0.0
    traces = plasticity.reward(p, traces, jnp.full((1,), 0.5))
    assert float(traces["change"][0, 0, 0]) == pytest.approx(0.1 * 0.5 * math.exp(-10 / 20 - 100 / 200), rel=1e-5)


def test_eligibility_of_e_prop_by_hand() -> None:
    """Two ticks of one adaptive neuron with a triangular surrogate; α = 1/2, ρ = 3/4, β = 1/5, below threshold."""
    neuron, p = LeakyNeuron(0.5, 0.75, 0.2), Plasticity(tau_eligibility=1e9)
    eligible = Eligible(neuron, "triangle", 0.5)
    traces, cells = plasticity.none("eprop", 1, 1, 1), {n: jnp.asarray(x) for n, x in neuron.rest((1, 1)).items()}
    one = jnp.ones((1, 1))
    for _ in range(2):
        traces = eligible(p, traces, cells, one, one, 1e-3)
        cells, _ = neuron.tick(cells, one, spike)
    # v: 0.5, 0.75; ψ: 1 - |v - 1| / 2 = 0.75, 0.875; ε: 0.5, 0.75
    first = 0.75 * 0.5
    second = 0.875 * (0.75 - 0.2 * first)
    assert float(traces["potential"][0, 0, 0]) == 0.75
    assert float(traces["adapted"][0, 0, 0]) == pytest.approx(0.75 * first + second, rel=1e-6)
    assert float(traces["eligibility"][0, 0, 0]) == pytest.approx(first + second, rel=1e-5)


@pytest.mark.parametrize("adaptation", [0.0, 0.2])
def test_e_prop_points_where_backpropagation_does(adaptation: float) -> None:
    """Σ_t L_t e_t against the gradient of Σ_t L_t s_t, 60 ticks of 10 neurons: a cosine of at least 0.9.

    They differ by the way through the reset, which e-prop leaves out.
    """
    neuron, random = LeakyNeuron(0.9, 0.98 if adaptation else 0.0, adaptation), np.random.default_rng(0)
    eligible, p = Eligible(neuron, "fast_sigmoid", 2.0), Plasticity(tau_eligibility=1e-3)
    pre = jnp.asarray((random.random((60, 1, 30)) < 0.1) * 1.0, jnp.float32)
    signal = jnp.asarray(random.normal(size=(60, 1, 10)) * 0.3 + 1.0, jnp.float32)
    weights = jnp.asarray(random.normal(size=(30, 10)) + 0.6, jnp.float32)
    rest = {n: jnp.asarray(x) for n, x in neuron.rest((1, 10)).items()}

    def loss(weights: jax.Array) -> jax.Array:
        cells, total = rest, jnp.zeros(())
        for t in range(60):
            cells, fired = neuron.tick(cells, pre[t] @ weights, lambda v: spike(v, "fast_sigmoid", 2.0))
            total = total + (signal[t] * fired).sum()
        return total

    traces, cells, found = plasticity.none("eprop", 1, 30, 10), rest, jnp.zeros((30, 10))
    for t in range(60):
        current = pre[t] @ weights
        before = traces["eligibility"] * math.exp(-1.0)
        traces = eligible(p, traces, cells, current, pre[t], 1e-3)
        found = found + (signal[t][:, None, :] * (traces["eligibility"] - before))[0]
        cells, _ = neuron.tick(cells, current, spike)
    exact = jax.grad(loss)(weights)
    cosine = float(jnp.vdot(found, exact) / jnp.linalg.norm(found) / jnp.linalg.norm(exact))
    print(f"adaptation {adaptation}: cosine {cosine:.3f}")
    assert cosine > 0.9


def test_oja_finds_the_first_principal_component() -> None:
    random = np.random.default_rng(0)
    spread = random.normal(size=(4, 4)) * np.array([[3.0], [1.0], [0.5], [0.3]])
    inputs = jnp.asarray(random.normal(size=(4000, 4)) @ spread * 0.3, jnp.float32)
    p, born = Plasticity(rate=0.005, bound=10.0), jnp.full((4, 1), 0.3)

    def see(traces: Any, x: jax.Array) -> tuple[Any, None]:
        return plasticity.oja(p, traces, born, x[None], (x @ (born + traces["change"][0]))[None]), None

    traces, _ = jax.lax.scan(see, plasticity.none("oja", 1, 4, 1), inputs)
    weights = np.asarray(born + traces["change"][0])[:, 0]
    component = np.linalg.svd(np.asarray(inputs), full_matrices=False)[2][0]
    assert abs(weights @ component) == pytest.approx(1.0, abs=0.03)
    assert np.linalg.norm(weights) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("rule", plasticity.LOCAL)
def test_gradients_stop_at_the_border(rule: plasticity.Rule) -> None:
    """None reaches its weights, and none goes through it."""
    ports = Ports(current=Port((6,)), dopamine=Port(), error=Port((2,)))
    module = Lif(LifConfig(size=8, rule=rule), ports, nnx.Rngs(0))
    graph, params = nnx.split(module)

    def loss(params: Any, x: jax.Array) -> jax.Array:
        it = nnx.merge(graph, params)
        inputs = {"current": x, "dopamine": x.sum(axis=1), "error": x[:, :2]}
        state, total = it.initial(3), jnp.zeros(())
        for _ in range(3):
            state, outputs = it(state, inputs, jax.random.split(jax.random.key(0), 3))
            total = total + sum(o.sum() for o in outputs.values())
        return total

    gradients = jax.grad(loss, argnums=(0, 1))(params, jnp.ones((3, 6)))
    assert all(float(jnp.abs(g).max()) == 0.0 for g in jax.tree.leaves(gradients))


def test_no_rule_keeps_weights_and_lets_gradients_through() -> None:
    module = Lif(LifConfig(size=8, rule="none"), Ports(current=Port((6,))), nnx.Rngs(0))
    graph, params = nnx.split(module)

    def loss(params: Any, x: jax.Array) -> jax.Array:
        it = nnx.merge(graph, params)
        return it(it.initial(3), {"current": x}, jax.random.split(jax.random.key(0), 3))[1]["rate"].sum()

    of_params, of_x = jax.grad(loss, argnums=(0, 1))(params, jax.random.normal(jax.random.key(1), (3, 6)))
    assert all(float(jnp.abs(g).max()) == 0.0 for g in jax.tree.leaves(of_params))
    assert float(jnp.abs(of_x).max()) > 0.0


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "lif", "rule": "stdp"},
        {"kind": "lif", "rule": "three_factor", "homeostasis": 0.1},
        {"kind": "izhikevich", "rule": "three_factor"},
        {"kind": "lif", "rule": "oja"},
        {"kind": "alif", "rule": "eprop"},
        {"kind": "lif", "recurrent": True, "inhibitory": 0.2, "delay": "60 ms", "synapse": "current"},
        {"kind": "lif", "norm": False, "synapse": "conductance", "integration": "euler", "ticks": 20},
        {"kind": "adex", "recurrent": True, "synapse": "conductance", "surrogate": "triangle"},
    ],
    ids=lambda o: "-".join(str(v) for v in o.values()),
)
def test_every_way_of_living_keeps_the_contract(options: dict[str, Any]) -> None:
    """Finite; a batch is its singles; a new episode is like a new brain; the state keeps its structure."""
    circuit = around({"size": 12, **options})
    params, lived = circuit.init(jax.random.key(0)), life(circuit, times=6)
    probes = ("it.rate", "it.spikes", "it.membrane")
    run = jax.jit(lambda state, lived: unroll(circuit, params, state, *lived, probes=probes))
    final, trace = run(circuit.initial(3), lived)
    assert jax.tree.structure(final) == jax.tree.structure(circuit.initial(3))
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(final))
    assert float(trace["it.spikes"].sum()) > 0
    _, alone = run(circuit.initial(1), jax.tree.map(lambda x: x[:, :1], lived))
    assert_close(  # for one decision: rounding moves a spike sooner or later, and with it all that follows
        jax.tree.map(lambda x: x[:1], alone), jax.tree.map(lambda x: x[:1, :1], trace), rtol=1e-3, atol=1e-3
    )
    begins = lived._replace(first=jnp.zeros_like(lived.first).at[0].set(True))
    assert_equal(run(final, begins)[1], run(circuit.initial(3), begins)[1])


def test_what_a_life_has_taught_outlives_the_episode() -> None:
    circuit = around({"kind": "lif", "size": 6, "rule": "stdp", "plasticity": {"lifetime": "life"}})
    params, lived = circuit.init(jax.random.key(0)), life(circuit, times=6)
    final, _ = unroll(circuit, params, circuit.initial(3), *lived)
    begins = lived._replace(first=jnp.ones_like(lived.first))
    _, trace = unroll(circuit, params, final, *jax.tree.map(lambda x: x[:1], begins), probes=("it.weight_change",))
    assert float(final["modules"]["it"]["learned"]["change"].std()) > 0
    assert float(trace["it.weight_change"].min()) > 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"rule": "three_factor"}, "agent.modules.it: rule 'three_factor' needs a wire into 'dopamine'."),
        ({"rule": "eprop"}, "agent.modules.it: rule 'eprop' needs a wire into 'error'."),
        ({"rule": "hebb"}, "agent.modules.it.rule: no choice 'hebb'"),
        ({"kind": "izhikevich", "rule": "eprop"}, "rule 'eprop' is there for leaky neurons (kinds lif and alif)"),
        ({"plasticity": {"rat": 1}}, "agent.modules.it.plasticity: no option 'rat'. Did you mean 'rate'?"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], complaint: str) -> None:
    mapping = {
        "modules": {"it": {"kind": "lif"} | options, "mover": {"kind": "body_encoder", "width": 2}},
        "wires": ["body.x -> it.current", "body.x -> mover.senses", "mover.code -> body.action"],
    }
    with pytest.raises(ConfigError) as caught:
        agent.build(mapping, Ports(x=Port((4,))), Port((2,), "action"))
    assert complaint in str(caught.value)
