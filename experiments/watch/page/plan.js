// The world from above on a plain canvas, for browsers without WebGL2.

class Plan {
  constructor(canvas, world) { Object.assign(this, { canvas, world }); }

  draw(t) {
    const { context: c, width, height } = fit(this.canvas), { centre, reach } = this.world.frame;
    const k = 0.62 * Math.min(width, height) / reach;
    const at = (p) => [width / 2 + (p[0] - centre[0]) * k, height / 2 - (p[1] - centre[1]) * k];
    for (const item of this.world.items(t)) this.shape(c, item, at(item.place), k);
    const stroke = (from, to, colour, wide) => {
      c.strokeStyle = colour; c.lineWidth = wide; c.beginPath(); c.moveTo(...at(from)); c.lineTo(...at(to)); c.stroke();
    };
    for (const s of this.world.lines(t).segments) {
      const colour = (end) => css(end.slice(0, 3).map((x) => Math.round(255 * x)), end[3]);
      if (s.from !== s.to) { stroke(s.from, s.to, colour(s.end), s.width); continue; }
      c.fillStyle = colour(s.colour); c.beginPath(); c.arc(...at(s.to), s.width / 2, 0, 7); c.fill();
    }
  }

  shape(c, { geom, turn, scale, colour, isFloor }, [x, y], k) {
    const { type, size } = this.world.trace.geoms[geom], [w, qx, qy, qz] = turn;
    c.save();
    c.translate(x, y);
    c.rotate(-Math.atan2(2 * (w * qz + qx * qy), 1 - 2 * (qy * qy + qz * qz)));
    c.fillStyle = css(colour.slice(0, 3).map((v) => Math.round(255 * v * (isFloor ? 0.45 : 0.9))), colour[3]);
    c.beginPath();
    if (type === "box" || type === "plane") {
      const a = (size[0] || UNBOUNDED) * scale[0] * k, b = (size[1] || UNBOUNDED) * scale[1] * k;
      c.rect(-a, -b, 2 * a, 2 * b);
    } else c.arc(0, 0, size[0] * scale[0] * k, 0, 7);
    c.fill();
    c.restore();
  }
}
