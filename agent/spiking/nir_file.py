"""Files of the neuromorphic intermediate representation: read as data, flattened, put in order. No code is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import networkx as nx
import numpy as np

from agent.spiking.nir_nodes import NODE_TYPES, Clock, Numbers


class NirError(ValueError):
    """A file that is no NIR graph, or one that cannot run here."""


@dataclass(frozen=True)
class Node:
    """One node: its type by NIR's name, and its constants and weights."""

    type: str
    numbers: Numbers


@dataclass(frozen=True, eq=False)
class NirGraph:
    """Nodes by name, and edges between them; graphs within the graph are flattened to names with a dot.

    metadata: what the file says besides; `tick` (s) and `integration` where we wrote it.
    """

    nodes: Mapping[str, Node]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Nodes that nothing else reaches."""
        reached = {b for _, b in self.edges}
        return tuple(n for n in self.nodes if n not in reached)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Nodes that reach nothing else."""
        return tuple(n for n in self.nodes if n not in {a for a, _ in self.edges})

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The order in which nodes run in a tick."""
        graph = self._flow()
        graph.remove_edges_from(self.late)
        return tuple(nx.topological_sort(graph))

    @cached_property
    def late(self) -> frozenset[tuple[str, str]]:
        """The edges that close loops; they deliver in the next tick. What is late are spikes, not what weights make
        of them: weights between neurons and their bias work within the tick.
        """
        graph = self._flow()
        place = {n: i for i, n in enumerate(self._postorder(graph))}
        closing = [(a, b) for a, b in self.edges if place[a] <= place[b]]
        return frozenset(self._earlier(graph, edge) for edge in closing)

    def _flow(self) -> nx.DiGraph:
        graph = nx.DiGraph()
        graph.add_nodes_from(self.nodes)
        graph.add_edges_from(self.edges)
        return graph

    def _postorder(self, graph: nx.DiGraph) -> list[str]:
        """Every node after those that it leads to; nodes in a loop that nothing enters come last."""
        found: dict[str, None] = {}
        for start in (*self.inputs, *self.nodes):
            if start not in found:
                found |= dict.fromkeys(n for n in nx.dfs_postorder_nodes(graph, start) if n not in found)
        return list(found)

    def _earlier(self, graph: nx.DiGraph, edge: tuple[str, str]) -> tuple[str, str]:
        """The edge on the way to this one that leaves neurons."""
        while not NODE_TYPES[self.nodes[edge[0]].type].remembers:
            before = list(graph.predecessors(edge[0]))
            if len(before) != 1 or graph.out_degree(edge[0]) != 1:
                break
            edge = (before[0], edge[0])
        return edge

    @cached_property
    def forward(self) -> dict[str, tuple[str, ...]]:
        """What reaches every node within the tick."""
        return {n: tuple(a for a, b in self.edges if b == n and (a, b) not in self.late) for n in self.order}

    @cached_property
    def backward(self) -> dict[str, tuple[str, ...]]:
        """What reaches every node from the tick before."""
        return {n: tuple(a for a, b in self.edges if (a, b) in self.late and b == n) for n in self.order}

    @cached_property
    def returning(self) -> tuple[str, ...]:
        """Nodes whose output is kept for the next tick."""
        return tuple(dict.fromkeys(a for sources in self.backward.values() for a in sources))

    def shape_in(self, name: str) -> tuple[int, ...]:
        """The shape that an input node wants, of one environment."""
        numbers = self.nodes[name].numbers
        if "shape" in numbers:
            return tuple(int(n) for n in np.atleast_1d(numbers["shape"]))
        if "weight" in numbers and self.nodes[name].type in ("Linear", "Affine"):
            return (*numbers["weight"].shape[:-2], numbers["weight"].shape[-1])
        constants = [np.shape(x) for x in numbers.values() if np.ndim(x)]
        if self.nodes[name].type in ("Conv1d", "Conv2d") or not constants:
            raise NirError(f"nothing says what shape reaches node {name!r}. Begin the graph with an Input node.")
        return constants[0]

    def shapes(self, clock: Clock) -> dict[str, tuple[int, ...]]:
        """The shape that leaves every node, of one environment."""
        found: dict[str, tuple[int, ...]] = {}
        for name in reversed(self._postorder(self._flow())):
            sources = [a for a, b in self.edges if b == name and a in found]
            try:
                known = [found[a] for a in sources]
                reaching = np.broadcast_shapes(*known) if known else self.shape_in(name)
                found[name] = self._shape_out(name, reaching, clock)
            except (TypeError, ValueError) as error:
                if isinstance(error, NirError):
                    raise
                shapes = ", ".join(f"{a} {list(found[a])}" for a in sources) or "nothing"
                raise NirError(
                    f"node {name!r} ({self.nodes[name].type}) does not fit what reaches it ({shapes}): "
                    f"{str(error).splitlines()[0]}"
                ) from error
        return found

    def cells(self, clock: Clock) -> dict[str, dict[str, np.ndarray]]:
        """What every node remembers, of one environment at the start."""
        shapes = self.shapes(clock)
        made = {}
        for name, node in self.nodes.items():
            cells = NODE_TYPES[node.type].cells(node.numbers, shapes[name], clock)
            if name in self.returning:
                cells = cells | {"last": np.zeros(shapes[name], np.float32)}
            if cells:
                made[name] = cells
        return made

    def _shape_out(self, name: str, reaching: tuple[int, ...], clock: Clock) -> tuple[int, ...]:
        node = self.nodes[name]
        kind = NODE_TYPES[node.type]

        def out() -> jax.Array:
            cells = {k: v[None] for k, v in kind.cells(node.numbers, reaching, clock).items()}
            return kind.tick(node.numbers, cells, jax.numpy.zeros((1, *reaching)), clock)[1]

        return jax.eval_shape(out).shape[1:]


def library() -> Any:
    """The package `nir`; a `NirError` where it is missing."""
    try:
        return import_module("nir")  # by name: it is there only with the extra `nir`
    except ImportError as error:
        raise NirError("this needs the package 'nir': pip install 'scrubjay[nir]'.") from error


def read(path: str | Path) -> NirGraph:
    """The graph in a file. `NirError` where there is none, or where a node's type is not known here."""
    path = Path(path)
    if not path.is_file():
        raise NirError(f"there is no file {str(path)!r}. Paths start at the working directory, {Path.cwd()}.")
    return _read(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> NirGraph:
    nir = library()
    try:
        graph = nir.read(path, type_check=False)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, AssertionError, RuntimeError) as error:
        said = str(error).strip("'\". ") or type(error).__name__
        raise NirError(f"{path} cannot be read as a NIR graph: {said}. Write it anew with nir.write.") from error
    return from_nir(graph, str(path))


