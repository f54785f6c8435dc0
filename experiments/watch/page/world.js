// The world at any moment: poses between decisions, what is shown, rays, trail, rewards and recalls as lines.

const JUMP = 0.4;  // m in one decision: no body here goes that fast, so it was moved and did not travel
const TRAIL_SECONDS = 6;

class World {
  constructor(trace) {
    Object.assign(this, { trace, count: trace.geoms.length, showRays: true, hoveredRay: -1 });
    this.jumps = this.findJumps();
    const planes = trace.geoms.map((geom, g) => (geom.type === "plane" ? this.position(g, 0)[2] : NaN)).filter(Number.isFinite);
    this.floorZ = planes.length ? Math.min(...planes) : 0;
    this.frame = this.findFrame();
    this.rewardAt = Array.from({ length: trace.steps }, (_, i) => [...trace.rewards.values()].reduce((sum, term) => sum + (term[i] || 0), 0));
    this.rewardScale = Math.max(...this.rewardAt.map(Math.abs), 1e-6);
  }

  position(g, i) { const k = (i * this.count + g) * 3; return [...this.trace.position.subarray(k, k + 3)]; }
  rotation(g, i) { const k = (i * this.count + g) * 4; return [...this.trace.rotation.subarray(k, k + 4)]; }
  colour(g, i) { const k = (i * this.count + g) * 4; return [...this.trace.rgba.subarray(k, k + 4)]; }
  scale(g, i) { const k = (i * this.count + g) * 3; return this.trace.scales ? [...this.trace.scales.subarray(k, k + 3)] : [1, 1, 1]; }

  // A thing that rests, is elsewhere at the next decision and rests again, was moved too: [T * G] 0 or 1.
  findJumps() {
    const { steps } = this.trace, jumps = new Uint8Array(steps * this.count);
    for (let g = 0; g < this.count; g++) {
      const moved = Array.from({ length: steps - 1 }, (_, i) => Math.hypot(...sub(this.position(g, i + 1), this.position(g, i))));
      moved.forEach((d, i) => {
        const rests = d > 0.02 && (moved[i - 1] ?? 0) < 1e-3 && (moved[i + 1] ?? 0) < 1e-3;
        jumps[i * this.count + g] = d > JUMP || rests ? 1 : 0;
      });
    }
    return jumps;
  }

  visible(g, i) { return this.colour(g, i)[3] > 0.01 && this.position(g, i)[2] > this.floorZ - 1; }

  // Middle and size of what there is to see: bounded planes and boxes with their sides, everything else by its place.
  findFrame() {
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    this.trace.geoms.forEach((geom, g) => {
      const unbounded = geom.type === "plane" && !(geom.size[0] && geom.size[1]);
      for (let i = 0; i < this.trace.steps; i += geom.type === "plane" || geom.type === "box" ? this.trace.steps : 1) {
        const p = this.position(g, i);
        if (unbounded || !this.visible(g, i) || !p.every(Number.isFinite)) continue;
        const m = compose([0, 0, 0], this.rotation(g, i), this.scale(g, i)), s = geom.size;
        const half = geom.type === "plane" ? [s[0], s[1], 0] : geom.type === "box" ? s : [s[0], s[0], s[0]];
        for (let k = 0; k < 3; k++) {
          const r = Math.abs(m[k]) * half[0] + Math.abs(m[4 + k]) * half[1] + Math.abs(m[8 + k]) * half[2];
          low[k] = Math.min(low[k], p[k] - r); high[k] = Math.max(high[k], p[k] + r);
        }
      }
    });
    if (!low.every(Number.isFinite)) return { centre: [0, 0, 0], reach: 2, floorZ: this.floorZ, low: [-1, -1, 0], high: [1, 1, 0.3] };
    const reach = Math.max(0.5, Math.hypot(high[0] - low[0], high[1] - low[1]) / 2);
    return { centre: [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, this.floorZ], reach, floorZ: this.floorZ, low, high };
  }

  // Where time t lies: decision i and the share of the way to the next one.
  moment(t) {
    const { trace } = this, i = decisionAt(trace, t), next = Math.min(i + 1, trace.steps - 1);
    const gap = trace.time[next] - trace.time[i] || trace.meta.dt;
    const joined = next > i && trace.episode[next] === trace.episode[i];
    return { i, next: joined ? next : i, w: joined ? clamp((t - trace.time[i]) / gap, 0, 1) : 0 };
  }

  pose(g, { i, next, w }) {
    if (w === 0 || this.jumps[i * this.count + g]) return [this.position(g, i), this.rotation(g, i)];
    const a = this.position(g, i), b = this.position(g, next);
    return [a.map((x, k) => mix(x, b[k], w)), nlerp(this.rotation(g, i), this.rotation(g, next), w)];
  }

  items(t) {
    const now = this.moment(t), items = [];
    this.trace.geoms.forEach((geom, g) => {
      const [place, turn] = this.pose(g, now);
      if (!this.visible(g, now.i) || !place.every(Number.isFinite) || !turn.every(Number.isFinite)) return;
      const scale = this.scale(g, now.i).map((x) => x || 1e-6);
      items.push({ geom: g, model: compose(place, turn, scale), place, turn, scale, colour: this.colour(g, now.i), isFloor: geom.type === "plane" });
    });
    return [...items, ...ghostItems(this, t)];
  }

