"""Where cards stand: columns, the order within them, and heights (after Sugiyama, Tagawa & Toda 1981)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from agent import Circuit
from agent.wires import Wire
from experiments.drawing.cards import Card, cards, ends

GAP_X, GAP_Y, SWEEPS = 84.0, 22.0, 24

Socket = tuple[Card, float]
"""A card and how far below its top a wire meets it, px."""


@dataclass
class Drawing:
    """Cards with their places; wires with the sockets that they pass; and those that run back, below everything."""

    cards: dict[str, Card]
    columns: list[list[Card]]
    forward: dict[Wire, list[Socket]] = field(default_factory=dict)
    backward: list[Wire] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def place(circuit: Circuit) -> Drawing:
    """Places every card of a brain; the same every time."""
    made = cards(circuit)
    columns: list[list[Card]] = [[] for _ in range(1 + max(card.column for card in made.values()))]
    for card in made.values():
        columns[card.column].append(card)
    drawing = Drawing(made, columns)
    for wire in circuit.wires:
        source, target = (made[name] for name in ends(wire))
        if source.column < target.column:
            drawing.forward[wire] = _chain(drawing, wire, source, target)
        else:
            drawing.backward.append(wire)
    links = _links(drawing)
    _order(drawing.columns, links)
    _across(drawing)
    _down(drawing, links)
    return drawing


def _chain(drawing: Drawing, wire: Wire, source: Card, target: Card) -> list[Socket]:
    """The sockets of a wire; wires from one port, equally late, share the places where they pass columns between."""
    chain: list[Socket] = [(source, source.port(wire.output, "outputs"))]
    for column in range(source.column + 1, target.column):
        name = f"{wire.start} @ {wire.delay} in {column}"
        passing = next((c for c in drawing.columns[column] if c.name == name), None)
        if passing is None:
            passing = Card(name, column=column)
            drawing.columns[column].append(passing)
        chain.append((passing, passing.height / 2))
    return [*chain, (target, target.port(wire.input, "inputs"))]


def _links(drawing: Drawing) -> list[tuple[Socket, Socket]]:
    """All stretches from one column to the next, each once."""
    seen = {}
    for chain in drawing.forward.values():
        for a, b in pairwise(chain):
            seen[a[0].name, a[1], b[0].name, b[1]] = (a, b)
    return list(seen.values())


def _order(columns: list[list[Card]], links: list[tuple[Socket, Socket]]) -> None:
    """Sorts every column by the mean place of what it is linked to, back and forth; keeps the best order met."""
    best, fewest = [list(column) for column in columns], _crossings(columns, links)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        for column in columns if forth else reversed(columns):
            rank = {card.name: i for cs in columns for i, card in enumerate(cs)}
            column.sort(key=lambda card, r=rank, f=forth: (_mean_rank(card, r, f, links), r[card.name]))
        crossings = _crossings(columns, links)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    for column, order in zip(columns, best, strict=True):
        column[:] = order


def _mean_rank(card: Card, rank: dict[str, int], forth: bool, links: list[tuple[Socket, Socket]]) -> float:
    pairs = [(a, b) if forth else (b, a) for a, b in links]
    places = [rank[a.name] + offset / (a.height + 1.0) for (a, offset), (b, _) in pairs if b is card]
    return sum(places) / len(places) if places else rank[card.name]


def _crossings(columns: list[list[Card]], links: list[tuple[Socket, Socket]]) -> int:
    rank = {card.name: i for column in columns for i, card in enumerate(column)}
    spans = [(a.column, (rank[a.name], from_), (rank[b.name], to)) for (a, from_), (b, to) in links]
    return sum(
        c == d and ((a < p and b > q) or (a > p and b < q))
        for i, (c, a, b) in enumerate(spans)
        for d, p, q in spans[i + 1 :]
    )


def _across(drawing: Drawing) -> None:
    """Cards of a column are equally wide."""
    x = 0.0
    for column in drawing.columns:
        width = max(card.needed_width() for card in column if card.kind)
        for card in column:
            card.x, card.width = x, width
        x += width + GAP_X
    drawing.width = x - GAP_X


def _down(drawing: Drawing, links: list[tuple[Socket, Socket]]) -> None:
    """Moves cards towards what they are linked to, without changing the order or letting them meet."""
    for column in drawing.columns:
        _settle(column, [0.0] * len(column))
    for _ in range(SWEEPS):
        for column in [*drawing.columns, *reversed(drawing.columns)]:
            _settle(column, [_wanted(card, links) for card in column])
    top = min(card.y for column in drawing.columns for card in column)
    for column in drawing.columns:
        for card in column:
            card.y -= top
    drawing.height = max(card.y + card.height for column in drawing.columns for card in column)


def _wanted(card: Card, links: list[tuple[Socket, Socket]]) -> float:
    """The height at which the wires of a card run level, on average; passing wires bend early and arrive level."""
    level = [b.y + to - from_ for (a, from_), (b, to) in links if a is card]
    if card.kind:
        level += [a.y + from_ - to for (a, from_), (b, to) in links if b is card]
    return sum(level) / len(level) if level else card.y


def _settle(column: list[Card], wanted: list[float]) -> None:
    """The heights nearest to the wanted ones (least squares) at which no cards meet: pooled adjacent violators."""
    offsets, below = [], 0.0
    for card in column:
        offsets.append(below)
        below += card.height + GAP_Y
    pools: list[list[float]] = []  # each: sum, count
    for want, offset in zip(wanted, offsets, strict=True):
        pools.append([want - offset, 1.0])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            total, count = pools.pop()
            pools[-1] = [pools[-1][0] + total, pools[-1][1] + count]
    levels = [total / count for total, count in pools for _ in range(int(count))]
    for card, level, offset in zip(column, levels, offsets, strict=True):
        card.y = level + offset
