"""The drawing as one HTML file: wires light up under the pointer, a click shows a module's options."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from agent import Circuit
from agent.config import plain
from experiments.drawing.cards import Card, cards
from experiments.drawing.svg import svg

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A brain</title>
<style>
  :root { color-scheme: light dark; }
  body { margin: 0; font: 14px/1.45 ui-sans-serif, system-ui, sans-serif; background: Canvas; color: CanvasText; }
  main { overflow: auto; padding: 12px; }
  main svg { max-width: 100%; height: auto; min-width: 820px; display: block; margin: auto; }
  .card { cursor: pointer; }
  .card, .wire, .tags { transition: opacity .12s; }
  .busy .card:not(.on), .busy .wire:not(.on), .busy .tags:not(.on) { opacity: .13; }
  .wire.on { stroke-width: 3; }
  aside { border-top: 1px solid #8886; padding: 14px 24px 28px; max-width: 62em; margin: auto; }
  h2 { margin: 0; font-size: 17px; } h2 small { font-weight: 400; opacity: .7; margin-left: .4em; }
  p { margin: .3em 0 1em; }
  table { border-collapse: collapse; margin-bottom: 14px; }
  th, td { text-align: left; padding: 3px 18px 3px 0; border-bottom: 1px solid #8883; vertical-align: top; }
  th { font-size: 12px; font-weight: 600; opacity: .7; }
  td:first-child, td:nth-child(2) { font-family: ui-monospace, monospace; font-size: 13px; }
</style>
<main>
@SVG@
</main>
<aside><p>Point at a module or a wire to see what it is joined to; click on a module for its options.</p></aside>
<script>
const modules = @MODULES@;
const root = document.querySelector("main svg"), aside = document.querySelector("aside");
const wires = [...root.querySelectorAll(".wire")], tags = [...root.querySelectorAll(".tags")];
const boxes = [...root.querySelectorAll(".card")];

function light(joins) {
  const names = new Set();
  for (const line of [...wires, ...tags]) {
    const on = joins(line.dataset);
    line.classList.toggle("on", on);
    if (on) names.add(line.dataset.from).add(line.dataset.to);
  }
  return names;
}
function show(names) {
  boxes.forEach((box) => box.classList.toggle("on", names.has(box.dataset.name)));
  root.classList.add("busy");
}
for (const box of boxes) {
  const name = box.dataset.name;
  box.addEventListener("pointerenter", () => show(light((d) => d.from === name || d.to === name).add(name)));
  box.addEventListener("click", () => describe(name));
}
for (const wire of wires) wire.addEventListener("pointerenter", () => {
  const { from, to } = wire.dataset;
  show(light((d) => d.from === from && d.to === to));
});
for (const item of [...boxes, ...wires]) item.addEventListener("pointerleave", () => root.classList.remove("busy"));

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}
function table(heads, rows) {
  if (!rows.length) return "";
  const line = (cell, cells) => element("tr", "", ...cells.map((text) => element(cell, text)));
  return element("table", "", line("th", heads), ...rows.map((row) => line("td", row)));
}
function describe(name) {
  const { kind, summary, options, inputs, outputs } = modules[name];
  const title = element("h2", name, element("small", kind));
  aside.replaceChildren(title, element("p", summary), table(["option", "value", "meaning"], options),
    table(["port", "carries", ""], [...inputs.map((p) => [...p, "in"]), ...outputs.map((p) => [...p, "out"])]));
}
</script>
</html>
"""


def page(circuit: Circuit) -> str:
    """The whole page as text; it loads nothing."""
    modules = {name: _about(card) for name, card in cards(circuit).items()}
    data = json.dumps(modules).replace("<", "\\u003c")
    return PAGE.replace("@SVG@", svg(circuit)).replace("@MODULES@", data)


def _about(card: Card) -> dict[str, Any]:
    return {
        "kind": card.kind,
        "summary": " ".join((type(card.config).__doc__ or "").split("\n\n")[0].split()) if card.config else "",
        "options": _options(card.config) if card.config else [],
        "inputs": list(card.inputs.items()),
        "outputs": list(card.outputs.items()),
    }


def _options(config: Any) -> list[list[str]]:
    """Name, value with its unit, and meaning of every option."""
    values = plain(config)
    return [
        [f.name, f"{values[f.name]} {f.metadata.get('unit', '')}".strip(), f.metadata.get("help", "")]
        for f in dataclasses.fields(config)
    ]
