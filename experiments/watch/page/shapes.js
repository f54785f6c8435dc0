// Triangle meshes of MuJoCo's primitives: Float32Array of (position, normal) per vertex, three vertices a triangle.

function boxMesh([a, b, c]) {
  const out = [], half = [a, b, c];
  for (let axis = 0; axis < 3; axis++) for (const side of [-1, 1]) {
    const u = (axis + 1) % 3, v = (axis + 2) % 3;
    const corner = (s, t) => {
      const p = [0, 0, 0], n = [0, 0, 0];
      p[axis] = side * half[axis]; p[u] = s * half[u]; p[v] = t * half[v]; n[axis] = side;
      return [...p, ...n];
    };
    const quad = [corner(-1, -1), corner(side, -side), corner(1, 1), corner(-1, -1), corner(1, 1), corner(-side, side)];
    out.push(...quad.flat());
  }
  return new Float32Array(out);
}

// Turns a profile [[radius, z, normal r, normal z], ...], bottom to top, around z. Equal points with two normals make an edge.
function lathe(profile, around = 48) {
  const out = [];
  const point = ([r, z, nr, nz], k) => {
    const angle = 2 * Math.PI * k / around, c = Math.cos(angle), s = Math.sin(angle);
    return [r * c, r * s, z, nr * c, nr * s, nz];
  };
  for (let i = 0; i + 1 < profile.length; i++) for (let k = 0; k < around; k++) {
    const a = point(profile[i], k), b = point(profile[i], k + 1), c = point(profile[i + 1], k + 1), d = point(profile[i + 1], k);
    out.push(...a, ...b, ...c, ...a, ...c, ...d);
  }
  return new Float32Array(out);
}

function arc(radius, z, from, to, steps, inset = 0) {
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = mix(from, to, i / steps), c = Math.cos(angle), s = Math.sin(angle);
    return [inset + radius * c, z + radius * s, c, s];
  });
}

function cylinderMesh([radius, half]) {
  const bevel = 0.08 * Math.min(radius, half), q = Math.PI / 2;  // a rounded rim catches the light
  return lathe([[0, -half, 0, -1], ...arc(bevel, bevel - half, -q, 0, 4, radius - bevel),
    ...arc(bevel, half - bevel, 0, q, 4, radius - bevel), [0, half, 0, 1]]);
}

function capsuleMesh([radius, half]) {
  const q = Math.PI / 2;
  return lathe([...arc(radius, -half, -q, 0, 10), ...arc(radius, half, 0, q, 10)]);
}

function ellipsoidMesh([a, b, c]) {
  const mesh = lathe(arc(1, 0, -Math.PI / 2, Math.PI / 2, 24));
  for (let i = 0; i < mesh.length; i += 6) {
    const n = unit([mesh[i] / a, mesh[i + 1] / b, mesh[i + 2] / c]);
    mesh.set([mesh[i] * a, mesh[i + 1] * b, mesh[i + 2] * c, ...n], i);
  }
  return mesh;
}

const UNBOUNDED = 60;  // half side of a plane without end, m; it fades out long before
function planeMesh(size) {
  const a = size[0] || UNBOUNDED, b = size[1] || UNBOUNDED, n = [0, 0, 1];
  const p = [[-a, -b, 0], [a, -b, 0], [a, b, 0], [-a, -b, 0], [a, b, 0], [-a, b, 0]];
  return new Float32Array(p.flatMap((corner) => [...corner, ...n]));
}

function meshOf(geom) {
  const size = geom.size;
  if (geom.type === "box") return boxMesh(size);
  if (geom.type === "cylinder") return cylinderMesh(size);
  if (geom.type === "capsule") return capsuleMesh(size);
  if (geom.type === "plane") return planeMesh(size);
  return ellipsoidMesh(geom.type === "sphere" ? [size[0], size[0], size[0]] : size);
}
