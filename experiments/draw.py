"""A brain's graph as a file: a drawing to look at, or data for other tools."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx

from agent import Circuit, ConfigError
from experiments.drawing.page import page
from experiments.drawing.place import place
from experiments.drawing.svg import svg

SUFFIXES = (".svg", ".html", ".graphml", ".json")


def layout(circuit: Circuit) -> dict[str, tuple[float, float]]:
    """Where modules stand in [0, 1]²: x along the flow from `body` (0) to `action` (1), y from top to bottom."""
    drawing = place(circuit)
    middles = {name: card.y + card.height / 2 for name, card in drawing.cards.items()}
    top, bottom = min(middles.values()), max(middles.values())
    last = len(drawing.columns) - 1
    return {
        name: (card.column / last, (middles[name] - top) / (bottom - top) if bottom > top else 0.5)
        for name, card in drawing.cards.items()
    }


def write_graph(circuit: Circuit, path: str | Path) -> Path:
    """Writes the graph as its suffix says: `.svg`, `.html` (one file, no network), `.graphml` or `.json` (networkx)."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: cannot draw a graph as {path.suffix!r}. Choose from: {', '.join(SUFFIXES)}.")
    if path.suffix == ".graphml":
        text = "\n".join(nx.generate_graphml(circuit.graph)) + "\n"
    elif path.suffix == ".json":
        text = json.dumps(nx.node_link_data(circuit.graph, edges="edges"), indent=1) + "\n"
    else:
        text = svg(circuit) if path.suffix == ".svg" else page(circuit)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
