// GLSL: depth from the light, shaded solids, and lines with a width in pixels.

const DEPTH_VERTEX = `#version 300 es
layout(location = 0) in vec3 position;
uniform mat4 light, model;
void main() { gl_Position = light * model * vec4(position, 1.0); }`;
const DEPTH_FRAGMENT = `#version 300 es
precision mediump float;
void main() {}`;

const SOLID_VERTEX = `#version 300 es
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
uniform mat4 model, view, light;
uniform vec3 scale;
out vec3 world, facing;
out vec4 lit;
void main() {
  vec4 p = model * vec4(position, 1.0);
  world = p.xyz;
  facing = mat3(model) * (normal / (scale * scale));
  lit = light * p;
  gl_Position = view * p;
}`;

const SOLID_FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2DShadow;
in vec3 world, facing;
in vec4 lit;
uniform vec4 colour;
uniform vec3 eye, sun, centre;
uniform float reach, height, isFloor, floorZ;
uniform sampler2DShadow shadows;
out vec4 result;

vec3 sky(float y) { return mix(vec3(0.0045, 0.0065, 0.010), vec3(0.013, 0.019, 0.030), y); }

// Sixteen taps on a spiral, turned per pixel: a soft edge without a large map.
float lightAt(vec3 n) {
  vec3 p = lit.xyz / lit.w * 0.5 + 0.5;
  if (any(lessThan(p.xy, vec2(0.0))) || any(greaterThan(p.xy, vec2(1.0)))) return 1.0;
  float turn = 6.2832 * fract(52.9829 * fract(dot(gl_FragCoord.xy, vec2(0.06711, 0.00584))));
  float bias = 0.0012 + 0.003 * (1.0 - max(dot(n, sun), 0.0)), sum = 0.0;
  for (int i = 0; i < 16; i++) {
    float r = 0.0085 * sqrt((float(i) + 0.5) / 16.0), a = 2.39996 * float(i) + turn;
    sum += texture(shadows, vec3(p.xy + r * vec2(cos(a), sin(a)), p.z - bias));
  }
  return sum / 16.0;
}

// Thin lines every quarter of a metre, stronger every metre; they fade where they would flicker.
float grid(vec2 p, float step, float width) {
  vec2 q = p / step, w = fwidth(q) * width;
  vec2 d = abs(fract(q - 0.5) - 0.5);
  vec2 l = (1.0 - smoothstep(vec2(0.0), w * 1.5, d)) * clamp(0.25 / w, 0.0, 1.0);
  return max(l.x, l.y);
}

void main() {
  vec3 n = normalize(facing), v = normalize(eye - world), base = pow(colour.rgb, vec3(2.2));
  if (dot(n, v) < 0.0) n = -n;
  if (isFloor > 0.5) base *= 0.42;  // the ground steps back, so that what stands on it and the rays stand out
  if (isFloor > 0.5) base *= 1.0 - 0.16 * grid(world.xy, 0.25, 1.0) - 0.22 * grid(world.xy, 1.0, 1.5);
  float shade = max(dot(n, sun), 0.0) * lightAt(n);
  float near = clamp((world.z - floorZ) / (0.12 * reach), 0.0, 1.0);
  float open = isFloor > 0.5 ? 1.0 : mix(0.55, 1.0, sqrt(near));
  vec3 around = mix(vec3(0.15, 0.14, 0.13), vec3(0.42, 0.47, 0.54), n.z * 0.5 + 0.5) * open;
  float gloss = isFloor > 0.5 ? 0.0 : pow(max(dot(n, normalize(sun + v)), 0.0), 48.0) * 0.35 * shade;
  float rim = isFloor > 0.5 ? 0.0 : pow(1.0 - max(dot(n, v), 0.0), 4.0) * 0.16;
  vec3 c = base * (around + shade * vec3(1.28, 1.20, 1.08)) + gloss + rim * vec3(0.5, 0.7, 1.0) * around;
  float far = isFloor > 0.5 ? smoothstep(reach * 1.1, reach * 4.0, distance(world.xy, centre.xy)) : 0.0;
  c = mix(c, sky(gl_FragCoord.y / height), far);
  result = vec4(pow(c / (1.0 + 0.12 * c), vec3(1.0 / 2.2)), colour.a);
}`;

const SKY_VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.9999, 1.0); }`;
const SKY_FRAGMENT = `#version 300 es
precision highp float;
uniform float height;
out vec4 result;
void main() {
  result = vec4(pow(mix(vec3(0.0045, 0.0065, 0.010), vec3(0.013, 0.019, 0.030), gl_FragCoord.y / height), vec3(1.0 / 2.2)), 1.0);
}`;

const LINE_VERTEX = `#version 300 es
layout(location = 0) in vec3 from;
layout(location = 1) in vec3 to;
layout(location = 2) in vec2 corner;
layout(location = 3) in vec4 colour;
layout(location = 4) in float width;
uniform mat4 view;
uniform vec2 size;
out vec2 place;
out float along, across;
out vec4 tint;
void main() {
  vec4 a = view * vec4(from, 1.0), b = view * vec4(to, 1.0);
  if (a.w < 0.01) a = mix(a, b, clamp((0.01 - a.w) / (b.w - a.w), 0.0, 1.0));
  if (b.w < 0.01) b = mix(b, a, clamp((0.01 - b.w) / (a.w - b.w), 0.0, 1.0));
  vec2 p = a.xy / a.w * size * 0.5, q = b.xy / b.w * size * 0.5, d = q - p;
  float l = length(d), grow = width * 0.5 + 1.0;
  vec2 t = l > 1e-4 ? d / l : vec2(1.0, 0.0), n = vec2(-t.y, t.x);
  vec4 end = corner.x < 0.5 ? a : b;
  vec2 pixel = (corner.x < 0.5 ? p - t * grow : q + t * grow) + n * corner.y * grow;
  place = vec2(corner.x < 0.5 ? -grow : l + grow, corner.y * grow);
  along = l; across = width * 0.5; tint = colour;
  gl_Position = vec4(pixel / size * 2.0 * end.w, end.z - 0.0006 * end.w, end.w);
}`;
const LINE_FRAGMENT = `#version 300 es
precision highp float;
in vec2 place;
in float along, across;
in vec4 tint;
out vec4 result;
void main() {
  float d = length(vec2(place.x - clamp(place.x, 0.0, along), place.y));
  float inside = along > 0.5 ? step(0.0, place.x) * step(place.x, along) : 1.0;  // joints would show through otherwise
  result = vec4(tint.rgb, tint.a * inside * (1.0 - smoothstep(across - 0.5, across + 0.5, d)));
}`;
