// One strip of the timeline each: spikes, reward terms, a line, recalls. A strip has a name, a weight (its share of the
// height), `draw(context, box, x)` for what stands still, and `now(i)` for the values written beside its name.

const extent = (values) => {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (Number.isFinite(v)) { low = Math.min(low, v); high = Math.max(high, v); }
  return low <= high ? [low, high] : [0, 1];
};

// A line that breaks where values are missing and where an episode ends.
function drawLine(c, trace, values, x, y, colour, range = extent(values)) {
  c.strokeStyle = colour;
  c.lineWidth = 1.5;
  c.lineJoin = "round";
  c.beginPath();
  let open = false;
  for (let i = 0; i < trace.steps; i++) {
    const known = Number.isFinite(values[i]), joined = open && trace.episode[i] === trace.episode[i - 1];
    if (known) c[joined ? "lineTo" : "moveTo"](x(trace.time[i] + trace.meta.dt / 2), y(values[i], ...range));
    open = known;
  }
  c.stroke();
}

function lineStrip(trace, name, values, colour) {
  const range = extent(values);
  return {
    name, weight: 1, least: 22,
    now: (i) => [{ text: number(values[i]), colour }],
    tip: (i) => `${name} ${number(values[i])}`,
    draw(c, box, x) {
      const y = (v, low, high) => box.y + box.h - 4 - (v - low) / (high - low || 1) * (box.h - 8);
      if (range[0] < 0 && range[1] > 0) { c.fillStyle = "#2f3a48"; c.fillRect(box.x, Math.round(y(0, ...range)), box.w, 1); }
      drawLine(c, trace, values, x, y, colour, range);
    },
  };
}

// Terms as bars on top of each other, gains up and costs down, with the sum of an episode so far as a line.
function rewardStrip(trace) {
  const terms = [...trace.rewards].map(([name, values], k) => ({ name, values, colour: HUES[(k + 2) % HUES.length] }));
  const sum = (i, sign) => terms.reduce((total, { values }) => total + Math.max(0, sign * (values[i] || 0)), 0);
  const up = Math.max(1e-9, ...Array.from({ length: trace.steps }, (_, i) => sum(i, 1)));
  const down = Math.max(0, ...Array.from({ length: trace.steps }, (_, i) => sum(i, -1)));
  const total = Float32Array.from({ length: trace.steps });
  for (let i = 0; i < trace.steps; i++) {
    total[i] = (i && trace.episode[i] === trace.episode[i - 1] ? total[i - 1] : 0) + sum(i, 1) - sum(i, -1);
  }
  return {
    name: "reward", weight: 1.7, least: 28 + 14 * Math.max(0, terms.length - 1), total,
    now: (i) => terms.map(({ name, values, colour }) => ({ name, text: number(values[i]), colour })),
    tip: (i) => `${terms.map(({ name, values }) => `${name} ${number(values[i])}`).join("\n")}\nreturn so far ${number(total[i])}`,
    draw(c, box, x) {
      const k = (box.h - 6) / (up + down), zero = box.y + 3 + up * k;
      c.fillStyle = "#2f3a48";
      c.fillRect(box.x, Math.round(zero), box.w, 1);
      const height = (v, low, high) => box.y + box.h - 4 - (v - low) / (high - low || 1) * (box.h - 8);
      drawLine(c, trace, total, x, height, "#6f8298");
      for (let i = 0; i < trace.steps; i++) {
        const left = x(trace.time[i]), wide = Math.max(2, x(trace.time[i] + trace.meta.dt) - left - 1);
        let high = zero, low = zero;
        for (const { values, colour } of terms) {
          const v = values[i] * k;
          if (!v) continue;
          c.fillStyle = colour;
          if (v > 0) { c.fillRect(left, high - v, wide, v); high -= v; } else { c.fillRect(left, low, wide, -v); low -= v; }
        }
      }
    },
  };
}

