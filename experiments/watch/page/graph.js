// The brain as a graph: cards glow with the activity of a module, dots run along wires, whose width follows their source.

const TRAVEL = 0.7, EVERY = 0.2;  // s that a dot takes along its wire, s between dots

class Graph {
  constructor(trace, seek, look) {
    Object.assign(this, { trace, seek, look, chosen: null, now: 0 });
    this.scales = new Map([...trace.ports].map(([name, values]) => [name, quantile(values, 0.98) || 1]));
    this.activity = new Map(trace.nodes.map((node) => [node.name, this.nodeActivity(node.name)]));
    this.svg = makeSvg("svg", { role: "group", "aria-label": "Modules of the brain and the wires between them" });
    const stage = $("brain").querySelector(".stage");
    stage.append(this.svg);
    stage.addEventListener("click", (event) => event.target === this.svg && this.choose(null));
  }

  portsOf(name) { return [...this.trace.ports.keys()].filter((port) => port.slice(0, port.indexOf(".")) === name); }

  // Mean over a module's ports, each as a share of its own high level (the 98th percentile of the recording).
  nodeActivity(name) {
    const ports = this.portsOf(name), out = new Float32Array(this.trace.steps);
    for (const port of ports) this.trace.ports.get(port).forEach((x, i) => { out[i] += clamp((x || 0) / this.scales.get(port), 0, 1) / ports.length; });
    return ports.length ? out : null;
  }

  level(port, i) { return clamp((this.trace.ports.get(port)?.[i] || 0) / (this.scales.get(port) || 1), 0, 1); }

  layout() {
    const width = this.svg.clientWidth, height = this.svg.clientHeight;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const cards = placeNodes(this.trace.nodes, width, height), find = (port) => cards.find((card) => card.node.name === port.slice(0, port.indexOf(".")));
    const pairs = new Map();
    const wires = this.trace.edges.map((edge) => {
      const from = find(edge.source), to = find(edge.target), key = `${from.node.name} ${to.node.name}`, nth = pairs.get(key) || 0;
      pairs.set(key, nth + 1);
      return this.wire(edge, route(from, to, cards, nth * 12, height));
    });
    this.wires = wires;
    this.cards = cards.map((card) => this.card(card));
    const group = (items) => makeSvg("g", {}, ...items);
    this.svg.replaceChildren(this.defs(), group(wires.map((w) => w.path)), group(wires.map((w) => w.reach)), group(wires.flatMap((w) => w.dots)), group(this.cards.map((c) => c.group)));
    this.fade();
    if (this.chosen) this.placeCard(this.chosen);
  }

  defs() {
    const blur = makeSvg("filter", { id: "glow", x: "-60%", y: "-100%", width: "220%", height: "300%" }, makeSvg("feGaussianBlur", { stdDeviation: 9 }));
    return makeSvg("defs", {}, blur);
  }

  wire(edge, p) {
    const d = `M${p[0]}C${p[1]} ${p[2]} ${p[3]}`, angle = Math.atan2(p[3][1] - bezier(p, 0.96)[1], p[3][0] - bezier(p, 0.96)[0]);
    const curve = makeSvg("path", { d, ...(edge.delay ? { "stroke-dasharray": "7 5" } : {}) });
    const head = makeSvg("path", { d: "M7 0L-2 4.5V-4.5Z", transform: `translate(${p[3]}) rotate(${angle * 180 / Math.PI})`, stroke: "none" });
    const reach = makeSvg("path", { d, class: "reach" });
    hover(reach, () => `${edge.source} → ${edge.target}${edge.delay ? `\n${edge.delay} decision${edge.delay > 1 ? "s" : ""} later` : ""}\nactivity ${number(this.trace.ports.get(edge.source)?.[this.now])}`);
    const dots = Array.from({ length: Math.ceil(TRAVEL / EVERY) + 1 }, () => makeSvg("circle", { class: "pulse" }));
    return { edge, points: p, curve, head, path: makeSvg("g", { class: "wire" }, curve, head), reach, dots };
  }

  card(card) {
    const { node, w, h, look } = card, shape = (grow) => ({ x: -w / 2 - grow, y: -h / 2 - grow, width: w + 2 * grow, height: h + 2 * grow, rx: 9 + grow });
    const glow = makeSvg("rect", { ...shape(2), filter: "url(#glow)" }), box = makeSvg("rect", { class: "box", ...shape(0) });
    const lamp = makeSvg("circle", { cx: -w / 2 + look.lamp[0], cy: look.lamp[1], r: 3 });
    const text = (y, size, more) => makeSvg("text", { x: -w / 2 + look.left, y, style: `font-size: ${size}px`, ...more });
    const name = text(-2, look.name, { "font-weight": 600 }), kind = text(12, look.kind, { class: "kind" });
    name.textContent = card.name; kind.textContent = card.kind;
    const group = makeSvg("g", { class: "node", transform: `translate(${Math.round(card.x)} ${Math.round(card.y)})`, tabindex: 0, role: "button", "aria-label": `${node.name}, ${node.kind}` },
      glow, box, lamp, name, kind, makeSvg("rect", { class: "focus", ...shape(4) }));
    const pick = () => this.choose(this.chosen === node.name ? null : node.name);
    group.addEventListener("click", pick);
    group.addEventListener("keydown", (event) => { if (event.key === "Enter") { pick(); event.stopPropagation(); } });
    hover(group, () => `${node.name} · ${node.kind}\n${this.portsOf(node.name).map((p) => `${p.slice(node.name.length + 1)}  ${number(this.trace.ports.get(p)[this.now])}`).join("\n") || "no recorded ports"}`);
    return { node, at: card, group, glow, box, lamp };
  }

