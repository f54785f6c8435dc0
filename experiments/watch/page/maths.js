// Vectors are arrays of 3, quaternions (w, x, y, z), matrices column-major Float32Array(16), as WebGL wants them.

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const mix = (a, b, w) => a + (b - a) * w;
const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const times = (a, k) => [a[0] * k, a[1] * k, a[2] * k];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = (a) => times(a, 1 / (Math.hypot(...a) || 1));

function nlerp(a, b, w) {
  const side = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] < 0 ? -1 : 1;  // q and -q are one rotation
  const q = a.map((x, i) => mix(x, side * b[i], w));
  const length = Math.hypot(...q) || 1;
  return q.map((x) => x / length);
}

function compose([px, py, pz], [w, x, y, z], [sx, sy, sz]) {
  return new Float32Array([
    (1 - 2 * (y * y + z * z)) * sx, 2 * (x * y + w * z) * sx, 2 * (x * z - w * y) * sx, 0,
    2 * (x * y - w * z) * sy, (1 - 2 * (x * x + z * z)) * sy, 2 * (y * z + w * x) * sy, 0,
    2 * (x * z + w * y) * sz, 2 * (y * z - w * x) * sz, (1 - 2 * (x * x + y * y)) * sz, 0,
    px, py, pz, 1,
  ]);
}

function multiply(a, b) {
  const out = new Float32Array(16);
  for (let c = 0; c < 4; c++) for (let r = 0; r < 4; r++) {
    for (let k = 0; k < 4; k++) out[c * 4 + r] += a[k * 4 + r] * b[c * 4 + k];
  }
  return out;
}

function perspective(angle, aspect, near, far) {
  const f = 1 / Math.tan(angle / 2), d = near - far;
  return new Float32Array([f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (near + far) / d, -1, 0, 0, 2 * near * far / d, 0]);
}

function orthographic(half, near, far) {
  const d = near - far;
  return new Float32Array([1 / half, 0, 0, 0, 0, 1 / half, 0, 0, 0, 0, 2 / d, 0, 0, 0, (near + far) / d, 1]);
}

function lookAt(eye, target, up) {
  const z = unit(sub(eye, target)), x = unit(cross(up, z)), y = cross(z, x);
  return new Float32Array([
    x[0], y[0], z[0], 0, x[1], y[1], z[1], 0, x[2], y[2], z[2], 0, -dot(x, eye), -dot(y, eye), -dot(z, eye), 1,
  ]);
}

// Dark blue over teal and amber to near white; every stop is brighter than the last, so it reads without hue too.
const HEAT = [[38, 52, 78], [38, 98, 138], [52, 158, 158], [240, 178, 84], [255, 236, 196]];
function heat(x) {
  const place = clamp(Number.isFinite(x) ? x : 0, 0, 1) * (HEAT.length - 1), i = Math.min(Math.floor(place), HEAT.length - 2);
  return HEAT[i].map((c, k) => Math.round(mix(c, HEAT[i + 1][k], place - i)));
}
const css = ([r, g, b], a = 1) => `rgba(${r},${g},${b},${a})`;
const HUES = ["#66b2ff", "#ffbf69", "#4fd6a0", "#c79bff", "#ff8fa8", "#5fd3e8", "#e6e06a", "#ff9d5c"];
