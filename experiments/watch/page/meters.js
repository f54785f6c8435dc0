// Strips of what steers the brain: several named lines in one, a share between two, and flags.

const PLAN = "#ffc861", HABIT = "#66b2ff", LEVEL_HUES = ["#ffbf69", "#4fd6a0", "#ff8fa8", "#c79bff", "#5fd3e8", "#e6e06a"];

// Named numbers of one port as lines about one zero, each to its own scale.
function levelsStrip(trace, name, { values, shape: [, count] }, labels) {
  const rows = labels.map((label, k) => {
    const row = Float32Array.from({ length: trace.steps }, (_, i) => values[i * count + k]);
    return { label, row, colour: LEVEL_HUES[k % LEVEL_HUES.length], top: Math.max(1e-9, ...row.map((v) => (Number.isFinite(v) ? Math.abs(v) : 0))) };
  });
  const lowest = Math.max(0, ...rows.map(({ row, top }) => -extent(row)[0] / top));
  return {
    name: name.split(".")[0], weight: 1.5, least: 14 + 14 * (rows.length + 1),
    now: (i) => [{ text: "" }, ...rows.map(({ label, row, colour }) => ({ name: label, text: number(row[i]), colour }))],
    tip: (i) => [name, ...rows.map(({ label, row }) => `${label} ${number(row[i])}`)].join("\n"),
    draw(c, box, x) {
      const reach = (box.h - 10) / (1 + lowest), zero = box.y + 5 + reach;
      c.fillStyle = "#2f3a48";
      c.fillRect(box.x, Math.round(zero), box.w, 1);
      for (const { row, colour, top } of rows) drawLine(c, trace, row, x, (v) => zero - v / top * reach, colour);
    },
  };
}

// A number from 0 to 1 that shares out between two, as the edge between two colours.
function shareStrip(trace, name, values, [below, above]) {
  const percent = (v) => (Number.isFinite(v) ? `${Math.round(100 * v)} %` : "missing");
  return {
    name: name.split(".")[0], weight: 1.1, least: 34,
    now: (i) => [{ name: above, text: percent(values[i]), colour: PLAN }, { name: below, text: percent(1 - values[i]), colour: HABIT }],
    tip: (i) => `${name}\n${above} ${percent(values[i])}, ${below} ${percent(1 - values[i])}`,
    draw(c, box, x) {
      const y = (v) => box.y + box.h - 4 - clamp(v, 0, 1) * (box.h - 8);
      for (let i = 0; i < trace.steps; i++) {
        if (!Number.isFinite(values[i])) continue;
        const left = Math.round(x(trace.time[i])), wide = Math.round(x(trace.time[i] + trace.meta.dt)) - left, edge = y(values[i]);
        c.fillStyle = `${HABIT}30`; c.fillRect(left, y(1), wide, edge - y(1));
        c.fillStyle = `${PLAN}6a`; c.fillRect(left, edge, wide, y(0) - edge);
      }
      drawLine(c, trace, values, x, y, PLAN, [0, 1]);
    },
  };
}

const isFlag = (values) => values.every((v) => v === 0 || v === 1) && values.some((v) => v === 1);

// What is either so or not, as marks.
function flagStrip(trace, name, values, colour) {
  const words = (i) => (values[i] ? "yes" : "no");
  return {
    name, weight: 0.3, least: 20,
    now: (i) => [{ text: words(i), colour }],
    tip: (i) => `${name} ${words(i)}`,
    draw(c, box, x) {
      c.fillStyle = colour;
      for (let i = 0; i < trace.steps; i++) if (values[i]) c.fillRect(x(trace.time[i]), box.y + 5, Math.max(1.5, x(trace.time[i] + trace.meta.dt) - x(trace.time[i]) - 1), box.h - 10);
    },
  };
}
