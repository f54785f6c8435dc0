// The strips on one time axis. What stands still is drawn once below, the cursor and the values of now above it.

const RIGHT = 14;

class Timeline {
  constructor(trace, seek, changed) {
    Object.assign(this, { trace, seek, spans: episodes(trace), view: { from: trace.start, to: trace.end } });
    this.choice = { module: null, units: [] };
    this.strips = stripsOf(trace, this.choice);
    this.changed = changed;
    if (this.strips.reduce((sum, { least }) => sum + least, 0) > 270) document.querySelector("main").style.setProperty("--lower", "1fr");
    this.stage = $("timeline").querySelector(".stage");
    this.still = make("canvas", { role: "img", "aria-label": this.words });
    this.moving = make("canvas", { "aria-hidden": true });
    this.sheet = make("div", { class: "sheet" }, this.still, this.moving);
    this.stage.append(this.sheet);
    this.axis = make("canvas", { class: "axis", "aria-hidden": true });
    $("timeline").append(this.axis);
    this.listen();
  }

  get words() { return `Over time: ${this.strips.map((s) => s.name).join(", ")}`; }

  // Looks into a module, or into none; `units` are those drawn as lines.
  look(module, units = liveliest(this.trace, module)) {
    this.choice = { module, units };
    this.strips = stripsOf(this.trace, this.choice);
    this.still.setAttribute("aria-label", this.words);
    this.layout();
    this.changed();
  }

  // How many units the populations of the module have, at most; 0 where it shows none.
  get count() {
    return Math.max(0, ...populations(this.trace, this.choice.module).map((port) => unitsOf(this.trace, port)).map(({ shape, stride }) => shape[1] * stride));
  }

  // Chooses a unit, or no longer; the one chosen first makes room.
  pick(unit) {
    const { module, units } = this.choice;
    if (unit < this.count) this.look(module, units.includes(unit) ? units.filter((n) => n !== unit) : [...units, unit].slice(-CHOSEN));
  }

  // The unit chosen last moves up or down, past those that are chosen already.
  moveUnit(by) {
    const { module, units } = this.choice, others = units.slice(0, -1);
    const step = by * Math.max(1, ...Object.entries(this.trace.strides).filter(([port]) => port.startsWith(`${module}.`)).map(([, stride]) => stride));
    let unit = units.length ? units[units.length - 1] + step : 0;
    while (others.includes(unit)) unit += step;
    if (unit >= 0 && unit < this.count) this.look(module, [...others, unit]);
  }

  listen() {
    let from = null;
    const go = (event) => { if (event.offsetX > this.gutter) this.seek(this.timeAt(event.offsetX)); };
    this.sheet.addEventListener("pointerdown", (event) => { this.sheet.setPointerCapture(event.pointerId); from = [event.offsetX, event.offsetY]; go(event); });
    this.sheet.addEventListener("pointermove", (event) => event.buttons && go(event));
    this.sheet.addEventListener("pointerup", ({ offsetX: x, offsetY: y }) => {
      if (from && x > this.gutter && Math.hypot(x - from[0], y - from[1]) < 4) this.pick(this.unitAt(y));
      from = null;
    });
    this.sheet.addEventListener("dblclick", () => this.zoom(this.trace.start, this.trace.end));
    this.sheet.addEventListener("wheel", (event) => {
      if (event.offsetX < this.gutter) return;
      event.preventDefault();
      const middle = this.timeAt(event.offsetX), k = Math.exp(0.0015 * clamp(event.deltaY, -200, 200));
      this.zoom(middle - (middle - this.view.from) * k, middle + (this.view.to - middle) * k);
    }, { passive: false });
    hover(this.sheet, (x, y) => this.at(x, y));
  }

  zoom(from, to) {
    const { start, end, meta } = this.trace, span = clamp(to - from, Math.min(10 * meta.dt, end - start), end - start);
    const first = clamp(from, start, end - span);
    this.view = { from: first, to: first + span };
    this.layout();
    this.changed();
  }

  // While time runs out of the part in view, the view goes along.
  follow(t) {
    const { from, to } = this.view;
    if (t >= from && t <= to) return;
    const span = to - from, first = clamp(t - 0.1 * span, this.trace.start, this.trace.end - span);
    this.view = { from: first, to: first + span };
    this.layout();
  }

  x(t) { return this.gutter + (t - this.view.from) / (this.view.to - this.view.from) * this.wide; }
  timeAt(x) { return mix(this.view.from, this.view.to, clamp((x - this.gutter) / this.wide, 0, 1)); }

