"""What must hold of modules and wires before shapes are known: ends exist, inputs are wired, loops have a delay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from agent.errors import unknown
from agent.ports import Input, Ports
from agent.wires import BODY, Wire

ACTION = Input("one", rank=1)


def ends_exist(wire: Wire, configs: Mapping[str, Any], declared: set[str], body: Ports, problems: list[str]) -> bool:
    """Whether both modules exist and the target has that input; a module with a broken config complains only once."""
    before = len(problems)
    for name in dict.fromkeys((wire.source, wire.target)):
        if name not in declared and name != BODY:
            problems.append(f"wire '{wire}': {unknown('module', name, [*declared, BODY])}")
    if wire.source == BODY and wire.output not in body:
        problems.append(f"wire '{wire}': {unknown('sense', wire.output, body)}")
    if wire.target == BODY and wire.input != "action":
        problems.append(f"wire '{wire}': '{BODY}' has {unknown('input', wire.input, ['action'])}")
    if wire.target in configs and wire.input not in configs[wire.target].inputs:
        problems.append(
            f"wire '{wire}': '{wire.target}' has {unknown('input', wire.input, configs[wire.target].inputs)}"
        )
    return len(problems) == before and all(n in configs or n == BODY for n in (wire.source, wire.target))


def check_inputs(configs: Mapping[str, Any], wires: list[Wire], broken: set[str], problems: list[str]) -> None:
    """Every input has the writers it needs; `broken` are targets of wires that are complained about already."""
    for name, config in configs.items():
        for port, declared in config.inputs.items():
            end = f"{name}.{port}"
            writers = [w for w in wires if w.end == end]
            if declared.merge == "one" and len(writers) > 1:
                problems.append(_two_writers(end, writers))
            optional = declared.optional or any(w.end == f"{name}.{declared.unless}" for w in wires)
            if not writers and not optional and name not in broken:
                problems.append(f"nothing is wired into '{end}', which it needs. Add a wire '... -> {end}'.")


def check_action(wires: list[Wire], problems: list[str]) -> None:
    """Exactly one undelayed wire moves the body."""
    writers = [w for w in wires if w.end == f"{BODY}.action"]
    if not writers:
        problems.append("nothing moves the body. Add a wire such as 'motor.action -> body.action'.")
    if len(writers) > 1:
        problems.append(_two_writers(f"{BODY}.action", writers))
    for wire in writers:
        if wire.delay:
            problems.append(
                f"wire '{wire}': the action cannot be delayed. Delay what goes into '{wire.source}' instead."
            )


def order(configs: Mapping[str, Any], wires: list[Wire], problems: list[str]) -> list[str] | None:
    """The order in which modules run: along the wires without delay, ties broken by the order of the config."""
    graph = nx.DiGraph()
    graph.add_nodes_from(configs)
    graph.add_edges_from((w.source, w.target) for w in wires if not w.delay and BODY not in (w.source, w.target))
    position = {name: i for i, name in enumerate(configs)}
    parts = [part for part in nx.strongly_connected_components(graph) if _has_loop(graph, part)]
    for part in sorted(parts, key=lambda part: min(position[n] for n in part)):
        turn = " -> ".join(_loop(graph, part, position))
        problems.append(f'these wires form a loop with no delay: {turn}. Give one of them "@ delay=1".')
    return None if parts else list(nx.lexicographical_topological_sort(graph, key=position.__getitem__))


def _has_loop(graph: nx.DiGraph, part: set[str]) -> bool:
    return len(part) > 1 or any(graph.has_edge(n, n) for n in part)


def _loop(graph: nx.DiGraph, part: set[str], position: Mapping[str, int]) -> list[str]:
    """A shortest loop through the first module of a part, from that module back to itself."""
    start = min(part, key=position.__getitem__)
    ways = (nx.shortest_path(graph, after, start) for after in graph.successors(start) if after in part)
    return [start, *min(ways, key=len)]


def _two_writers(port: str, writers: list[Wire]) -> str:
    listed = " and ".join(f"'{w.start}'" for w in writers)
    return f"'{port}' takes one wire, but {listed} both write to it. Remove one, or join them in a fusion module."
