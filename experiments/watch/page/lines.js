// Line segments with a width in CSS pixels; a segment from a point to itself is a round dot.

const CORNERS = [[0, -1], [1, -1], [1, 1], [0, -1], [1, 1], [0, 1]];

class Lines {
  constructor() { this.segments = []; }

  add(from, to, colour, width, end = colour) { this.segments.push({ from, to, colour, width, end }); }

  dot(at, colour, width) { this.add(at, at, colour, width); }

  path(points, colour, width) {
    for (let i = 0; i + 1 < points.length; i++) this.add(points[i], points[i + 1], colour, width);
  }

  ring(centre, radius, colour, width) {
    this.path(Array.from({ length: 49 }, (_, k) => {
      const angle = k * Math.PI / 24;
      return add(centre, [radius * Math.cos(angle), radius * Math.sin(angle), 0]);
    }), colour, width);
  }

  vertices() {
    const data = new Float32Array(this.segments.length * 6 * 13), ratio = window.devicePixelRatio || 1;
    let i = 0;
    for (const s of this.segments) for (const [end, side] of CORNERS) {
      data.set([...s.from, ...s.to, end, side, ...(end ? s.end : s.colour), s.width * ratio], i);
      i += 13;
    }
    return data;
  }
}
