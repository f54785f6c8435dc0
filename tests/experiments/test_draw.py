"""Graph files: where modules stand, and what is in each kind of file."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

import agent
from agent import Circuit
from experiments.draw import layout, write_graph
from experiments.drawing.cards import Card
from experiments.drawing.place import place
from experiments.drawing.svg import svg

BRAIN: dict[str, Any] = {
    "body": {"retina": [2, 32, 4], "touch": [8], "action": [3]},
    "action": [3],
    "modules": {
        "retina": {"kind": "retina_conv"},
        "v1": {"kind": "lif", "size": 16},
        "soma": {"kind": "body_encoder"},
        "memory": {"kind": "none", "like": {"kind": "gru", "size": 8}},
        "value": {"kind": "critic"},
        "motor": {"kind": "spiking_motor"},
    },
    "wires": [
        "body.retina -> retina.image",
        "retina.code -> v1.current",
        "body.touch -> soma.senses",
        "v1.rate -> memory.input",
        "soma.code -> memory.input",
        "soma.code -> motor.drive",
        "soma.code -> value.state @ delay=3",
        "memory.state -> motor.drive",
        "memory.state -> v1.current @ delay=1",
        "v1.rate -> v1.current @ delay=2",
        "body.action -> motor.previous",
        "motor.action -> body.action",
    ],
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def circuit() -> Circuit:
    return agent.build(BRAIN)


def test_layout_flows_from_the_senses_to_the_action(circuit: Circuit) -> None:
    places = layout(circuit)
    assert set(places) == {*circuit.modules, "body", "action"}
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in places.values())
    assert places["body"][0] == 0
    assert places["action"][0] == 1
    for wire in circuit.wires:
        if not wire.delay:
            target = "action" if wire.target == "body" else wire.target
            assert places[wire.source][0] < places[target][0], str(wire)
    assert len(set(places.values())) == len(places)


def test_layout_is_the_same_every_time(circuit: Circuit) -> None:
    assert layout(circuit) == layout(agent.build(BRAIN))
    assert svg(circuit) == svg(agent.build(BRAIN))


def test_cards_and_passing_wires_do_not_meet(circuit: Circuit) -> None:
    for column in place(circuit).columns:
        for above, below in pairwise(column):
            assert above.y + above.height < below.y, (above.name, below.name)


def test_few_wires_cross(circuit: Circuit) -> None:
    """By hand: memory and soma must cross once on their way to motor, since soma also passes memory."""
    chains = place(circuit).forward.values()
    links = {(a[0].name, a[1], b[0].name, b[1]): (a, b) for chain in chains for a, b in pairwise(chain)}
    lines = [(a.column, a.y + p, b.y + q) for (a, p), (b, q) in links.values()]
    assert sum(c == d and (y - u) * (z - v) < 0 for c, y, z in lines for d, u, v in lines) / 2 <= 2


def test_svg_shows_every_module_port_wire_and_delay(circuit: Circuit, tmp_path: Path) -> None:
    root = ET.parse(write_graph(circuit, tmp_path / "new/graph.svg")).getroot()
    cards = [g for g in root.iter(f"{SVG}g") if g.get("class") == "card"]
    assert {g.get("data-name") for g in cards} == {*circuit.modules, "body", "action"}
    wires = [p for p in root.iter(f"{SVG}path") if "wire" in (p.get("class") or "")]
    titles = {(p.findtext(f"{SVG}title") or "").splitlines()[0] for p in wires}
    assert titles == {str(w) for w in circuit.wires}
    assert sum("delayed" in (p.get("class") or "") for p in wires) == 3
    words = [t.text for t in root.iter(f"{SVG}text")]
    assert {"delay=1", "delay=2", "delay=3", "none, for gru", "rate_loss", "perception"} <= set(words)


def test_words_fit_their_cards(circuit: Circuit) -> None:
    for card in place(circuit).cards.values():
        assert card.width >= card.needed_width()
    assert Card("x", "lif", inputs={"a_long_name_of_a_port": ""}, outputs={"another": ""}).needed_width() > 180


def test_html_is_one_file_that_loads_nothing(circuit: Circuit, tmp_path: Path) -> None:
    text = write_graph(circuit, tmp_path / "graph.html").read_text()
    assert "<svg" in text
    for load in ("src=", "href=", "@import", "url(", "fetch("):
        assert load not in text
    data = json.loads(text.split("const modules = ", 1)[1].split(";\n", 1)[0])
    assert ["tau_mem", "0.02 s", "membrane time constant"] in data["v1"]["options"]
    assert ["spikes", "spikes[5, 16]"] in data["v1"]["outputs"]


@pytest.mark.browser
def test_html_lights_up_and_explains_in_a_browser(circuit: Circuit, tmp_path: Path, chromium: str) -> None:
    path = write_graph(circuit, tmp_path / "graph.html")
    point = 'describe("v1"); boxes.find((b) => b.dataset.name === "v1").dispatchEvent(new Event("pointerenter"));'
    path.write_text(path.read_text().replace("</script>", f"{point}</script>"))
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "<td>membrane time constant</td>" in dom
    assert 'class="wire on" data-from="retina" data-to="v1"' in dom
    assert 'class="wire" data-from="body" data-to="soma"' in dom


def test_graphml_and_json_are_read_back(circuit: Circuit, tmp_path: Path) -> None:
    graphs = [
        nx.read_graphml(write_graph(circuit, tmp_path / "graph.graphml"), force_multigraph=True),
        nx.node_link_graph(json.loads(write_graph(circuit, tmp_path / "graph.json").read_text()), edges="edges"),
    ]
    for graph in graphs:
        assert set(graph) == {*circuit.modules, "body"}
        assert graph.number_of_edges() == len(circuit.wires)
        assert graph.nodes["v1"]["kind"] == "lif"
        assert sorted(d for *_, d in graph.edges(data="delay")) == [0] * 9 + [1, 2, 3]


def test_an_unknown_suffix_is_refused(circuit: Circuit, tmp_path: Path) -> None:
    path = tmp_path / "graph.png"
    with pytest.raises(agent.ConfigError) as caught:
        write_graph(circuit, path)
    assert str(caught.value) == f"{path}: cannot draw a graph as '.png'. Choose from: .svg, .html, .graphml, .json."
    assert not path.exists()
