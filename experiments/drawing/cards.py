"""What is drawn of a brain: a card per module with its ports, and the wires between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from agent import Circuit
from agent.registry import kind_of
from agent.wires import BODY, Wire

ACTION = "action"
"""The name of the card at the right end, where the body is moved."""

HEADER, ROW, FOOT = 42.0, 19.0, 9.0
"""Heights of a card's head, of a row of ports, and below the last, px."""


@dataclass
class Card:
    """A box of the drawing, or (without ports and kind) a place where a wire passes a column."""

    name: str
    kind: str = ""
    family: str = ""
    config: Any = None
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    column: int = 0
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0

    @property
    def height(self) -> float:
        return HEADER + ROW * max(len(self.inputs), len(self.outputs)) + FOOT if self.kind else 10.0

    def port(self, name: str, side: str) -> float:
        """How far below the top of the card a port lies; `side` is `inputs` or `outputs`."""
        if not self.kind:
            return self.height / 2
        return HEADER + ROW * (list(getattr(self, side)).index(name) + 0.5)

    def needed_width(self) -> float:
        """Room for the longest line, by the usual widths of sans-serif letters."""
        head = max(8.0 * len(self.name), 6.4 * len(self.kind)) + 28
        sides = [max((len(port) for port in ports), default=0) for ports in (self.inputs, self.outputs)]
        return max(head, 6.5 * sum(sides) + 28 + (22 if all(sides) else 0))


def cards(circuit: Circuit) -> dict[str, Card]:
    """Every card by name, in its column: senses first, then modules along the undelayed wires, the action last."""
    columns = _columns(circuit)
    senses = {name: str(port) for name, port in circuit.outputs[BODY].items()}
    made = {BODY: Card(BODY, "senses", BODY, outputs=senses)}
    for name, config in circuit.modules.items():
        inputs = {port: str(circuit.inputs[name].get(port, "not wired")) for port in config.inputs}
        outputs = {port: str(shape) for port, shape in circuit.outputs[name].items()}
        made[name] = Card(name, _kind(config), family(config), config, inputs, outputs, columns[name])
    moved = {ACTION: str(circuit.port(circuit.action_port))}
    made[ACTION] = Card(ACTION, "moves the body", BODY, inputs=moved, column=max(columns.values()) + 1)
    return made


def _kind(config: Any) -> str:
    kind = kind_of(config)
    return f"none, for {config.like['kind']}" if kind == "none" else kind


def family(config: Any) -> str:
    """The folder of a module, such as `memory`; `other` for those of third parties."""
    parts = type(config).__module__.split(".")
    return parts[1] if parts[0] == "agent" else "other"


def ends(wire: Wire) -> tuple[str, str]:
    """The names of the two cards that a wire joins."""
    return wire.source, ACTION if wire.target == BODY else wire.target


def _columns(circuit: Circuit) -> dict[str, int]:
    """Column of every module: one after the last module that it waits for; the body is column 0."""
    flow = nx.DiGraph()
    flow.add_nodes_from(circuit.modules)
    flow.add_edges_from((w.source, w.target) for w in circuit.wires if not w.delay and BODY not in (w.source, w.target))
    columns: dict[str, int] = {}
    for name in circuit.modules:
        columns[name] = 1 + max((columns[before] for before in flow.predecessors(name)), default=0)
    return columns
