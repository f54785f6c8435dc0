"""A brain as SVG: legible on white and on dark, with no font or file beside it."""

from __future__ import annotations

from html import escape
from itertools import pairwise

from agent import Circuit
from agent.config import plain
from agent.wires import Wire
from experiments.drawing.cards import ACTION, HEADER, Card, ends
from experiments.drawing.place import Drawing, place

COLORS = {
    "body": "#66738d",
    "perception": "#2b6cd4",
    "spiking": "#d2541b",
    "memory": "#23874b",
    "language": "#0f8a94",
    "planning": "#b8337f",
    "meta": "#a87400",
    "motor": "#8044c9",
    "none": "#8b93a3",
    "other": "#6b6f1d",
}
MARGIN, LANE, LEGEND = 24.0, 20.0, 30.0

STYLE = """
text { font-family: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.name { font-size: 13.5px; font-weight: 650; fill: #fff; }
.kind { font-size: 11px; fill: #fff; fill-opacity: .82; }
.port { font-size: 11px; fill: #2a3242; }
.loose { fill: #778091; }
.wire { fill: none; stroke-width: 1.9; stroke-linecap: round; }
.delayed { stroke-dasharray: 5 5; }
.tag { font-size: 10.5px; font-weight: 600; fill: #fff; }
"""


def svg(circuit: Circuit) -> str:
    """The whole drawing as text."""
    drawing = place(circuit)
    lanes = LANE * (len(drawing.backward) + 1) if drawing.backward else 0.0
    size = (drawing.width + 2 * MARGIN, drawing.height + lanes + LEGEND + 2 * MARGIN)
    paths = [_forward(drawing, wire) for wire in drawing.forward]
    paths += [_backward(drawing, wire, i) for i, wire in enumerate(drawing.backward)]
    labels = [_delay(drawing, wire) for wire in (*drawing.forward, *drawing.backward) if wire.delay]
    boxes = [_card(circuit, card) for card in drawing.cards.values()]
    body = "\n".join([*(p for p in paths), *boxes, *labels, _legend(drawing, drawing.height + lanes + MARGIN)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]:.0f} {size[1]:.0f}" width="{size[0]:.0f}" '
        f'height="{size[1]:.0f}" role="img">\n<title>A brain of {len(circuit.modules)} modules and '
        f"{len(circuit.wires)} wires</title>\n<style>{STYLE}</style>\n"
        f'<g transform="translate({MARGIN:.0f} {MARGIN:.0f})">\n{body}\n</g>\n</svg>\n'
    )


def _wire(wire: Wire, drawing: Drawing, path: str) -> str:
    source, target = (drawing.cards[name] for name in ends(wire))
    title = f"{wire}\n{source.outputs[wire.output]}"
    return (
        f'<path class="wire{" delayed" if wire.delay else ""}" data-from="{source.name}" data-to="{target.name}" '
        f'stroke="{_color(source)}" d="{path}"><title>{escape(title)}</title></path>'
    )


def _forward(drawing: Drawing, wire: Wire) -> str:
    chain = drawing.forward[wire]
    (first, offset), *_ = chain
    path = f"M{first.x + first.width:.1f} {first.y + offset:.1f}"
    for (a, from_), (b, to) in pairwise(chain):
        x, y, x2, y2 = a.x + a.width, a.y + from_, b.x, b.y + to
        bend = 0.5 * (x2 - x)
        path += f" C{x + bend:.1f} {y:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        if not b.kind:
            path += f" H{b.x + b.width:.1f}"
    return _wire(wire, drawing, path)


def _backward(drawing: Drawing, wire: Wire, lane: int) -> str:
    """Out to the right, down, back below all cards, up, and in from the left."""
    source, target = (drawing.cards[name] for name in ends(wire))
    x, y = source.x + source.width, source.y + source.port(wire.output, "outputs")
    x2, y2 = target.x, target.y + target.port(wire.input, "inputs")
    low, out, back, r = _lane(drawing, lane), x + 16 + 5 * lane, x2 - 16 - 5 * lane, 10.0
    path = (
        f"M{x:.1f} {y:.1f} H{out - r:.1f} q{r} 0 {r} {r} V{low - r:.1f} q0 {r} {-r} {r} "
        f"H{back + r:.1f} q{-r} 0 {-r} {-r} V{y2 + r:.1f} q0 {-r} {r} {-r} H{x2:.1f}"
    )
    return _wire(wire, drawing, path)


def _lane(drawing: Drawing, lane: int) -> float:
    return drawing.height + LANE * (lane + 1)


