"""A network from a file of the neuromorphic intermediate representation, as a module by path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from agent.config import option
from agent.module import DECISION_SECONDS, Arrays, Module, State
from agent.ports import Input, Port, Ports
from agent.registry import register
from agent.spiking import synapses
from agent.spiking.nir_file import NirError, NirGraph, read
from agent.spiking.nir_nodes import NODE_TYPES, Clock
from agent.spiking.population import UNROLLED
from agent.spiking.surrogate import Surrogate


@register("nir")
@dataclass(frozen=True)
class NirConfig:
    """A network from a `.nir` file, written here or by snnTorch, Norse, ... (Pedersen et al. 2024). Needs extra `nir`.

    A graph with one Input takes what is wired into `current` (stays for all ticks) or into `spikes` (tick by tick);
    one with several calls them so. Edges against the flow of the graph deliver in the next tick. Its weights learn by
    gradient, its neurons' constants stay.
    """

    inputs: ClassVar = {
        "current": Input("concat", rank=None, unless="spikes"),
        "spikes": Input("one", rank=2, optional=True),
    }
    path: str = option(help="the file, from the working directory")
    ticks: int = option(5, "ticks per decision", low=1, high=1000)
    tick: float = option(
        0.0, "duration of a tick; 0: as the file says, or else a decision by its ticks", unit="s", low=0
    )
    integration: Literal["auto", "exact", "euler"] = option(
        "auto", "of neurons over a tick; auto: as the file says, or else euler, as in snnTorch and Norse"
    )
    rate: float = option(10.0, "mean rate that `rate_loss` aims at", unit="Hz", low=0.1, high=1e4)
    surrogate: Surrogate = option("fast_sigmoid", "the gradient of a spike")
    slope: float = option(10.0, "how narrow that gradient is", low=0.01)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", str(Path(self.path).absolute()))
        self.graph.shapes(self.clock)

    @property
    def graph(self) -> NirGraph:
        return read(self.path)

    @property
    def clock(self) -> Clock:
        said = self.graph.metadata
        tick = self.tick or float(said.get("tick", DECISION_SECONDS / self.ticks))
        integration = str(said.get("integration", "euler")) if self.integration == "auto" else self.integration
        return Clock(tick, "exact" if integration == "exact" else "euler", self.surrogate, self.slope)

    def ports(self, inputs: Ports) -> Ports:
        for node, port in sources(self.graph, inputs).items():
            shape, wanted = inputs[port].shape, self.graph.shape_in(node)
            size = shape[1] if port == "spikes" else int(np.prod(shape))
            if size != int(np.prod(wanted)):
                raise NirError(
                    f"'{port}' brings {size} numbers a tick, but node {node!r} of {self.path} takes {list(wanted)}."
                )
        shapes = self.graph.shapes(self.clock)
        size = sum(int(np.prod(shapes[name])) for name in last(self.graph))
        ports = {"rate": Port((size,))}
        if self.spiking:
            ports |= {"spikes": Port((self.ticks, size), "spikes"), "rate_loss": Port((), "loss")}
        if self.seen:
            ports["membrane"] = Port((size,), "signal")
        return Ports(ports)

    @property
    def spiking(self) -> bool:
        """Whether all that leaves the graph is spikes."""
        return all(NODE_TYPES[self.graph.nodes[name].type].spikes for name in last(self.graph))

    @property
    def seen(self) -> bool:
        """Whether all that leaves the graph comes from membranes."""
        cells = self.graph.cells(self.clock)
        return all("v" in cells.get(name, {}) for name in last(self.graph))


def last(graph: NirGraph) -> tuple[str, ...]:
    """The nodes whose output leaves the graph, without `Output`s."""
    reaching = {name: [a for a, b in graph.edges if b == name] for name in graph.outputs}
    found = (reaching[n] if graph.nodes[n].type == "Output" else [n] for n in graph.outputs)
    return tuple(dict.fromkeys(name for names in found for name in names))


def sources(graph: NirGraph, inputs: Ports) -> dict[str, str]:
    """The port that feeds each input node."""
    wired = [name for name in NirConfig.inputs if name in inputs]
    if len(graph.inputs) == 1 and len(wired) == 1:
        return {graph.inputs[0]: wired[0]}
    if sorted(graph.inputs) == sorted(wired):
        return {name: name for name in wired}
    named = " and ".join(map(repr, graph.inputs))
    raise NirError(f"the graph's inputs are {named}, but {' and '.join(map(repr, wired))} is wired. Wire as many.")


class Nir(Module[NirConfig]):
    """Outputs: `rate`, the mean over a decision's ticks of what leaves the graph, flattened; of spiking ones `spikes`
    (every tick) and `rate_loss`; `membrane` of the neurons that are last.
    """

    def __init__(self, config: NirConfig, inputs: Ports, rngs: nnx.Rngs) -> None:
        super().__init__(config, inputs, rngs)
        for node, weight in self.trained:
            setattr(self, slot(node, weight), nnx.Param(jnp.asarray(config.graph.nodes[node].numbers[weight])))

    @cached_property
    def trained(self) -> tuple[tuple[str, str], ...]:
        """Names of nodes and of their weights."""
        nodes = self.config.graph.nodes.items()
        return tuple((n, w) for n, node in nodes for w in NODE_TYPES[node.type].weights if w in node.numbers)

    def initial(self, batch: int) -> State:
        cells = self.config.graph.cells(self.config.clock)
        return jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x), (batch, *x.shape)), cells)

    def __call__(self, state: State, inputs: Arrays, key: jax.Array) -> tuple[State, Arrays]:
        c, arriving = self.config, {}
        for node, port in sources(c.graph, self.inputs).items():
            if port == "spikes":
                train = synapses.at_ticks(inputs["spikes"], c.ticks).swapaxes(0, 1)
                arriving[node] = train.reshape(*train.shape[:2], *c.graph.shape_in(node))
        steady = {
            node: inputs[port].reshape(-1, *c.graph.shape_in(node))
            for node, port in sources(c.graph, self.inputs).items()
            if port != "spikes"
        }
        unrolled = c.ticks if c.ticks <= UNROLLED else 1
        state, left = jax.lax.scan(lambda s, x: self._tick(s, steady | x), state, arriving, c.ticks, unroll=unrolled)
        left = left.swapaxes(0, 1)
        outputs = {"rate": left.mean(axis=1)}
        if c.spiking:
            aim = jnp.square(outputs["rate"].mean(axis=1) - c.rate * c.clock.tick)
            outputs |= {"spikes": left, "rate_loss": aim}
        if c.seen:
            outputs["membrane"] = self._flat([state[name]["v"] for name in last(c.graph)])
        return state, outputs

    def _tick(self, state: State, arriving: Arrays) -> tuple[State, jax.Array]:
        """One tick of every node in turn: what leaves the graph, `[B, N]`."""
        graph, clock, sent, after = self.config.graph, self.config.clock, {}, {}
        for name in graph.order:
            kind = NODE_TYPES[graph.nodes[name].type]
            reaching = [sent[a] for a in graph.forward[name]] + [state[a]["last"] for a in graph.backward[name]]
            x = arriving[name] if name in arriving else sum(reaching[1:], reaching[0])
            cells = state.get(name, {})
            own = {k: v for k, v in cells.items() if k != "last"}
            own, sent[name] = kind.tick(self._numbers(name), own, x, clock)
            if cells:
                after[name] = own | ({"last": sent[name]} if "last" in cells else {})
        return after, self._flat([sent[name] for name in last(graph)])

    def _numbers(self, name: str) -> dict:
        weights = {w: getattr(self, slot(node, w))[...] for node, w in self.trained if node == name}
        return {**self.config.graph.nodes[name].numbers, **weights}

    @staticmethod
    def _flat(parts: list[jax.Array]) -> jax.Array:
        return jnp.concatenate([x.reshape(x.shape[0], -1) for x in parts], axis=1)


def slot(node: str, weight: str) -> str:
    """The name under which a node's weight stands among the module's."""
    return (
        f"{re.sub(r'[^A-Za-z0-9]', '_', node)}_{weight}".lstrip("_") if node[0].isalpha() else f"node_{node}_{weight}"
    )
