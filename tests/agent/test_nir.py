"""NIR: files that others wrote run as they ran there, and what is written here comes back the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
from flax import nnx

from agent import Port, Ports
from agent.module import Module
from agent.spiking.lif import Lif, LifConfig
from agent.spiking.nir import Nir, NirConfig, slot
from agent.spiking.nir_export import to_nir, write
from agent.spiking.nir_file import NirError, from_nir, read
from agent.spiking.nir_nodes import NODE_TYPES, Clock

FILES = Path(__file__).parent / "nir"
TICKS = {"snntorch": 1e-4, "norse": 1e-3, "norse_synaptic": 1e-3}
"""Seconds of a tick, as the libraries count them; snnTorch has that number written into its export."""


def alone(path: Path, port: str, shape: tuple[int, ...], **options: Any) -> Nir:
    return Nir(NirConfig(path=str(path), **options), Ports({port: Port(shape)}), nnx.Rngs(0))


def lived(module: Module[Any], arriving: list[dict[str, jax.Array]]) -> list[dict[str, np.ndarray]]:
    state, found = module.initial(next(iter(arriving[0].values())).shape[0]), []
    step = jax.jit(lambda state, x: module(state, x, jax.random.split(jax.random.key(0), 1)))
    for x in arriving:
        state, outputs = step(state, x)
        found.append(jax.tree.map(np.asarray, outputs))
    return found


@pytest.mark.parametrize("name", TICKS)
def test_a_network_runs_as_in_the_library_that_wrote_it(name: str) -> None:
    told = np.load(FILES / f"{name}.npz")
    size = told["train"].shape[1]
    module = alone(FILES / f"{name}.nir", "spikes", (1, size), ticks=1, tick=TICKS[name])
    found = lived(module, [{"spikes": jnp.asarray(x)[None, None]} for x in told["train"]])
    np.testing.assert_allclose([f["membrane"][0] for f in found], told["membrane"], atol=1e-5)
    assert told["membrane"].std() > 0.04
    if "spikes" in told:
        np.testing.assert_array_equal([f["rate"][0] for f in found], told["spikes"])
        assert 0.05 < told["spikes"].mean() < 0.5


def test_layers_are_those_of_torch() -> None:
    told = np.load(FILES / "torch_layers.npz")
    module = alone(FILES / "torch_layers.nir", "current", (2, 12, 11), ticks=1, tick=1e-3)
    state = module.initial(len(told["image"]))
    _, outputs = module(state, {"current": jnp.asarray(told["image"])}, None)
    np.testing.assert_allclose(outputs["membrane"], told["membrane"], atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"recurrent": True, "delay": 0.1},
        {"recurrent": True, "inhibitory": 0.25, "synapse": "current", "tau_inhibition": 5e-3},
        {"integration": "euler", "tau_mem": 0.05},
    ],
)
def test_a_population_leaves_and_comes_back(options: dict[str, Any], tmp_path: Path) -> None:
    inputs = Ports(current=Port((7,)), spikes=Port((5, 4), "spikes"))
    here = Lif(LifConfig(size=24, norm=False, rate=20.0, **options), inputs, nnx.Rngs(3))
    write(here, tmp_path / "here.nir")
    back = Nir(NirConfig(path=str(tmp_path / "here.nir")), inputs, nnx.Rngs(0))
    keys = jax.random.split(jax.random.key(1), 8)
    arriving = [
        {"current": jax.random.normal(k, (3, 7)), "spikes": 1.0 * jax.random.bernoulli(k, 0.3, (3, 5, 4))} for k in keys
    ]
    for there, once in zip(lived(back, arriving), lived(here, arriving), strict=True):
        np.testing.assert_array_equal(there["spikes"], once["spikes"])
        np.testing.assert_allclose(there["membrane"], once["membrane"], atol=1e-5)
    assert once["rate"].mean() > 0.05


@pytest.mark.parametrize("name", ["snntorch", "norse", "norse_synaptic", "torch_layers", "example"])
def test_a_file_read_and_written_is_the_same_graph(name: str, tmp_path: Path) -> None:
    once = read(FILES / f"{name}.nir")
    ports = {"current": Port((15,)), "spikes": Port((5, 8))}
    inputs = Ports(ports) if name == "example" else Ports(current=Port(once.shape_in("input")))
    module = Nir(NirConfig(path=str(FILES / f"{name}.nir")), inputs, nnx.Rngs(0))
    for node, weight in module.trained:
        param = getattr(module, slot(node, weight))
        param[...] = param[...] * 2.0
    write(module, tmp_path / "again.nir")
    again = read(tmp_path / "again.nir")
    assert set(again.edges) == set(once.edges)
    for node, wrote in again.nodes.items():
        assert wrote.type == once.nodes[node].type
        for number, value in wrote.numbers.items():
            if isinstance(value, np.ndarray) and number in once.nodes[node].numbers:
                factor = 2.0 if (node, number) in module.trained else 1.0
                np.testing.assert_array_equal(value, factor * once.nodes[node].numbers[number])


def run_node(node: Any, train: list[float], tick: float = 0.1, integration: str = "euler") -> list[float]:
    """What a node gives, tick by tick."""
    kind = type(node).__name__
    nodes = {"input": nir.Input(np.array([1])), "it": node, "output": nir.Output(np.array([1]))}
    graph = from_nir(nir.NIRGraph(nodes, [("input", "it"), ("it", "output")], type_check=False))
    clock = Clock(tick, "exact" if integration == "exact" else "euler")
    cells = {k: v[None] for k, v in graph.cells(clock).get("it", {}).items()}
    found = []
    for x in train:
        cells, y = NODE_TYPES[kind].tick(graph.nodes["it"].numbers, cells, jnp.full((1, 1), x), clock)
        found.append(float(y[0, 0]))
    return found


def of(**numbers: float) -> dict[str, np.ndarray]:
    return {name: np.array([x]) for name, x in numbers.items()}


@pytest.mark.parametrize(
    ("node", "train", "expected"),
    [
        (nir.I(**of(r=2.0)), [1.0, 1.0, -3.0], [0.2, 0.4, -0.2]),
        (nir.IF(**of(r=1.0, v_threshold=0.15, v_reset=0.0)), [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]),
        (nir.LI(**of(tau=0.2, r=2.0, v_leak=1.0)), [1.0, 0.0], [2.0, 1.5]),
        (nir.LIF(**of(tau=0.2, r=2.0, v_leak=0.0, v_threshold=1.2, v_reset=0.0)), [1.0] * 4, [0.0, 1.0, 0.0, 1.0]),
        (nir.CubaLI(**of(tau_syn=0.2, tau_mem=0.2, r=1.0, v_leak=0.0, w_in=4.0)), [1.0, 0.0], [1.0, 1.0]),
        (nir.Threshold(**of(threshold=0.5)), [0.5, 0.6], [0.0, 1.0]),
        (nir.Scale(**of(scale=3.0)), [1.0, 2.0], [3.0, 6.0]),
        (nir.Delay(**of(delay=0.2)), [1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 1.0, 2.0]),
        (nir.Delay(**of(delay=0.0)), [1.0, 2.0], [1.0, 2.0]),
    ],
)
def test_nodes_by_hand(node: Any, train: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(run_node(node, train), expected, atol=1e-6)


def test_exact_integration_is_that_of_the_equation() -> None:
    """τ v' = R I: after t, R I (1 - exp(-t / τ)), whatever the ticks."""
    node = nir.LI(**of(tau=0.3, r=2.0, v_leak=0.0))
    found = run_node(node, [1.5] * 4, tick=0.25, integration="exact")
    np.testing.assert_allclose(found, 3.0 * (1.0 - np.exp(-0.25 * np.arange(1, 5) / 0.3)), rtol=1e-6)


