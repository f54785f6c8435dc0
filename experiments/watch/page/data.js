// The inverse of encode.py: the page's JSON and its bytes, back to typed arrays.

async function inflate(base64) {
  if (!("DecompressionStream" in window)) throw new Error("This browser is too old for the page: it lacks DecompressionStream.");
  const packed = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

function unpack(spec, buffer) {
  const size = spec.shape.reduce((a, b) => a * b, 1);
  if (spec.type === "bits") {
    const bytes = new Uint8Array(buffer, spec.start, Math.ceil(size / 8));
    return Uint8Array.from({ length: size }, (_, i) => (bytes[i >> 3] >> (7 - (i & 7))) & 1);
  }
  const codes = spec.type === "u8" ? new Uint8Array(buffer, spec.start, size) : new Uint16Array(buffer, spec.start, size);
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    values[i] = codes[i] === spec.missing ? NaN : spec.offset + codes[i] * spec.scale;
  }
  return values;
}

// -> the trace as trace.py describes it; tables are Maps, and every decision i has times[i].
async function loadTrace() {
  const trace = JSON.parse(document.getElementById("trace").textContent);
  const buffer = await inflate(trace.blob);
  const tables = { rewards: new Map(), ports: new Map(), signals: new Map(), spikes: new Map(), traces: new Map() };
  const arrays = {};
  for (const [name, spec] of Object.entries(trace.arrays)) {
    const cut = name.indexOf("/");
    const values = unpack(spec, buffer);
    if (cut < 0) arrays[name] = values;
    else if (spec.shape.length > 1) tables[name.slice(0, cut)].set(name.slice(cut + 1), { values, shape: spec.shape });
    else tables[name.slice(0, cut)].set(name.slice(cut + 1), values);
  }
  delete trace.blob;
  const steps = arrays.time.length;
  return { ...trace, ...tables, ...arrays, steps, start: arrays.time[0], end: arrays.time[steps - 1] + trace.meta.dt };
}

// The last decision that began at or before time t (a hair of tolerance, as times are quantised).
function decisionAt(trace, t) {
  let low = 0, high = trace.steps - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (trace.time[middle] <= t + 1e-3 * trace.meta.dt) low = middle; else high = middle - 1;
  }
  return low;
}

// Spans of equal episode number: [{number, first, last, start, end}].
function episodes(trace) {
  const spans = [];
  for (let i = 0; i < trace.steps; i++) {
    if (!i || trace.episode[i] !== trace.episode[i - 1]) spans.push({ number: Math.round(trace.episode[i]), first: i, start: trace.time[i] });
    Object.assign(spans[spans.length - 1], { last: i, end: trace.time[i] + trace.meta.dt });
  }
  return spans;
}

// The value that all but the `share` largest stay under: scales activity so that one outlier does not hide the rest.
function quantile(values, share) {
  const known = Array.from(values).filter(Number.isFinite).sort((a, b) => a - b);
  return known.length ? known[Math.min(known.length - 1, Math.floor(share * known.length))] : 0;
}
