// What goes on inside a population: its mean rate, every unit as a row of heat, and a few chosen units as lines.

const CHOSEN = 3;  // units drawn as lines, at most

const unitsOf = (trace, name) => ({ ...trace.traces.get(name), stride: trace.strides[name] || 1 });
const rowOf = (share, count) => clamp(Math.floor(count * (1 - share)), 0, count - 1);
const unitColour = (k) => HUES[(k + 1) % HUES.length];

// The ports of a module that are drawn unit by unit: numbers without names.
const populations = (trace, module) => [...trace.traces.keys()].filter((port) => port.startsWith(`${module}.`) && !trace.labels[port]);

// The units that move the most, so that silent ones are not the first thing seen.
function liveliest(trace, module) {
  const [name] = populations(trace, module);
  if (!name) return [];
  const { values, shape: [steps, count], stride } = unitsOf(trace, name), moved = new Float64Array(count);
  for (let i = 1; i < steps; i++) for (let n = 0; n < count; n++) moved[n] += Math.abs(values[i * count + n] - values[(i - 1) * count + n]) || 0;
  const order = [...moved.keys()].sort((a, b) => moved[b] - moved[a]);
  return order.slice(0, CHOSEN).map((n) => n * stride).sort((a, b) => a - b);
}

// Spikes per second and neuron, over all of a population.
function rateStrip(trace, name, { values, shape: [, ticks, neurons] }, colour) {
  const size = ticks * neurons, rates = Float32Array.from({ length: trace.steps }, (_, i) => {
    let n = 0;
    for (let k = i * size; k < (i + 1) * size; k++) n += values[k];
    return n / (neurons * trace.meta.dt);
  });
  const top = Math.max(1e-9, extent(rates)[1]), words = (i) => `${number(rates[i])} Hz`;
  return {
    name: "mean rate", weight: 1, least: 24, rates,
    now: (i) => [{ text: words(i), colour }],
    tip: (i) => `${name}\n${words(i)} a neuron`,
    draw(c, box, x) {
      const floor = box.y + box.h - 3, y = (v) => floor - v / top * (box.h - 8), middle = (i) => x(trace.time[i] + trace.meta.dt / 2);
      const shade = c.createLinearGradient(0, box.y, 0, box.y + box.h);
      shade.addColorStop(0, `${colour}66`);
      shade.addColorStop(1, `${colour}0a`);
      c.fillStyle = shade;
      c.beginPath();
      for (const { first, last } of episodes(trace)) {
        c.moveTo(middle(first), floor);
        for (let i = first; i <= last; i++) c.lineTo(middle(i), y(rates[i]));
        c.lineTo(middle(last), floor);
      }
      c.fill();
      drawLine(c, trace, rates, x, (v) => y(v), colour);
    },
  };
}

// Every unit a row, from bottom to top, as in the raster; marks at the edge show which units are drawn as lines.
function heatStrip(trace, name, choice) {
  const { values, shape: [, count], stride } = unitsOf(trace, name), low = quantile(values, 0.02), high = quantile(values, 0.98);
  const value = (i, n) => values[i * count + n], unit = (share) => stride * rowOf(share, count);
  return {
    name, silent: true, weight: 2.2, least: 44, note: stride > 1 ? `every ${stride}th of ${stride * count} units` : `${count} units`, unit,
    now: () => [],
    tip: (i, share) => `${name}\nunit ${unit(share)}: ${number(value(i, rowOf(share, count)))}\nclick shows it as a line`,
    draw(c, box, x, ratio) {
      const w = Math.max(1, Math.round(box.w * ratio)), h = Math.max(1, Math.round((box.h - 6) * ratio)), image = new ImageData(w, h);
      const span = x(1) - x(0);
      for (let px = 0; px < w; px++) {
        const t = (box.x + (px + 0.5) / ratio - x(0)) / span, i = decisionAt(trace, t);
        for (let py = 0; py < h; py++) {
          const v = value(i, rowOf((py + 0.5) / h, count)), at = 4 * (py * w + px);
          if (!Number.isFinite(v)) continue;
          image.data.set(heat((v - low) / (high - low || 1)), at);
          image.data[at + 3] = 255;
        }
      }
      const layer = make("canvas", { width: w, height: h });
      layer.getContext("2d").putImageData(image, 0, 0);
      c.drawImage(layer, box.x, box.y + 3, w / ratio, h / ratio);
      markUnits(c, box, choice.units, stride * count);
    },
  };
}

function markUnits(c, box, units, count) {
  units.forEach((n, k) => {
    if (n >= count) return;
    const y = box.y + 3 + (box.h - 6) * (1 - (n + 0.5) / count);
    c.fillStyle = unitColour(k);
    c.strokeStyle = "#0d1117";
    c.lineWidth = 1;
    c.beginPath(); c.moveTo(box.x, y - 4.5); c.lineTo(box.x + 8, y); c.lineTo(box.x, y + 4.5); c.closePath(); c.fill(); c.stroke();
  });
}

// The chosen units as lines on one scale; where the module's spikes are known, they stand above as ticks.
function unitStrip(trace, name, choice) {
  const { values, shape: [steps, count], stride } = unitsOf(trace, name), known = choice.units.map((n, k) => ({ n, k })).filter(({ n }) => n < stride * count);
  const lines = known.map(({ n, k }) => ({ n, colour: unitColour(k), values: Float32Array.from({ length: steps }, (_, i) => values[i * count + Math.floor(n / stride)]) }));
  const ranges = lines.map((line) => extent(line.values)), range = [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
  const train = [...trace.spikes].find(([port, { shape }]) => port.startsWith(`${choice.module}.`) && shape[2] === stride * count)?.[1];
  const roof = train ? 5 * lines.length + 3 : 3;
  return {
    name: name.slice(name.indexOf(".") + 1), weight: 3, least: 14 * CHOSEN + 4,
    now: (i) => lines.map(({ n, colour, values }) => ({ name: `unit ${n}`, text: number(values[i]), colour })),
    tip: (i) => lines.map(({ n, values }) => `unit ${n}  ${number(values[i])}`).join("\n") || "no unit chosen: click a row above",
    draw(c, box, x) {
      const y = (v, low, high) => box.y + box.h - 3 - (v - low) / (high - low || 1) * (box.h - 6 - roof);
      if (range[0] < 0 && range[1] > 0) { c.fillStyle = "#2f3a48"; c.fillRect(box.x, Math.round(y(0, ...range)), box.w, 1); }
      lines.forEach((line, row) => {
        drawLine(c, trace, line.values, x, y, line.colour, range);
        if (train) drawTicks(c, trace, train, line, x, box.y + 3 + 5 * row);
      });
    },
  };
}

function drawTicks(c, trace, { values, shape: [, ticks, neurons] }, { n, colour }, x, y) {
  c.fillStyle = colour;
  for (let k = 0; k < trace.steps * ticks; k++) {
    if (values[k * neurons + n]) c.fillRect(x(trace.time[Math.floor(k / ticks)] + (k % ticks) * trace.meta.dt / ticks), y, 1.2, 4);
  }
}
