"""Makes the files beside it anew, with snnTorch and Norse: `python tests/agent/nir/make.py` after
`pip install torch==2.13.0 snntorch==1.0.0 norse==1.1.0 nir==1.0.8 nirtorch==2.6` in an environment of its own.

Each `.nir` has a `.npz` of its name: what went in, `[T, N]`, and what the library that wrote it made of it.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nir
import norse.torch as norse
import numpy as np
import snntorch
import torch
from norse.torch.module.leaky_integrator_box import LIBoxCell, LIBoxParameters
from norse.torch.module.lif_box import LIFBoxCell, LIFBoxParameters
from norse.torch.utils.import_nir import _import_norse_module
from snntorch.export_nir import export_to_nir

HERE = Path(__file__).parent
TICKS = 100


def save(name: str, graph: Any, **arrays: Any) -> None:
    nir.write(HERE / f"{name}.nir", graph)
    np.savez_compressed(HERE / f"{name}.npz", **{k: np.asarray(v, np.float32) for k, v in arrays.items()})


RESET = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
"""As in NIR: in the tick of the spike, to zero."""


def snntorch_network() -> None:
    """Layers, a recurrent population, and synapses with a current of their own."""
    torch.manual_seed(0)
    layers = [
        torch.nn.Linear(10, 20),
        snntorch.Leaky(beta=torch.full((20,), 0.9), threshold=torch.ones(20), **RESET),
        torch.nn.Linear(20, 5, bias=False),
        snntorch.RLeaky(beta=torch.full((5,), 0.8), threshold=torch.ones(5), linear_features=5, **RESET),
        torch.nn.Linear(5, 4),
        snntorch.Synaptic(
            alpha=torch.full((4,), 0.7),
            beta=torch.full((4,), 0.85),
            threshold=torch.full((4,), 1.5),
            output=True,
            **RESET,
        ),
    ]
    network = torch.nn.Sequential(*layers)
    for layer in network:
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data *= 3.0
    train = (torch.rand(TICKS, 1, 10) < 0.3).float()
    spikes, membranes = [], []
    with torch.no_grad():
        graph = export_to_nir(network, train[0, 0])
        for layer in network:
            if hasattr(layer, "reset_mem"):
                layer.reset_mem()
        for x in train:
            out = network(x)
            spikes.append(out[0][0].numpy())
            membranes.append(out[-1][0].numpy())
    save("snntorch", graph, train=train[:, 0], spikes=np.stack(spikes), membrane=np.stack(membranes))


def norse_network() -> None:
    """Leaky neurons and a leaky readout; Norse counts time in units of 1 / tau_mem_inv where dt is 1."""
    torch.manual_seed(1)
    fire = LIFBoxParameters(
        tau_mem_inv=torch.full((20,), 120.0), v_th=torch.full((20,), 0.8), v_leak=torch.full((20,), 0.1)
    )
    read = LIBoxParameters(tau_mem_inv=torch.full((4,), 50.0), v_leak=torch.zeros(4))
    network = norse.SequentialState(torch.nn.Linear(10, 20), LIFBoxCell(fire), torch.nn.Linear(20, 4), LIBoxCell(read))
    network[0].weight.data *= 4.0
    train = (torch.rand(TICKS, 1, 10) < 0.3).float()
    with torch.no_grad():
        graph = norse.to_nir(network, train[0], dt=1.0)
        state, read_out = None, []
        for x in train:
            out, state = network(x, state)
            read_out.append(out[0].numpy())
    save("norse", graph, train=train[:, 0], membrane=np.stack(read_out))


def norse_synaptic() -> None:
    """A file that Norse reads: neurons with synaptic currents, as Norse runs them."""
    random = np.random.default_rng(2)
    numbers = {name: random.uniform(*ends, 6).astype(np.float32) for name, ends in RANGES.items()}
    nodes = {
        "input": nir.Input(np.array([6])),
        "neurons": nir.CubaLIF(**numbers, v_leak=np.zeros(6, np.float32), r=np.ones(6, np.float32)),
        "output": nir.Output(np.array([6])),
    }
    graph = nir.NIRGraph(nodes, [("input", "neurons"), ("neurons", "output")])
    train = (torch.from_numpy(random.random((TICKS, 1, 6))) < 0.4).float()
    neurons, state, spikes, membranes = _import_norse_module(nodes["neurons"], dt=1e-3), None, [], []
    with torch.no_grad():
        for x in train:
            out, state = neurons(x, state)
            spikes.append(out[0].numpy())
            membranes.append(state[1].v[0].numpy())
    save("norse_synaptic", graph, train=train[:, 0], spikes=np.stack(spikes), membrane=np.stack(membranes))


def torch_layers() -> None:
    """Convolutions and pools of every option; Torch itself runs them."""
    torch.manual_seed(3)
    first = torch.nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)
    second = torch.nn.Conv2d(4, 3, 3, padding="same")
    line = torch.nn.Conv1d(3, 2, 3, stride=2, padding=1, dilation=2)
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 1]), np.array([0, 1]))
    mean = nir.AvgPool2d(np.array([2, 3]), np.array([1, 2]), np.array([1, 1]))
    nodes = {
        "input": nir.Input(np.array([2, 12, 11])),
        "first": _convolution(nir.Conv2d, first, (12, 11)),
        "second": _convolution(nir.Conv2d, second, (6, 9)),
        "pool": pool,
        "mean": mean,
        "rows": nir.Flatten(np.array([3, 4, 5]), 1, 2),
        "line": _convolution(nir.Conv1d, line, 20),
        "flat": nir.Flatten(np.array([2, 9]), 0, -1),
        "neurons": nir.LI(*(np.full(18, x, np.float32) for x in (1e-3, 1.0, 0.0))),
        "output": nir.Output(np.array([18])),
    }
    graph = nir.NIRGraph(nodes, list(itertools.pairwise(nodes)), type_check=False)
    x = torch.randn(8, 2, 12, 11)
    with torch.no_grad():
        summed = 4 * torch.nn.functional.avg_pool2d(second(first(x)), 2, (2, 1), (0, 1))
        pooled = torch.nn.functional.avg_pool2d(summed, (2, 3), (1, 2), 1)
        y = line(pooled.flatten(2)).flatten(1)
    save("torch_layers", graph, image=x, membrane=y)


def _convolution(kind: Any, layer: Any, shape: Any) -> Any:
    weights = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    padding = layer.padding if isinstance(layer.padding, str) or kind is nir.Conv2d else layer.padding[0]
    options = {"stride": layer.stride, "padding": padding, "dilation": layer.dilation}
    if kind is nir.Conv1d:
        options |= {"stride": layer.stride[0], "dilation": layer.dilation[0]}
    return kind(input_shape=shape, weight=weights[0], bias=weights[1], groups=layer.groups, **options)


def example() -> None:
    """For the contract: two inputs, named as the ports that feed them; a loop, a graph within the graph, a delay."""
    random = np.random.default_rng(4)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, shape[-1] ** -0.5, shape).astype(np.float32)

    def full(size: int, **numbers: float) -> dict[str, np.ndarray]:
        return {name: np.full(size, x, np.float32) for name, x in numbers.items()}

    inner = {
        "input": nir.Input(np.array([6])),
        "neurons": nir.LIF(**full(6, tau=0.02, r=1.0, v_leak=0.0, v_threshold=0.3)),
        "axons": nir.Delay(np.linspace(0.0, 0.04, 6, dtype=np.float32)),
        "lateral": nir.Affine(weights(6, 6), weights(1, 6)[0]),
        "output": nir.Output(np.array([6])),
    }
    loop = [("neurons", "axons"), ("axons", "lateral"), ("lateral", "neurons")]
    population = nir.NIRGraph(inner, [("input", "neurons"), *loop, ("neurons", "output")], type_check=False)
    nodes = {
        "current": nir.Input(np.array([15])),
        "spikes": nir.Input(np.array([8])),
        "weights": nir.Affine(2 * weights(6, 15), np.full(6, 0.2, np.float32)),
        "synapses": nir.Linear(2 * weights(6, 8)),
        "population": population,
        "scale": nir.Scale(np.linspace(1.0, 3.0, 6, dtype=np.float32)),
        "last": nir.CubaLIF(**full(6, tau_syn=0.01, tau_mem=0.02, r=1.0, v_leak=0.1, v_threshold=0.3, w_in=1.5)),
        "output": nir.Output(np.array([6])),
    }
    edges = [("current", "weights"), ("spikes", "synapses"), ("weights", "population"), ("synapses", "population")]
    edges += [("population", "scale"), ("scale", "last"), ("last", "output")]
    nir.write(HERE / "example.nir", nir.NIRGraph(nodes, edges, type_check=False))


RANGES = {"tau_syn": (5e-3, 20e-3), "tau_mem": (10e-3, 30e-3), "v_threshold": (0.3, 0.6), "w_in": (1.0, 4.0)}


if __name__ == "__main__":
    snntorch_network()
    norse_network()
    norse_synaptic()
    torch_layers()
    example()