  layout() {
    const room = this.stage.clientHeight - 2, weights = this.strips.reduce((sum, s) => sum + s.weight, 0);
    const least = this.strips.reduce((sum, s) => sum + s.least, 0), spare = Math.max(0, room - least);
    let y = 2;
    this.boxes = this.strips.map((strip) => {
      const h = strip.least + spare * strip.weight / weights, box = { y, h };
      y += h;
      return box;
    });
    this.sheet.style.height = `${Math.max(y, this.stage.clientHeight)}px`;
    this.gutter = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--gutter"));
    this.wide = Math.max(10, this.sheet.clientWidth - this.gutter - RIGHT);
    for (const box of this.boxes) Object.assign(box, { x: this.gutter, w: this.wide });
    this.drawStill();
  }

  drawStill() {
    const { context: c, width, height, ratio } = fit(this.still);
    this.strips.forEach((strip, k) => {
      const box = this.boxes[k];
      if (k) { c.fillStyle = "#222b37"; c.fillRect(8, Math.round(box.y), width - 16, 1); }
      write(c, strip.name, 12, box.y + Math.min(14, box.h / 2), { colour: TEXT, size: 11.5, weight: 600, room: this.gutter - (strip.silent ? 24 : 70) });
      if (strip.note) write(c, strip.note, 12, box.y + 30, { size: 11 });
      c.save();
      c.beginPath(); c.rect(this.gutter, box.y, this.wide, box.h); c.clip();
      strip.draw(c, box, (t) => this.x(t), ratio);
      c.restore();
    });
    for (const span of this.spans.slice(1)) {
      if (this.x(span.start) < this.gutter) continue;
      c.fillStyle = "#8494a8";
      c.fillRect(Math.round(this.x(span.start)), 0, 1, height);
    }
    this.drawAxis();
  }

  drawAxis() {
    const { context: c } = fit(this.axis);
    const span = this.view.to - this.view.from, step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((s) => s * this.wide / span > 64) || 1200;
    for (let k = Math.ceil(this.view.from / step - 1e-6); k * step <= this.view.to + 1e-6; k++) {
      const x = this.x(k * step);
      c.fillStyle = "#3b4858";
      c.fillRect(Math.round(x), 0, 1, 4);
      write(c, `${+(k * step).toFixed(1)} s`, clamp(x, this.gutter + 8, this.gutter + this.wide - 8), 11, { align: "center", size: 10.5 });
    }
  }

  draw(t) {
    if (!this.boxes) this.layout();
    this.follow(t);
    const { context: c, height } = fit(this.moving), i = decisionAt(this.trace, t), x = this.x(t);
    this.strips.forEach((strip, k) => {
      const box = this.boxes[k], rows = strip.now(i), top = box.y + Math.min(14, box.h / 2);
      strip.drawNow?.(c, box, (s) => this.x(s), i);
      rows.slice(0, Math.max(1, Math.floor((box.h - 4) / 14))).forEach(({ name, text, colour }, row) => {
        write(c, text, this.gutter - 12, top + 14 * row, { align: "right", size: 11.5, colour, weight: 600 });
        if (name) write(c, name, this.gutter - 64, top + 14 * row, { align: "right", size: 11.5, colour, room: this.gutter - 64 - (row ? 12 : 64) });
      });
    });
    c.fillStyle = "#66b2ff22";
    c.fillRect(this.x(this.trace.time[i]), 0, this.x(this.trace.time[i] + this.trace.meta.dt) - this.x(this.trace.time[i]), height);
    c.fillStyle = "#fff";
    c.fillRect(x - 0.75, 0, 1.5, height);
  }

  stripAt(y) { return this.boxes?.findIndex((box) => y >= box.y && y < box.y + box.h) ?? -1; }

  unitAt(y) {
    const k = this.stripAt(y);
    return this.strips[k]?.unit?.(this.share(y, k));
  }

  // How far down y is in what a strip draws, which ends 3 pixels from its border.
  share(y, k) { return (y - this.boxes[k].y - 3) / (this.boxes[k].h - 6); }

  at(x, y) {
    const k = this.stripAt(y);
    if (k < 0) return null;
    if (x < this.gutter) return this.strips[k].name;
    const t = this.timeAt(x);
    return `${t.toFixed(1)} s\n${this.strips[k].tip(decisionAt(this.trace, t), this.share(y, k))}`;
  }
}