// One dot a spike, neurons from bottom to top. Where dots share a pixel it gets brighter.
function rasterStrip(trace, name, { values, shape: [, ticks, neurons] }, colour, choice) {
  const counts = Float32Array.from({ length: trace.steps }, (_, i) => {
    let n = 0;
    for (let k = i * ticks * neurons; k < (i + 1) * ticks * neurons; k++) n += values[k];
    return n / (ticks * neurons);
  });
  const rgb = [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
  return {
    name, weight: 3.2, least: 48, note: `${neurons} neurons`,
    unit: (share) => clamp(Math.floor(neurons * (1 - share)), 0, neurons - 1),
    now: (i) => [{ text: `${(100 * counts[i]).toFixed(1)} %`, colour }],
    tip: (i, share) => `${name}\nneuron ${clamp(Math.floor(neurons * (1 - share)), 0, neurons - 1)}\n${(100 * counts[i]).toFixed(1)} % of neurons a tick`,
    draw(c, box, x, ratio) {
      const w = Math.max(1, Math.round(box.w * ratio)), h = Math.max(1, Math.round((box.h - 6) * ratio)), image = new ImageData(w, h);
      const tick = trace.meta.dt / ticks, dot = clamp(Math.round((x(tick) - x(0)) * ratio * 0.7), 1, 4), tall = clamp(Math.floor(h / neurons * 0.8), 1, 4);
      for (let i = 0; i < trace.steps; i++) for (let k = 0; k < ticks; k++) {
        const left = Math.round((x(trace.time[i] + k * tick) - box.x) * ratio);
        if (left < 0 || left + dot > w) continue;
        for (let n = 0; n < neurons; n++) {
          if (!values[(i * ticks + k) * neurons + n]) continue;
          const row = Math.floor((1 - (n + 0.5) / neurons) * h);
          for (let py = row; py < Math.min(h, row + tall); py++) for (let px = left; px < left + dot; px++) {
            const at = 4 * (py * w + px);
            image.data[at] = rgb[0]; image.data[at + 1] = rgb[1]; image.data[at + 2] = rgb[2];
            image.data[at + 3] = Math.min(255, image.data[at + 3] + 150);
          }
        }
      }
      const layer = make("canvas", { width: w, height: h });
      layer.getContext("2d").putImageData(image, 0, 0);
      c.drawImage(layer, box.x, box.y + 3, w / ratio, h / ratio);
      if (trace.traces.size) markUnits(c, box, choice.units, neurons);
    },
  };
}

// Arcs from each moment to the moment it remembered.
function recallStrip(trace) {
  const r = trace.recalls;
  const arcs = Array.from({ length: r.length / 3 }, (_, k) => ({ now: r[3 * k], then: r[3 * k + 1], weight: clamp(r[3 * k + 2], 0, 1) }));
  const arc = (c, box, x, { now, then }) => {
    const a = x(then), b = x(now + trace.meta.dt / 2), rise = Math.min(box.h - 8, 8 + Math.abs(b - a) * 0.3);
    c.beginPath(); c.moveTo(a, box.y + box.h - 3); c.quadraticCurveTo((a + b) / 2, box.y + box.h - 3 - 2 * rise, b, box.y + box.h - 3); c.stroke();
  };
  return {
    name: "recall", weight: 1.2, least: 26,
    now: (i) => [{ text: recallsAt(trace, i).slice(0, 1).map(({ then }) => `${then.toFixed(1)} s`).join("") || "–", colour: "#c79bff" }],
    tip: (i) => [...recallsAt(trace, i).map(({ then, weight }) => `remembers ${then.toFixed(1)} s, weight ${number(weight)}`), ...distantWords(trace, i).map((words) => `remembers ${words}`)].join("\n") || "nothing recalled",
    draw(c, box, x) { c.lineWidth = 1; for (const a of arcs) { c.strokeStyle = css([199, 155, 255], 0.08 + 0.22 * a.weight); arc(c, box, x, a); } },
    drawNow(c, box, x, i) {
      for (const a of arcs) {
        if (Math.abs(a.now - trace.time[i]) > trace.meta.dt / 2) continue;
        c.lineWidth = 1 + 1.5 * a.weight; c.strokeStyle = "#d9bbff"; arc(c, box, x, a);
      }
    },
  };
}

// choice: the module that is looked into, if any, and its units that are drawn as lines. Where it has something to
// show, it takes the room of what others show.
function stripsOf(trace, choice) {
  const strips = [], mine = (port) => port.startsWith(`${choice.module}.`);
  const own = [trace.spikes, trace.traces, trace.signals].some((table) => [...table.keys()].some(mine)), shown = (port) => !own || mine(port);
  [...trace.spikes].forEach(([name, spikes], k) => {
    const colour = HUES[(k * 5) % HUES.length];
    if (shown(name)) strips.push(rasterStrip(trace, name, spikes, colour, choice), rateStrip(trace, name, spikes, colour));
  });
  for (const name of populations(trace, choice.module)) strips.push(heatStrip(trace, name, choice), unitStrip(trace, name, choice));
  if (trace.rewards.size) strips.push(rewardStrip(trace));
  if (trace.value) strips.push(lineStrip(trace, "value", trace.value, "#ffbf69"));
  const named = [...trace.signals].filter(([name]) => trace.labels[name] && shown(name)), other = [...trace.signals].filter(([name]) => !trace.labels[name]);
  for (const [name, values] of named) strips.push(shareStrip(trace, name, values, trace.labels[name]));
  for (const [name, levels] of trace.traces) if (trace.labels[name] && shown(name)) strips.push(levelsStrip(trace, name, levels, trace.labels[name]));
  other.forEach(([name, values], k) => { if (shown(name)) strips.push((isFlag(values) ? flagStrip : lineStrip)(trace, name, values, HUES[(k + 3) % HUES.length])); });
  const remembers = !own || trace.edges.some(({ source }) => source === `${choice.module}.recall`);
  if (trace.recalls?.length && remembers) strips.push(recallStrip(trace));
  return strips;
}
