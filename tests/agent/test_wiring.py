"""What wires do: delays, merging, lesions, probes, and noise that depends on names alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import agent
from agent import Circuit, Input, Module, Port, Ports, registry
from agent.config import structure
from agent.module import IMPLEMENTATIONS
from agent.unroll import unroll

BODY = {"push": [2], "touch": [3]}


@dataclass(frozen=True)
class AdderConfig:
    """Gives what it receives: each port as it came, and the sum of both."""

    inputs: ClassVar = {"a": Input("sum"), "b": Input("sum", optional=True)}

    def ports(self, inputs: Ports) -> Ports:
        return Ports(sum=inputs["a"])


class Adder(Module[AdderConfig]):
    def __call__(self, state: Any, inputs: Mapping[str, jax.Array], key: jax.Array) -> Any:
        return state, {"sum": sum(list(inputs.values())[1:], inputs["a"])}


@dataclass(frozen=True)
class NoiseConfig:
    """Noise, and weights."""

    inputs: ClassVar = {"size": Input()}

    def ports(self, inputs: Ports) -> Ports:
        return Ports(noise=inputs["size"])


class Noise(Module[NoiseConfig]):
    def __init__(self, config: NoiseConfig, inputs: Ports, rngs: Any) -> None:
        super().__init__(config, inputs, rngs)
        self.weight = nnx.Param(jax.random.normal(rngs.params(), (2,)))

    def __call__(self, state: Any, inputs: Mapping[str, jax.Array], key: jax.Array) -> Any:
        return state, {"noise": jax.vmap(lambda k: jax.random.normal(k, inputs["size"].shape[1:]))(key)}


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds for these tests only."""
    agent.kinds()
    monkeypatch.setitem(registry._KINDS, "adder", AdderConfig)
    monkeypatch.setitem(registry._KINDS, "noise", NoiseConfig)


def wired(modules: dict[str, Any], wires: list[str], action: int = 2) -> Circuit:
    return agent.build({"modules": modules, "wires": wires, "body": BODY, "action": [action]})


def run(
    circuit: Circuit, push: list[float], first: tuple[int, ...] = (0,), probe: str = "x.sum", **clamp: Any
) -> list[float]:
    """One environment through `unroll` and, to the same result, through `step`; the first number of the probe."""
    times = len(push)
    observation = {"push": jnp.tile(jnp.asarray(push)[:, None, None], (1, 1, 2)), "touch": jnp.ones((times, 1, 3))}
    begins = jnp.zeros((times, 1), bool).at[jnp.asarray(first), 0].set(True)
    keys = jax.random.split(jax.random.key(0), (times, 1))
    params, state = circuit.init(jax.random.key(0)), circuit.initial(1)
    fixed = {port.replace("__", "."): jnp.full((1,), value) for port, value in clamp.items()}
    _, trace = unroll(circuit, params, state, observation, begins, keys, probes=(probe,), clamp=fixed)
    stepped = []
    for t in range(times):
        sensed = {name: x[t] for name, x in observation.items()}
        state, _, seen = circuit.step(params, state, sensed, begins[t], keys[t], probes=(probe,), clamp=fixed)
        stepped.append(seen[probe])
    np.testing.assert_array_equal(jnp.stack(stepped), trace[probe])
    return trace[probe][:, 0, 0].tolist()


ONE = {"x": {"kind": "adder"}}
MOVE = "x.sum -> body.action"


@pytest.mark.parametrize("delay", [1, 2, 3])
def test_a_delayed_wire_delivers_later(delay: int) -> None:
    circuit = wired(ONE, [f"body.push -> x.a @ delay={delay}", MOVE])
    assert run(circuit, [1, 2, 3, 4, 5]) == [0.0] * delay + [1.0, 2.0, 3.0, 4.0, 5.0][: 5 - delay]


def test_a_new_episode_empties_delayed_wires() -> None:
    circuit = wired(ONE, ["body.push -> x.a @ delay=2", MOVE])
    assert run(circuit, [1, 2, 3, 4, 5, 6, 7], first=(0, 3)) == [0.0, 0.0, 1.0, 0.0, 0.0, 4.0, 5.0]


def test_a_loop_with_a_delay_sums_up() -> None:
    circuit = wired(ONE, ["body.push -> x.a", "x.sum -> x.b @ delay=1", MOVE])
    assert run(circuit, [1, 2, 3, 4]) == [1.0, 3.0, 6.0, 10.0]
    assert run(circuit, [1, 2, 3, 4], first=(0, 2)) == [1.0, 3.0, 3.0, 7.0]


def test_a_loop_through_two_modules_is_fibonacci() -> None:
    """y[t] = x[t - 1], x[t] = push + y[t] + x[t - 2]: with one push, 1 1 2 3 5 after the delays."""
    modules = {"x": {"kind": "adder"}, "y": {"kind": "adder"}}
    wires = ["body.push -> x.a", "x.sum -> y.a @ delay=1", "y.sum -> x.b", "y.sum -> x.b @ delay=1", MOVE]
    assert run(wired(modules, wires), [1, 0, 0, 0, 0, 0]) == [1.0, 1.0, 2.0, 3.0, 5.0, 8.0]