  draw(t) {
    if (!this.cards) this.layout();
    this.now = decisionAt(this.trace, t);
    for (const { node, glow, box, lamp } of this.cards) {
      const values = this.activity.get(node.name), x = values ? values[this.now] : 0, colour = css(heat(0.15 + 0.85 * x));
      box.setAttribute("stroke", values ? colour : "#3b4858");
      glow.setAttribute("fill", css(heat(0.15 + 0.85 * x), values ? 0.75 * x : 0));
      lamp.setAttribute("fill", values ? colour : "#3b4858");
      lamp.setAttribute("r", (3 + 5.5 * Math.sqrt(x)).toFixed(2));
    }
    for (const wire of this.wires) this.drawWire(wire, t);
    if (this.chosen) this.drawCard(t);
  }

  drawWire(wire, t) {
    const x = this.level(wire.edge.source, this.now), colour = css(heat(0.12 + 0.75 * x));
    wire.curve.setAttribute("stroke", colour);
    wire.curve.setAttribute("stroke-width", (1 + 3.2 * x).toFixed(2));
    wire.head.setAttribute("fill", colour);
    const newest = Math.floor(t / EVERY);
    wire.dots.forEach((dot, k) => {
      const sent = (newest - k) * EVERY, u = (t - sent) / TRAVEL, strength = sent >= this.trace.start - 1e-6 ? this.level(wire.edge.source, decisionAt(this.trace, sent)) : 0;
      dot.setAttribute("visibility", u <= 1 && strength > 0.03 ? "visible" : "hidden");
      if (u > 1) return;
      const [px, py] = bezier(wire.points, u);
      dot.setAttribute("cx", px.toFixed(1)); dot.setAttribute("cy", py.toFixed(1));
      dot.setAttribute("r", (1.3 + 2.4 * strength).toFixed(2));
      dot.setAttribute("fill", css(heat(0.55 + 0.45 * strength), 0.35 + 0.65 * strength));
    });
  }

  choose(name) {
    this.chosen = name;
    this.fade();
    this.look(name);
    $("card").hidden = !name;
    if (!name) return;
    this.fillCard(name);
    this.placeCard(name);
    this.drawCard(this.trace.time[this.now]);
  }

  // The card takes the corner where it hides the fewest modules, the chosen one last of all.
  placeCard(name) {
    const box = $("card"), { clientWidth: width, clientHeight: height } = this.svg, w = box.offsetWidth + 8, h = box.offsetHeight + 8;
    const hidden = ([right, bottom]) => this.cards.reduce((sum, { node, at }) => {
      const left = right ? width - w : 0, top = bottom ? height - h : 26;
      const wide = Math.min(at.x + at.w / 2, left + w) - Math.max(at.x - at.w / 2, left), tall = Math.min(at.y + at.h / 2, top + h) - Math.max(at.y - at.h / 2, top);
      return sum + Math.max(0, wide) * Math.max(0, tall) * (node.name === name ? 9 : 1);
    }, 0);
    const [right, bottom] = [[1, 1], [0, 1], [1, 0], [0, 0]].sort((a, b) => hidden(a) - hidden(b))[0];
    Object.assign(box.style, { right: right ? "8px" : "auto", left: right ? "auto" : "8px", bottom: bottom ? "8px" : "auto", top: bottom ? "auto" : "34px" });
  }

  // With a module chosen, wires that do not touch it step back.
  fade() {
    const touches = ({ source, target }) => [source, target].some((port) => port.startsWith(`${this.chosen}.`));
    for (const wire of this.wires) for (const part of [wire.path, ...wire.dots]) part.classList.toggle("faded", Boolean(this.chosen) && !touches(wire.edge));
    for (const { node, group } of this.cards) group.classList.toggle("chosen", node.name === this.chosen);
  }

  fillCard(name) {
    const node = this.trace.nodes.find((other) => other.name === name), box = $("card"), close = make("button", { class: "close quiet", "aria-label": "Close" }, "×");
    close.onclick = () => this.choose(null);
    this.lines = this.portsOf(name).map((port) => ({ port, value: make("b"), canvas: make("canvas", { role: "img", "aria-label": `Activity of ${port} over time` }) }));
    const rows = this.lines.flatMap(({ port, value, canvas }) => [make("h4", {}, make("span", {}, port), value), canvas]);
    const wires = this.trace.edges.filter(({ source, target }) => [source, target].some((port) => port.startsWith(`${name}.`)));
    const list = make("ul", {}, ...wires.map((e) => make("li", {}, `${e.source} → ${e.target}${e.delay ? ` @ delay=${e.delay}` : ""}`)));
    box.replaceChildren(make("h3", {}, name, make("small", {}, node.kind)), close, ...rows, list);
    for (const { port, canvas } of this.lines) {
      const timeAt = (x) => mix(this.trace.start, this.trace.end, clamp(x / canvas.clientWidth, 0, 1));
      hover(canvas, (x) => (Number.isFinite(x) ? `${timeAt(x).toFixed(1)} s\n${number(this.trace.ports.get(port)[decisionAt(this.trace, timeAt(x))])}` : null));
      canvas.onclick = (event) => this.seek(timeAt(event.offsetX));
    }
  }

  drawCard(t) {
    for (const { port, value, canvas } of this.lines) {
      const { context: c, width, height } = fit(canvas), values = this.trace.ports.get(port), x = (s) => (s - this.trace.start) / (this.trace.end - this.trace.start) * width;
      value.textContent = number(values[this.now]);
      drawLine(c, this.trace, values, x, (v, low, high) => height - 3 - (v - low) / (high - low || 1) * (height - 6), "#66b2ff");
      c.fillStyle = "#fff";
      c.fillRect(x(t) - 0.5, 0, 1, height);
    }
  }
}