def test_every_type_of_nir_is_known() -> None:
    every = {t.__name__ for t in nir.typing.NIRNode.__subclasses__()} - {"NIRGraph", "Identity"}
    assert every == set(NODE_TYPES)


def refused(graph: Any, tmp_path: Path) -> str:
    nir.write(tmp_path / "bad.nir", graph)
    with pytest.raises(NirError) as error:
        NirConfig(path=str(tmp_path / "bad.nir"))
    return str(error.value)


def test_what_cannot_run_is_refused_by_name(tmp_path: Path) -> None:
    nodes = {
        "input": nir.Input(np.array([3])),
        "layer": nir.Linear(np.ones((2, 4))),
        "output": nir.Output(np.array([2])),
    }
    graph = nir.NIRGraph(nodes, [("input", "layer"), ("layer", "output")], type_check=False)
    assert "node 'layer' (Linear) does not fit what reaches it (input [3])" in refused(graph, tmp_path)
    (tmp_path / "no.nir").write_text("no HDF5")
    with pytest.raises(NirError, match=r"cannot be read as a NIR graph: .*signature not found"):
        NirConfig(path=str(tmp_path / "no.nir"))
    with pytest.raises(NirError, match="there is no file"):
        NirConfig(path="nowhere.nir")
    with pytest.raises(NirError, match=r"'current' brings 9 numbers a tick, but node 'input' .* takes \[1, 10\]"):
        NirConfig(path=str(FILES / "norse.nir")).ports(Ports(current=Port((9,))))
    with pytest.raises(NirError, match="the graph's inputs are 'current' and 'spikes', but 'current' is wired"):
        NirConfig(path=str(FILES / "example.nir")).ports(Ports(current=Port((15,))))


def test_what_nir_has_no_words_for_is_refused_by_name() -> None:
    inputs = Ports(current=Port((3,)))
    with pytest.raises(NirError, match=r"no words for norm=True, noise=0\.1, synapse=conductance"):
        to_nir(Lif(LifConfig(noise=0.1, synapse="conductance"), inputs, nnx.Rngs(0)))