def from_nir(graph: Any, place: str = "the graph") -> NirGraph:
    """A `nir.NIRGraph` as ours."""
    nodes: dict[str, Node] = {}
    edges: list[tuple[str, str]] = []
    _flatten(graph, "", nodes, edges)
    unknown = [f"{name!r} ({node.type})" for name, node in nodes.items() if node.type not in NODE_TYPES]
    if unknown:
        raise NirError(
            f"{place}: no such nodes can run here: {', '.join(unknown)}. Known are: {', '.join(sorted(NODE_TYPES))}."
        )
    lost = sorted({end for edge in edges for end in edge if end not in nodes})
    if lost or not nodes:
        raise NirError(f"{place}: {'edges name missing nodes: ' + ', '.join(lost) if lost else 'it has no nodes'}.")
    metadata = graph.metadata if isinstance(graph.metadata, dict) else {}
    return NirGraph(nodes, tuple(dict.fromkeys(edges)), metadata)


def _flatten(graph: Any, prefix: str, nodes: dict[str, Node], edges: list[tuple[str, str]]) -> None:
    """Adds the nodes and edges of a graph; one within it is entered at its input and left at its output."""
    enter, leave = {}, {}
    for name, node in graph.nodes.items():
        full = prefix + name
        if type(node).__name__ != "NIRGraph":
            nodes[full] = Node(type(node).__name__, _numbers(node))
            enter[name] = leave[name] = full
            continue
        _flatten(node, f"{full}.", nodes, edges)
        doors = [[n for n, x in node.nodes.items() if type(x).__name__ == kind] for kind in ("Input", "Output")]
        if [len(door) for door in doors] != [1, 1]:
            raise NirError(f"graph {full!r} within the graph needs one Input and one Output, but has others.")
        enter[name], leave[name] = (f"{full}.{door[0]}" for door in doors)
    edges += [(leave.get(a, prefix + a), enter.get(b, prefix + b)) for a, b in graph.edges]


def _numbers(node: Any) -> Numbers:
    values = {k: v for k, v in node.to_dict().items() if k not in ("type", "metadata") and v is not None}
    return {k: _number(v) for k, v in values.items() if k not in ("input_type", "output_type")}


def _number(value: Any) -> Any:
    """Floating-point numbers of 32 bits; a whole number by itself."""
    if isinstance(value, str | bytes):
        return value if isinstance(value, str) else value.decode()
    array = np.asarray(value)
    if array.ndim == 0 and array.dtype.kind in "iu":
        return int(array)
    return array.astype(np.float32) if array.dtype.kind == "f" else array
