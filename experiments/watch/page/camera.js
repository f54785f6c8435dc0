// Orbit camera: drag turns, right or shift drag (or two fingers) moves, the wheel zooms; `follow` keeps a point in the middle.

class Camera {
  constructor(canvas, frame, changed) {
    Object.assign(this, { canvas, frame, changed, follow: false, angle: 38 * Math.PI / 180 });
    this.reset();
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    canvas.addEventListener("wheel", (event) => this.zoom(event), { passive: false });
  }

  reset() {
    Object.assign(this, { turn: -Math.PI / 2 + 0.42, tilt: 0.8 });
    this.home();
  }

  top() {
    Object.assign(this, { turn: -Math.PI / 2, tilt: Math.PI / 2 - 0.002 });
    this.home();
  }

  drag(event) {
    const k = 1 / this.canvas.clientHeight;
    if (event.buttons & 2 || event.shiftKey) {
      const reach = 2 * this.distance() * Math.tan(this.angle / 2) * k;
      const right = [-Math.sin(this.turn), Math.cos(this.turn), 0], ahead = [-Math.cos(this.turn), -Math.sin(this.turn), 0];
      const move = add(times(right, -event.movementX * reach), times(ahead, event.movementY * reach));
      if (this.follow) this.shift = add(this.shift, move); else this.target = add(this.target, move);
    } else {
      this.turn -= event.movementX * k * 3.5;
      this.tilt = clamp(this.tilt + event.movementY * k * 3, -0.2, Math.PI / 2 - 0.002);
    }
    this.changed();
  }

  zoom(event) {
    event.preventDefault();
    this.away = clamp(this.away * Math.exp(0.0012 * clamp(event.deltaY, -200, 200)), 0.08, 8);
    this.changed();
  }

  home() {
    Object.assign(this, { away: 1, shift: [0, 0, 0], aspect: null });
    this.changed();
  }

  // Just far enough that the whole scene is in view from this side, and aimed so that it lies in the middle.
  fitScene() {
    const { low, high, centre } = this.frame, back = this.backward(), side = unit(cross([0, 0, 1], back)), up = cross(back, side);
    const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => sub([k & 1 ? high[0] : low[0], k & 2 ? high[1] : low[1], k & 4 ? high[2] : low[2]], centre));
    const tall = Math.tan(this.angle / 2) * 0.86, wide = Math.tan(this.angle / 2) * this.aspect * 0.94;
    const points = corners.map((p) => [dot(p, side), dot(p, up), dot(p, back)]);
    let aim = [0, 0], d = 1;
    for (let round = 0; round < 12; round++) {
      d = Math.max(...points.map(([x, y, z]) => z + Math.max(Math.abs(x - aim[0]) / wide, Math.abs(y - aim[1]) / tall)));
      aim = aim.map((a, k) => {
        const seen = points.map((p) => (p[k] - a) / (d - p[2]));
        return a + d * (Math.max(...seen) + Math.min(...seen)) / 2 * 0.8;
      });
    }
    this.base = d;
    this.target = add(centre, add(times(side, aim[0]), times(up, aim[1])));
  }

  backward() {
    const c = Math.cos(this.tilt);
    return [c * Math.cos(this.turn), c * Math.sin(this.turn), Math.sin(this.tilt)];
  }

  distance() { return this.away * this.base; }

  look(body) {
    const aspect = this.canvas.clientWidth / Math.max(1, this.canvas.clientHeight);
    if (aspect !== this.aspect) { this.aspect = aspect; this.fitScene(); }
    if (this.follow && body) this.target = add(body, this.shift);
    const d = this.distance(), eye = add(this.target, times(this.backward(), d));
    const matrix = multiply(perspective(this.angle, aspect, d * 0.02, d * 12 + 8 * this.frame.reach), lookAt(eye, this.target, [0, 0, 1]));
    return { eye, matrix };
  }
}
