"""A trained module as a graph of the neuromorphic intermediate representation (Pedersen et al. 2024)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agent.module import Module
from agent.spiking import synapses
from agent.spiking.lif import Lif
from agent.spiking.nir import Nir, slot
from agent.spiking.nir_file import NirError, library


def write(module: Module[Any], path: str | Path) -> None:
    """Writes a module of kind `lif` or `nir`, with the weights that it has now; `NirError` where NIR has no words."""
    graph = to_nir(module)
    try:
        library().write(str(path), graph)
    except OSError as error:
        raise NirError(f"{path} cannot be written: {error}. Choose another place or make room.") from error


def to_nir(module: Module[Any]) -> Any:
    """The `nir.NIRGraph` of a module."""
    if type(module) is Lif:
        return _population(module)
    if isinstance(module, Nir):
        return _again(module)
    kinds = "'lif' and 'nir'"
    raise NirError(f"{type(module).__name__}: NIR has no node for it. What can be written are modules of kind {kinds}.")


def _population(module: Lif) -> Any:
    """Weights into leaky neurons, and weights between them where they are recurrent."""
    nir, c = library(), module.config
    _check(module)
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    bias = np.asarray(module.bias[...])
    for port, layer, shape in (("current", "weights", -1), ("spikes", "synapses", -1)):
        if port not in module.inputs:
            continue
        weight = np.asarray(getattr(module, layer).kernel[...]).T
        nodes[port] = nir.Input(input_type=np.array([weight.shape[shape]]))
        nodes[layer] = nir.Affine(weight, bias) if not edges else nir.Linear(weight)
        edges += [(port, layer), (layer, "neurons")]
    nodes["neurons"] = _neurons(module)
    if c.recurrent:
        nodes["lateral"] = nir.Linear(np.asarray(module._laterals()).T)
        ticks = synapses.delays(c.size, module.longest) - 1
        if ticks.any():
            nodes["axons"] = nir.Delay(np.asarray(ticks * c.tick, np.float32))
            edges += [("neurons", "axons"), ("axons", "lateral")]
        else:
            edges += [("neurons", "lateral")]
        edges += [("lateral", "neurons")]
    nodes["output"] = nir.Output(output_type=np.array([c.size]))
    edges += [("neurons", "output")]
    metadata = {"tick": c.tick, "integration": c.integration}
    return nir.NIRGraph(nodes, edges, metadata=metadata, type_check=False)


def _check(module: Lif) -> None:
    c = module.config
    missing = {
        "norm": module.normed,
        "noise": bool(c.noise),
        "homeostasis": bool(c.homeostasis),
        "rule": c.learns_locally,
        "synapse": c.synapse == "conductance",
        "tau_inhibition": c.synapse == "current" and c.tau_inhibition != c.tau_excitation,
    }
    found = [f"{name}={getattr(c, name)}" for name, there in missing.items() if there]
    if found:
        raise NirError(
            f"NIR has no words for {', '.join(found)} of this population. Train one without, such as norm=false, "
            "rule=bptt, synapse=delta, or synapse=current with one tau for both."
        )


def _neurons(module: Lif) -> Any:
    nir, c = library(), module.config
    one, nothing = np.ones(c.size, np.float32), np.zeros(c.size, np.float32)
    rest = {"r": one, "v_leak": nothing, "v_threshold": one, "v_reset": nothing}
    if c.synapse == "current":
        return nir.CubaLIF(tau_syn=one * c.tau_excitation, tau_mem=one * c.tau_mem, w_in=one, **rest)
    return nir.LIF(tau=one * c.tau_mem, **rest)


def _again(module: Nir) -> Any:
    """The graph of the file with the weights of now; graphs within it stay flattened."""
    nir, c = library(), module.config
    shapes, nodes = c.graph.shapes(c.clock), {}
    for name, node in c.graph.nodes.items():
        numbers = dict(node.numbers)
        numbers |= {w: np.asarray(getattr(module, slot(n, w))[...]) for n, w in module.trained if n == name}
        reaching = next((shapes[a] for a, b in c.graph.edges if b == name), shapes[name])
        nodes[name] = nir.dict2NIRNode({"type": node.type, **numbers, **_reached(node.type, reaching)})
    metadata = {"tick": c.clock.tick, "integration": c.clock.integration}
    return nir.NIRGraph(nodes, list(c.graph.edges), metadata=metadata, type_check=False)


def _reached(kind: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """What some types of node say of the shape that reaches them; `nir` cannot write that they do not know."""
    if kind == "Conv1d":
        return {"input_shape": shape[-1]}
    if kind == "Conv2d":
        return {"input_shape": np.array(shape[-2:])}
    return {"input_type": np.array(shape)} if kind == "Flatten" else {}
