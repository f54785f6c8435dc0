// What the brain thinks of, in the world: the way it plans, ahead of a pale body, and itself at the moment it remembers.

const PLANNED = [1, 0.79, 0.4], REMEMBERED = [0.78, 0.61, 1];
const OLDER = 3;  // plans before the newest that are still to be seen, fainter each

// The newest plans that still reach beyond time t, newest first: [{i, points: [[x, y, heading]], age (s)}].
function plansAt(world, t) {
  const { trace } = world, now = world.moment(t).i, found = [];
  if (!trace.plans) return found;
  const count = trace.arrays.plans.shape[1], reach = (count - 1) * trace.meta.dt;
  for (let i = now; i >= 0 && found.length <= OLDER && trace.episode[i] === trace.episode[now] && t - trace.time[i] < reach; i--) {
    const points = Array.from({ length: count }, (_, k) => [...trace.plans.subarray((i * count + k) * 3, (i * count + k) * 3 + 3)]);
    if (points.flat().every(Number.isFinite)) found.push({ i, points, age: t - trace.time[i] });
  }
  return found;
}

// The way still to go, bright at the body and fading along it; a dot for every decision. Older plans are thin lines.
function planLines(world, t, lines) {
  const { meta } = world.trace, z = world.floorZ + 0.012, at = ([x, y], k) => [x, y, z + 0.0004 * k];
  plansAt(world, t).forEach(({ points, age }, rank) => {
    const last = points.length - 1, begun = clamp(age / meta.dt, 0, last), next = Math.floor(begun) + 1;
    const way = [points[Math.floor(begun)].map((x, k) => mix(x, points[Math.min(next, last)][k], begun % 1)), ...points.slice(next)];
    const alpha = (k) => (rank ? 0.22 / rank : 0.95) * (1 - 0.72 * k / Math.max(1, way.length - 1));
    for (let k = 0; k + 1 < way.length; k++) {
      if (!rank) lines.add(at(way[k], k), at(way[k + 1], k), [...PLANNED, 0.16 * alpha(k)], 11, [...PLANNED, 0.16 * alpha(k + 1)]);
      lines.add(at(way[k], k), at(way[k + 1], k), [...PLANNED, alpha(k)], rank ? 1.4 : 2.6, [...PLANNED, alpha(k + 1)]);
      if (!rank) lines.dot(at(way[k + 1], k), [...PLANNED, alpha(k + 1)], 5.5);
    }
  });
}

// Geoms of the body: those named as the root is, up to the slash.
function bodyGeoms({ trace }) {
  const family = trace.geoms[trace.root].name.split("/")[0];
  return trace.geoms.map((geom, g) => (g === trace.root || geom.name.startsWith(`${family}/`) ? g : -1)).filter((g) => g >= 0);
}

// A pale body as it was at decision i, moved to [x, y] and turned by `turn`.
function ghost(world, i, [x, y], turn, colour, alpha) {
  const root = world.position(world.trace.root, i), c = Math.cos(turn), s = Math.sin(turn);
  return bodyGeoms(world).filter((g) => world.visible(g, i)).map((g) => {
    const [px, py, pz] = world.position(g, i), [w, qx, qy, qz] = world.rotation(g, i), h = Math.cos(turn / 2), j = Math.sin(turn / 2);
    const place = [x + c * (px - root[0]) - s * (py - root[1]), y + s * (px - root[0]) + c * (py - root[1]), pz];
    const rotation = [h * w - j * qz, h * qx - j * qy, h * qy + j * qx, h * qz + j * w], scale = world.scale(g, i).map((v) => v || 1e-6);
    return { geom: g, model: compose(place, rotation, scale), place, turn: rotation, scale, colour: [...colour, alpha], isFloor: false };
  });
}

// Pale bodies at the middle and the end of the newest plan, and where the body was at what it remembers most.
function ghostItems(world, t) {
  if (!world.count) return [];
  const items = [];
  const [plan] = plansAt(world, t);
  if (plan) {
    const { i, points, age } = plan, last = points.length - 1, fade = 1 - 0.6 * clamp(age / (last * world.trace.meta.dt), 0, 1);
    for (const [k, alpha] of [[last, 0.34], [last >> 1, 0.16]]) items.push(...ghost(world, i, points[k], points[k][2] - points[0][2], PLANNED, alpha * fade));
  }
  const [strongest] = recallsAt(world.trace, world.moment(t).i).sort((a, b) => b.weight - a.weight);
  if (strongest) {
    const then = decisionAt(world.trace, strongest.then);
    items.push(...ghost(world, then, world.position(world.trace.root, then), 0, REMEMBERED, 0.15 + 0.25 * clamp(strongest.weight, 0, 1)));
  }
  return items;
}

// What is remembered now of episodes before this replay, in words, strongest first.
function distantWords(trace, i) {
  const found = [], d = trace.distant || [];
  for (let k = 0; k < d.length; k += 4) if (Math.abs(d[k] - trace.time[i]) < trace.meta.dt / 2) found.push({ episode: d[k + 1], then: d[k + 2], weight: d[k + 3] });
  return found.sort((a, b) => b.weight - a.weight).map(({ episode, then }) => `${then.toFixed(1)} s of ${episode > -1.5 ? "the episode" : `${Math.round(-episode)} episodes`} before this replay`);
}