  root(t) { return this.count ? this.pose(this.trace.root, this.moment(t))[0] : [0, 0, 0]; }

  // The eye moves with the body between decisions, while each ray keeps the end it had when it was cast.
  rayLines(t) {
    const { trace } = this, now = this.moment(t), rays = trace.ray_angles.length;
    if (!trace.proximity || !this.showRays) return [];
    const [x, y, heading] = trace.eyes.subarray(now.i * 3, now.i * 3 + 3);
    const drift = sub(this.root(t), this.position(trace.root, now.i)), out = [];
    trace.row_heights.forEach((z, row) => trace.ray_angles.forEach((angle, ray) => {
      const k = (now.i * trace.row_heights.length + row) * rays + ray, depth = -Math.log(clamp(trace.proximity[k], 1e-4, 1));
      if (!Number.isFinite(depth) || trace.proximity[k] < 1e-3) return;
      const end = [x + depth * Math.cos(heading + angle), y + depth * Math.sin(heading + angle), z];
      const rgb = [...trace.colours.subarray(k * 3, k * 3 + 3)];
      out.push({ from: [x + drift[0], y + drift[1], z], end, rgb: rgb.map((c) => Math.min(1, c * 0.85 + 0.3)), ray, row, depth });
    }));
    return out;
  }

  lines(t) {
    const lines = new Lines(), faded = (c, a) => [...c, a];
    for (const { from, end, rgb, ray } of this.rayLines(t)) {
      const strong = ray === this.hoveredRay;
      lines.add(from, end, faded(rgb, strong ? 0.9 : 0.14), strong ? 2.4 : 1.6, faded(rgb, strong ? 1 : 0.8));
      lines.dot(end, faded(rgb, 0.95), strong ? 9 : 4.5);
    }
    if (!this.count) return lines;
    this.trail(t).forEach(([from, to, age]) => lines.add(from, to, [0.4, 0.7, 1, 0.75 * (1 - age) ** 1.5], 3));
    this.rewardRings(t).forEach(({ at, age, good }) => {
      const colour = good ? [0.31, 0.84, 0.63] : [1, 0.42, 0.42];
      lines.ring(at, this.frame.reach * (0.05 + 0.16 * age), faded(colour, (1 - age) ** 1.5), 3);
    });
    planLines(this, t, lines);
    this.recallArcs(t).forEach(({ from, to, strength }) => {
      const rise = 0.25 * Math.hypot(...sub(to, from)) + 0.08;
      const points = Array.from({ length: 25 }, (_, k) => add(add(times(from, 1 - k / 24), times(to, k / 24)), [0, 0, rise * Math.sin(Math.PI * k / 24)]));
      lines.path(points, [...REMEMBERED, 0.25 + 0.7 * strength], 1.5 + 2 * strength);
      lines.dot(to, [...REMEMBERED, 0.9], 8);
    });
    return lines;
  }

  // The last seconds of the way, [[from, to, age in [0, 1]]], on the floor.
  trail(t) {
    const { trace } = this, now = this.moment(t), z = this.floorZ + 0.006, out = [];
    const flat = (p) => [p[0], p[1], z];
    let later = flat(this.root(t));
    for (let i = now.i; i >= 0 && trace.episode[i] === trace.episode[now.i] && t - trace.time[i] < TRAIL_SECONDS; i--) {
      const here = flat(this.position(trace.root, i));
      if (!this.jumps[i * this.count + trace.root]) out.push([here, later, (t - trace.time[i]) / TRAIL_SECONDS]);
      later = here;
    }
    return out;
  }

  // A reward of at least a tenth of the largest sends a ring over the floor for 0.8 s.
  rewardRings(t) {
    const { trace } = this, now = this.moment(t), out = [];
    for (let i = now.i; i >= 0 && t - trace.time[i] < 0.8 && trace.episode[i] === trace.episode[now.i]; i--) {
      if (Math.abs(this.rewardAt[i]) < 0.1 * this.rewardScale) continue;
      const [x, y] = this.position(trace.root, i);
      out.push({ at: [x, y, this.floorZ + 0.008], age: (t - trace.time[i]) / 0.8, good: this.rewardAt[i] > 0 });
    }
    return out;
  }

  // [{from, to, strength}] from the body to where it was at the moments it remembers now.
  recallArcs(t) {
    return recallsAt(this.trace, this.moment(t).i).map(({ then, weight }) =>
      ({ from: this.root(t), to: this.position(this.trace.root, decisionAt(this.trace, then)), strength: clamp(weight, 0, 1) }));
  }
}

// What decision i remembered: [{then, weight}].
function recallsAt(trace, i) {
  const out = [], r = trace.recalls || [];
  for (let k = 0; k < r.length; k += 3) {
    if (Math.abs(r[k] - trace.time[i]) < trace.meta.dt / 2) out.push({ then: r[k + 1], weight: r[k + 2] });
  }
  return out;
}
