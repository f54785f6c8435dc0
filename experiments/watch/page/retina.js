// The retina as strips: every ray a column, leftmost ray first; colours above, nearness below.

class Retina {
  constructor(trace, world, changed) {
    Object.assign(this, { trace, world, changed });
    if (!trace.proximity) { $("retina").hidden = true; return; }
    this.order = trace.ray_angles.map((_, k) => k).sort((a, b) => trace.ray_angles[b] - trace.ray_angles[a]);
    this.rows = trace.row_heights.map((_, k) => k).sort((a, b) => trace.row_heights[b] - trace.row_heights[a]);
    this.canvas = make("canvas", { role: "img", "aria-label": "What each ray of the retina sees" });
    $("retina").querySelector(".stage").append(this.canvas);
    hover(this.canvas, (x, y) => this.at(x, y));
  }

  box(width, height) {
    const left = 124, top = 10, bottom = 18, gap = 5, rows = this.rows.length, room = height - top - bottom - gap;
    return { left, top, wide: width - left - 12, colour: room * 0.62 / rows, near: room * 0.38 / rows, gap, rows, end: height - bottom };
  }

  index(row, column) {
    return (this.now * this.rows.length + this.rows[row]) * this.order.length + this.order[column];
  }

  draw(t) {
    if (!this.canvas) return;
    this.now = decisionAt(this.trace, t);
    const { context: c, width, height } = fit(this.canvas), box = this.box(width, height), cell = box.wide / this.order.length;
    const { colours, proximity } = this.trace, nearTop = box.top + box.rows * box.colour + box.gap;
    for (let row = 0; row < box.rows; row++) for (let k = 0; k < this.order.length; k++) {
      const i = this.index(row, k), x = box.left + k * cell, wide = Math.max(cell - 1, cell * 0.8);
      c.fillStyle = css([0, 1, 2].map((channel) => Math.round(255 * colours[i * 3 + channel])));
      c.fillRect(x, box.top + row * box.colour, wide, box.colour - 1);
      c.fillStyle = css(heat(proximity[i]));
      c.fillRect(x, nearTop + row * box.near, wide, box.near - 1);
    }
    this.labels(c, box, nearTop, cell);
  }

  labels(c, box, nearTop, cell) {
    write(c, "colour", box.left - 8, box.top + box.rows * box.colour / 2, { align: "right" });
    write(c, "nearness", box.left - 8, nearTop + box.rows * box.near / 2, { align: "right" });
    const angles = this.order.map((k) => this.trace.ray_angles[k] * 180 / Math.PI), last = angles.length - 1;
    for (const share of [1, 0.5, 0, -0.5, -1]) {
      const angle = share > 0 ? share * angles[0] : -share * angles[last];
      let k = angles.findIndex((a, n) => n === last || angles[n + 1] <= angle);
      if (k < last) k += (angles[k] - angle) / (angles[k] - angles[k + 1]);
      const words = share ? `${Math.abs(angle).toFixed(0)}° ${angle > 0 ? "left" : "right"}` : "ahead";
      const align = share === 1 ? "left" : share === -1 ? "right" : "center", edge = share === 1 ? 0 : share === -1 ? last + 1 : k + 0.5;
      write(c, words, box.left + edge * cell, box.end + 9, { align });
    }
    const column = this.order.indexOf(this.world.hoveredRay);
    if (column < 0) return;
    c.strokeStyle = "#fff";
    c.strokeRect(box.left + column * cell - 0.5, box.top - 1.5, cell, box.end - box.top + 2);
  }

  at(x, y) {
    const box = this.box(this.canvas.clientWidth, this.canvas.clientHeight), column = Math.floor((x - box.left) / box.wide * this.order.length);
    const inside = column >= 0 && column < this.order.length && y > box.top && y < box.end;
    const ray = inside ? this.order[column] : -1;
    if (ray !== this.world.hoveredRay) { this.world.hoveredRay = ray; this.changed(); }
    if (!inside) return null;
    const high = y < box.top + box.rows * box.colour, start = high ? box.top : box.top + box.rows * box.colour + box.gap;
    const row = clamp(Math.floor((y - start) / (high ? box.colour : box.near)), 0, box.rows - 1), i = this.index(row, column);
    const rgb = [0, 1, 2].map((channel) => this.trace.colours[i * 3 + channel]), near = this.trace.proximity[i];
    const angle = this.trace.ray_angles[ray] * 180 / Math.PI;
    const place = `ray at ${angle.toFixed(0).replace("-", "−")}°, ${number(this.trace.row_heights[this.rows[row]])} m high`;
    return { text: `${place}\nred ${number(rgb[0])}, green ${number(rgb[1])}, blue ${number(rgb[2])}\ndistance ${number(-Math.log(near))} m`,
      colour: css(rgb.map((v) => Math.round(255 * v))) };
  }
}