def _delay(drawing: Drawing, wire: Wire) -> str:
    """A tag on a delayed wire: in its lane, or half way along its last stretch."""
    source, target = (drawing.cards[name] for name in ends(wire))
    if wire in drawing.forward:
        *_, (a, from_), (b, to) = drawing.forward[wire]
        x, y = 0.5 * (a.x + a.width + b.x), 0.5 * (a.y + from_ + b.y + to)
    else:
        x, y = 0.5 * (source.x + source.width + target.x), _lane(drawing, drawing.backward.index(wire))
    text = f"delay={wire.delay}"
    half = 3.2 * len(text) + 5
    return (
        f'<g class="tags" data-from="{source.name}" data-to="{target.name}"><rect x="{x - half:.1f}" y="{y - 8:.1f}" '
        f'width="{2 * half:.1f}" height="16" rx="8" fill="{_color(source)}"/>'
        f'<text class="tag" x="{x:.1f}" y="{y + 3.7:.1f}" text-anchor="middle">{text}</text></g>'
    )


def _card(circuit: Circuit, card: Card) -> str:
    color, x, y, w, h = _color(card), card.x, card.y, card.width, card.height
    dashed = ' stroke-dasharray="6 4"' if card.family == "none" else ""
    wired = {w.start for w in circuit.wires} | {".".join((ends(w)[1], w.input)) for w in circuit.wires}
    parts = [
        f'<g class="card" data-name="{card.name}"><title>{escape(_tooltip(card))}</title>',
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="9" fill="#f7f9fc"/>',
        (
            f'<path d="M{x:.1f} {y + HEADER - 4:.1f} v{13 - HEADER:.1f} a9 9 0 0 1 9 -9 h{w - 18:.1f} a9 9 0 0 1 9 9 '
            f'v{HEADER - 13:.1f} z" fill="{color}"/>'
        ),
        (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="9" fill="none" stroke="{color}" '
            f'stroke-width="1.6"{dashed}/>'
        ),
        f'<text class="name" x="{x + 12:.1f}" y="{y + 17:.1f}">{escape(card.name)}</text>',
        f'<text class="kind" x="{x + 12:.1f}" y="{y + 31:.1f}">{escape(card.kind)}</text>',
    ]
    parts += [_input(card, port, f"{card.name}.{port}" in wired) for port in card.inputs]
    parts += [_output(card, port, f"{card.name}.{port}" in wired) for port in card.outputs]
    return "".join([*parts, "</g>"])


def _input(card: Card, port: str, wired: bool) -> str:
    x, y = card.x, card.y + card.port(port, "inputs")
    fill = _color(card) if wired else "#f7f9fc"
    return (
        f'<path d="M{x - 4:.1f} {y - 5:.1f} l9 5 l-9 5 z" fill="{fill}" stroke="{_color(card)}" stroke-width="1.2"/>'
        f'<text class="port{"" if wired else " loose"}" x="{x + 11:.1f}" y="{y + 3.8:.1f}">{escape(port)}'
        f"<title>{escape(card.inputs[port])}</title></text>"
    )


def _output(card: Card, port: str, wired: bool) -> str:
    x, y = card.x + card.width, card.y + card.port(port, "outputs")
    fill = _color(card) if wired else "#f7f9fc"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="{_color(card)}" stroke-width="1.2"/>'
        f'<text class="port{"" if wired else " loose"}" x="{x - 10:.1f}" y="{y + 3.8:.1f}" text-anchor="end">'
        f"{escape(port)}<title>{escape(card.outputs[port])}</title></text>"
    )


def _tooltip(card: Card) -> str:
    if card.config is None:
        return "What moves the body" if card.name == ACTION else "What the body senses"
    summary = (type(card.config).__doc__ or "").strip().splitlines()[0]
    return "\n".join([f"{card.name}: {card.kind}", summary, *(f"{k} = {v}" for k, v in plain(card.config).items())])


def _legend(drawing: Drawing, y: float) -> str:
    """One pill per family that is there."""
    families = [f for f in COLORS if f in {card.family for card in drawing.cards.values()}]
    x, pills = 0.0, []
    for name in families:
        width = 6.4 * len(name) + 22
        pills.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="20" rx="10" fill="{COLORS[name]}"/>'
            f'<text class="tag" x="{x + width / 2:.1f}" y="{y + 13.8:.1f}" text-anchor="middle">{name}</text>'
        )
        x += width + 8
    return "".join(pills)


def _color(card: Card) -> str:
    return COLORS.get(card.family, COLORS["other"])
