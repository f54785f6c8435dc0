// Puts the panels together. Frames are drawn only when something changed.

function fillHeader(trace) {
  $("title").textContent = trace.meta.title;
  const facts = { task: trace.meta.task, agent: trace.meta.agent, run: trace.meta.run, seed: trace.meta.seed, code: trace.meta.version };
  for (const [name, value] of Object.entries(facts)) {
    if (value !== "") $("facts").append(make("div", { title: `${name} ${value}` }, make("dt", {}, name), make("dd", {}, String(value))));
  }
  $("score").textContent = trace.score;
}

function fillHud(trace, world, strips, t) {
  const { i, next } = world.moment(t), total = strips.find((strip) => strip.total)?.total;
  const gap = trace.time[next] - trace.time[i], jumped = world.jumps[i * world.count + trace.root];
  const speed = gap && world.count && !jumped ? Math.hypot(...sub(world.position(trace.root, next), world.position(trace.root, i))) / gap : NaN;
  const facts = [["episode", String(Math.round(trace.episode[i]))]];
  if (total) facts.push(["return", number(total[i])]);
  if (Number.isFinite(speed)) facts.push(["speed", `${speed.toFixed(2)} m/s`]);
  const [distant] = distantWords(trace, i);
  if (distant) facts.push(["remembers", distant]);
  $("hud").replaceChildren(...facts.map(([name, value]) => make("span", {}, `${name} `, make("b", {}, value))));
}

// What is said at this moment, and at the end what came of it.
function fillCaption(trace, t) {
  const text = trace.captions.findLast(([time]) => time <= t + 1e-3)?.[1] ?? "";
  if ($("caption").textContent !== text) $("caption").textContent = text;
  $("caption").hidden = !text;
}

async function main() {
  const trace = await loadTrace();
  let asked = false, panels = [];
  const frame = (clock) => {
    asked = false;
    if (transport.playing) { transport.advance(clock); ask(); }
    draw();
  };
  const ask = () => { if (!asked && panels.length) { asked = true; requestAnimationFrame(frame); } };
  const seek = (t) => transport.seek(t);
  fillHeader(trace);
  const world = new World(trace), view = new View(world, ask), retina = new Retina(trace, world, ask);
  const timeline = new Timeline(trace, seek, ask), transport = new Transport(trace, timeline, ask);
  const graph = trace.nodes.length ? new Graph(trace, seek, (name) => timeline.look(name)) : null, log = new Log(trace, seek);
  if (!graph) $("brain").querySelector(".stage").append(make("p", { class: "failed" }, "No brain was recorded."));
  const draw = () => {
    for (const panel of panels) panel.draw(transport.time);
    fillHud(trace, world, timeline.strips, transport.time);
    fillCaption(trace, transport.time);
  };
  panels = [view, retina, graph, timeline, log, transport].filter(Boolean);
  new ResizeObserver(() => { timeline.layout(); graph?.layout(); ask(); }).observe(document.body);
  transport.readHash();
  draw();
  window.scrubjay = {
    ready: true, trace, seek: (t) => { seek(t); draw(); }, play: () => transport.play(), pause: () => transport.pause(),
    select: (name) => graph?.choose(name), get choice() { return timeline.choice; },
    get strips() { return timeline.strips.map(({ name, rates }, k) => ({ name, rates: rates && [...rates], ...timeline.boxes[k] })); }, renderer: view.renderer ? "webgl2" : "canvas",
    get time() { return transport.time; }, get playing() { return transport.playing; }, get speed() { return transport.speed; },
  };
}

main().catch((error) => {
  document.body.replaceChildren(make("p", { class: "failed" }, `This replay cannot be shown. ${error.message}`));
  throw error;
});
