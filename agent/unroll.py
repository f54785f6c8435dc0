"""A brain over a stretch of time, module by module: the same numbers as `Circuit.step` in a loop, with large matrices.

Modules that form a loop through delayed wires must advance together; all others can see the whole stretch at once.
A module without state then runs once over all T * B moments, one that has `over_time` runs as it says, and only the
other modules with state are scanned.

`replay` does the same for learning: ports whose values were recorded are given as data, and what serves only them stays
out of the program.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import networkx as nx

from agent.circuit import Circuit, Params, shift
from agent.module import Arrays, Module
from agent.ports import MODEL
from agent.wires import BODY, Wire


@dataclass(frozen=True)
class Stretch:
    """What every module meets over T decisions; arrays are `[T, B, ...]`."""

    params: Params
    state: dict[str, Any]
    first: jax.Array
    key: jax.Array
    clamp: Arrays
    models: dict[str, Module[Any]]


Ran = tuple[dict[str, Any], Arrays, Arrays]
"""Final states of a group of modules, what is left on the delayed wires inside it, and its outputs over time."""


def unroll(
    circuit: Circuit,
    params: Params,
    state: dict[str, Any],
    observation: Arrays,
    first: jax.Array,
    key: jax.Array,
    *,
    probes: tuple[str, ...] = (),
    clamp: Mapping[str, jax.Array] | None = None,
) -> tuple[dict[str, Any], Arrays]:
    """T decisions: `(final state, trace {port: [T, B, ...]})`.

    observation: `{sense: [T, B, ...]}`; first: `[T, B]` bool; key: `[T, B]` keys; clamp: `{port: [T, B, ...]}`, or
    whatever broadcasts to that.
    """
    return _run(circuit, list(circuit.modules), params, state, observation, first, key, probes, clamp or {})


def replay(
    circuit: Circuit,
    params: Params,
    state: dict[str, Any],
    observation: Arrays,
    first: jax.Array,
    key: jax.Array,
    *,
    probes: tuple[str, ...],
    given: Mapping[str, jax.Array],
) -> Arrays:
    """The trace `{port: [T, B, ...]}` of T decisions, in which the ports `given` send what was recorded of them.

    A module whose every port that is asked for is given does not run, nor does one that only serves such modules. No
    gradient goes through what is given.
    """
    fixed = {port: jax.lax.stop_gradient(value) for port, value in given.items()}
    names = serving(circuit, probes, fixed)
    return _run(circuit, names, params, state, observation, first, key, probes, fixed)[1]


def serving(circuit: Circuit, probes: Iterable[str], given: Container[str] = ()) -> list[str]:
    """The modules that must run for the probes where some ports are given, in the order in which they run."""
    found: set[str] = set()
    asked = set(probes)
    while asked:
        names = {port.split(".")[0] for port in asked if port not in given} - found - {BODY}
        found |= names
        asked = {w.start for w in circuit.wires if w.target in names and circuit.port(w.start).dtype != MODEL}
    return [name for name in circuit.modules if name in found]


def _run(
    circuit: Circuit,
    modules: list[str],
    params: Params,
    state: dict[str, Any],
    observation: Arrays,
    first: jax.Array,
    key: jax.Array,
    probes: tuple[str, ...],
    clamp: Mapping[str, jax.Array],
) -> tuple[dict[str, Any], Arrays]:
    """Some of the modules over time; all else that they hear must be clamped."""
    fixed = {p: jnp.broadcast_to(v, (*first.shape, *circuit.port(p).shape)) for p, v in clamp.items()}
    stretch = Stretch(params, state, first, key, fixed, circuit.models(params))
    sent = circuit.sensed(observation, fixed) | {p: v for p, v in fixed.items() if p.split(".")[0] not in modules}
    final: dict[str, Any] = {"modules": {}, "wires": {}}
    for names in components(circuit, modules):
        arriving: Arrays = {}
        for wire in _delayed(circuit, names, inside=False):
            buffer = state["wires"][str(wire)]
            final["wires"][str(wire)], arriving[str(wire)] = _travel(circuit, wire, buffer, sent[wire.start], first)
        run = _at_once if _stateless(circuit, names) else _over_time if _has_over_time(circuit, names) else _scan
        states, travelling, outputs = run(circuit, names, stretch, sent, arriving)
        final["modules"].update(states)
        final["wires"].update(travelling)
        sent.update(outputs)
    return final, {port: sent[port] for port in probes}


def components(circuit: Circuit, modules: Iterable[str] | None = None) -> list[list[str]]:
    """Groups of modules (of all, if none are named) that must advance together, in the order in which they can run."""
    order = list(circuit.modules if modules is None else modules)
    graph = nx.DiGraph()
    graph.add_nodes_from(order)
    graph.add_edges_from((w.source, w.target) for w in circuit.wires if w.source in graph and w.target in graph)
    condensed = nx.condensation(graph)
    return [sorted(condensed.nodes[c]["members"], key=order.index) for c in nx.topological_sort(condensed)]


def _delayed(circuit: Circuit, names: list[str], inside: bool) -> list[Wire]:
    """Delayed wires into the group, from inside it or from outside."""
    return [w for w in circuit.wires if w.delay and w.target in names and (w.source in names) == inside]


def _stateless(circuit: Circuit, names: list[str]) -> bool:
    state = [circuit.boxes[name].initial(1) for name in names]
    return not jax.tree.leaves(state) and not _delayed(circuit, names, inside=True)


def _has_over_time(circuit: Circuit, names: list[str]) -> bool:
    alone = len(names) == 1 and not _delayed(circuit, names, inside=True)
    return alone and type(circuit.boxes[names[0]]).over_time is not Module.over_time


def _travel(
    circuit: Circuit, wire: Wire, buffer: jax.Array, sent: jax.Array, first: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What is left on a delayed wire at the end, and what it delivers over time."""

    def tick(buffer: jax.Array, moment: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        value, begins = moment
        held = circuit.carried({str(wire): buffer}, begins)[str(wire)]
        return shift(held, value), held[:, 0]

    return jax.lax.scan(tick, buffer, (sent, first))


def _at_once(circuit: Circuit, names: list[str], stretch: Stretch, sent: Arrays, arriving: Arrays) -> Ran:
    """A module without state: time and batch become one long batch."""
    (name,) = names
    times = stretch.first.shape[0]
    needed = {port: fold(sent[port]) for port in _sources(circuit, names)}
    inputs = circuit.gather(name, needed | stretch.models, {w: fold(v) for w, v in arriving.items()})
    first, key = fold(stretch.first), fold(stretch.key)
    _, folded = circuit.advance(name, stretch.params, (), inputs, first, key)
    outputs = {port: v.reshape((times, -1, *v.shape[1:])) for port, v in folded.items()}
    return {name: stretch.state["modules"][name]}, {}, circuit.clamped(name, outputs, stretch.clamp)


def _over_time(circuit: Circuit, names: list[str], stretch: Stretch, sent: Arrays, arriving: Arrays) -> Ran:
    """A module that knows a faster way than one decision after the other."""
    (name,) = names
    needed = {port: fold(sent[port]) for port in _sources(circuit, names)}
    folded = circuit.gather(name, needed, {w: fold(v) for w, v in arriving.items()})
    inputs = {port: v.reshape((*stretch.first.shape, *v.shape[1:])) for port, v in folded.items()}
    own = stretch.state["modules"][name]
    state, outputs = circuit.advance_over(name, stretch.params, own, inputs, stretch.first, stretch.key)
    return {name: state}, {}, circuit.clamped(name, outputs, stretch.clamp)


def _sources(circuit: Circuit, names: list[str]) -> set[str]:
    """Ports outside the group from which it receives numbers without delay."""
    wires = [w for w in circuit.wires if w.target in names and w.source not in names and not w.delay]
    return {w.start for w in wires if circuit.port(w.start).dtype != MODEL}


def fold(x: jax.Array) -> jax.Array:
    """`[T, B, ...]` -> `[T B, ...]`."""
    return x.reshape((-1, *x.shape[2:]))


def _scan(circuit: Circuit, names: list[str], stretch: Stretch, sent: Arrays, arriving: Arrays) -> Ran:
    """Modules with state, or a loop of modules: one decision after the other."""
    inner = _delayed(circuit, names, inside=True)

    def tick(carry: tuple[dict[str, Any], Arrays], moment: tuple[Any, ...]) -> tuple[Any, Arrays]:
        before, travelling = carry
        sent, arriving, first, key, clamp = moment
        carried = circuit.carried(travelling, first)
        delivered = arriving | {w: buffer[:, 0] for w, buffer in carried.items()}
        states: dict[str, Any] = {}
        produced: Arrays = {}
        for name in names:
            inputs = circuit.gather(name, sent | produced | stretch.models, delivered)
            states[name], outputs = circuit.advance(name, stretch.params, before[name], inputs, first, key)
            produced |= circuit.clamped(name, outputs, clamp)
        return (states, {str(w): shift(carried[str(w)], produced[w.start]) for w in inner}), produced

    own = {n: stretch.state["modules"][n] for n in names}
    start = (own, {str(w): stretch.state["wires"][str(w)] for w in inner})
    clamp = {port: v for port, v in stretch.clamp.items() if port.split(".")[0] in names}
    moments = ({p: sent[p] for p in _sources(circuit, names)}, arriving, stretch.first, stretch.key, clamp)
    (states, travelling), produced = jax.lax.scan(tick, start, moments)
    return states, travelling, produced