def test_the_shape_of_a_loop_is_found_wherever_it_starts() -> None:
    modules = {"y": {"kind": "adder"}, "x": {"kind": "adder"}}
    circuit = wired(modules, ["x.sum -> y.a @ delay=1", "y.sum -> x.b", "body.push -> x.a", MOVE])
    assert circuit.port("y.sum").shape == (2,)
    assert list(circuit.modules) == ["y", "x"]


def test_wires_into_one_port_are_summed() -> None:
    modules = {"x": {"kind": "adder"}, "y": {"kind": "adder"}}
    circuit = wired(modules, ["body.push -> y.a", "body.push -> x.a", "y.sum -> x.a", "y.sum -> x.b", MOVE])
    assert run(circuit, [1, 2]) == [3.0, 6.0]


def test_wires_into_one_port_are_joined_in_their_order() -> None:
    modules = {"code": {"kind": "body_encoder", "width": 2}}
    wires = ["body.touch -> code.senses", "body.push -> code.senses", "code.code -> body.action"]
    circuit = wired(modules, wires)
    port = circuit.inputs["code"]["senses"]
    assert (port.shape, port.parts) == ((5,), (3, 2))
    gathered = circuit.gather("code", {"body.push": jnp.zeros((1, 2)), "body.touch": jnp.ones((1, 3))}, {})
    assert gathered["senses"].tolist() == [[1, 1, 1, 0, 0]]


def test_a_lesion_is_what_everything_downstream_sees() -> None:
    modules = {name: {"kind": "adder"} for name in ("x", "y", "z")}
    wires = ["body.push -> y.a", "y.sum -> x.a", "y.sum -> z.a @ delay=1", "z.sum -> x.b", MOVE]
    circuit = wired(modules, wires)
    assert run(circuit, [1, 2, 3]) == [1.0, 3.0, 5.0]
    assert run(circuit, [1, 2, 3], y__sum=10.0) == [10.0, 20.0, 20.0]
    assert run(circuit, [1, 2, 3], z__sum=0.0) == [1.0, 2.0, 3.0]
    assert run(circuit, [1, 2, 3], body__push=7.0) == [7.0, 14.0, 14.0]
    assert run(circuit, [1, 2, 3], probe="y.sum", y__sum=10.0) == [10.0, 10.0, 10.0]


def test_probes_return_the_ports_asked_for_and_no_others() -> None:
    circuit = wired(ONE, ["body.push -> x.a", MOVE])
    keys, push = jax.random.split(jax.random.key(0), 1), jnp.ones((1, 2))
    _, action, trace = circuit.step(
        circuit.init(keys[0]),
        circuit.initial(1),
        {"push": push, "touch": jnp.zeros((1, 3))},
        jnp.ones(1, bool),
        keys,
        probes=["body.push"],
    )
    assert list(trace) == ["body.push"]
    np.testing.assert_array_equal(action, push)
    with pytest.raises(agent.WiringError, match=r"^lesion: no port 'x.sun'. Did you mean 'x.sum'\?$"):
        circuit.check_ports(["x.sum", "x.sun"], "lesion")


def test_weights_and_noise_depend_on_the_name_alone() -> None:
    small = wired({"x": {"kind": "noise"}}, ["body.push -> x.size", "x.noise -> body.action"])
    modules = {name: {"kind": "noise"} for name in ("a", "x", "z")}
    wires = ["body.push -> a.size", "a.noise -> x.size", "x.noise -> z.size", "x.noise -> body.action"]
    large = wired(modules, wires)
    assert run(small, [1, 2], probe="x.noise") == run(large, [1, 2], probe="x.noise")
    assert run(large, [1, 2], probe="a.noise") != run(large, [1, 2], probe="x.noise")
    weights = large.init(jax.random.key(0))
    np.testing.assert_array_equal(weights["x"]["weight"], small.init(jax.random.key(0))["x"]["weight"])
    assert not np.array_equal(weights["x"]["weight"], weights["a"]["weight"])


def test_options_may_carry_units() -> None:
    problems: list[str] = []
    config = structure(agent.kinds()["lif"], {"tau_mem": "15 ms", "rate": "0.02 kHz"}, "v1", problems)
    assert problems == []
    assert config is not None
    assert (config.tau_mem, config.rate) == (pytest.approx(0.015), pytest.approx(20.0))


def test_the_graph_has_a_node_per_module_and_an_edge_per_wire() -> None:
    graph = wired(ONE, ["body.push -> x.a", "x.sum -> x.b @ delay=2", MOVE]).graph
    assert dict(graph.nodes(data="kind")) == {"body": "body", "x": "adder"}
    assert list(graph.edges(data="delay")) == [("body", "x", 0), ("x", "x", 2), ("x", "body", 0)]


def test_a_subclass_does_not_take_the_place_of_its_base() -> None:
    class Louder(Adder):
        pass

    assert IMPLEMENTATIONS[AdderConfig] is Adder
    assert Ports({"a": Port((2,)), "b": Port()}) == Ports({"b": Port(), "a": Port((2,))})
