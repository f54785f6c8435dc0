// Playing, the scrub bar, the keys and the #t= in the address.

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const KEYS = [
  ["Space", "play or pause"], ["← →", "one decision back or on"], ["Shift + ← →", "one second back or on"],
  ["Home End", "start and end"], ["+ −", "faster, slower"], ["[ ]", "episode before, next"], ["↑ ↓", "next unit of the chosen module"],
  ["F", "follow the body"], ["T R", "from above, whole scene"], ["V", "rays on or off"], ["?", "this help"],
];
const PLAY = "M4 2.5v11L13.5 8z", PAUSE = "M4 3h3v10H4zM9 3h3v10H9z";

class Transport {
  constructor(trace, timeline, changed) {
    Object.assign(this, { trace, timeline, changed, time: trace.start, playing: false, speed: 1 });
    this.bar = $("scrub");
    this.canvas = this.bar.querySelector("canvas");
    this.bar.setAttribute("aria-valuemin", trace.start.toFixed(2));
    this.bar.setAttribute("aria-valuemax", trace.end.toFixed(2));
    $("speed").append(...SPEEDS.map((speed) => make("option", { value: speed }, `${speed} ×`)));
    $("help").querySelector("tbody").append(...KEYS.map(([keys, words]) => {
      const caps = keys.split(" ").flatMap((key) => (key === "+" && keys.startsWith("Shift") ? [" + "] : [make("kbd", {}, key), " "]));
      return make("tr", {}, make("td", {}, ...caps), make("td", {}, words));
    }));
    this.listen();
  }

  listen() {
    $("play").onclick = () => this.toggle();
    $("back").onclick = () => this.step(-1);
    $("forth").onclick = () => this.step(1);
    $("speed").onchange = (event) => this.setSpeed(Number(event.target.value));
    $("help-button").onclick = () => $("help").showModal();
    const go = (event) => this.seek(this.timeAt(event.offsetX));
    this.bar.addEventListener("pointerdown", (event) => { this.bar.setPointerCapture(event.pointerId); go(event); });
    this.bar.addEventListener("pointermove", (event) => event.buttons && go(event));
    hover(this.bar, (x) => (Number.isFinite(x) ? this.words(this.timeAt(x)) : null));
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("hashchange", () => this.readHash());
    this.setSpeed(1);
  }

  get wide() { return this.canvas.clientWidth - RIGHT; }
  timeAt(x) { return mix(this.trace.start, this.trace.end, clamp(x / this.wide, 0, 1)); }

  words(t) {
    const i = decisionAt(this.trace, t);
    const notes = this.trace.events.filter(([time]) => Math.abs(time - t) < (this.trace.end - this.trace.start) * 5 / this.wide).slice(0, 3);
    return [`${t.toFixed(1)} s · episode ${Math.round(this.trace.episode[i])}`, ...notes.map(([, text]) => text)].join("\n");
  }

  seek(t, keepHash = false) {
    this.time = clamp(Number.isFinite(t) ? t : this.trace.start, this.trace.start, this.trace.end);
    if (!this.playing && !keepHash) this.writeHash();
    this.changed();
  }

  step(count) {
    this.pause();
    const i = clamp(decisionAt(this.trace, this.time) + count, 0, this.trace.steps - 1);
    this.seek(this.trace.time[i]);
  }

  episode(count) {
    const { spans } = this.timeline, i = decisionAt(this.trace, this.time), k = spans.findIndex((span) => i <= span.last);
    this.seek(spans[clamp(k + count, 0, spans.length - 1)].start);
  }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  play() {
    if (this.time >= this.trace.end - 1e-3) this.time = this.trace.start;
    this.playing = true;
    this.before = performance.now();
    this.mark("Pause", PAUSE);
    this.changed();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.mark("Play", PLAY);
    this.writeHash();
    this.changed();
  }

  mark(words, icon) {
    $("play").setAttribute("aria-label", words);
    $("play").querySelector("path").setAttribute("d", icon);
  }

  // Called once a frame while playing.
  advance(clock) {
    this.time = Math.min(this.trace.end, this.time + clamp((clock - this.before) / 1000, 0, 0.2) * this.speed);
    this.before = clock;
    if (this.time >= this.trace.end) this.pause();
  }

  setSpeed(speed) { this.speed = speed; $("speed").value = speed; }

  // The clock writes here only when it stands: a browser refuses hundreds of changes to the address in a row.
  writeHash() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => history.replaceState(null, "", `#t=${+this.time.toFixed(2)}`), 60);
  }

  readHash() {
    const found = new URLSearchParams(location.hash.slice(1)), t = parseFloat(found.get("t"));
    if (Number.isFinite(t)) { this.pause(); this.seek(t, true); }
    if (found.has("play")) this.play();
  }

  key(event) {
    const on = event.target, name = event.key, change = (k) => this.setSpeed(SPEEDS[clamp(SPEEDS.indexOf(this.speed) + k, 0, SPEEDS.length - 1)]);
    if (event.ctrlKey || event.altKey || event.metaKey || $("help").open || on.tagName === "SELECT") return;
    if (name === " " && on.tagName === "BUTTON" && on.id !== "play") return;  // space presses the button in focus
    const second = Math.max(1, Math.round(1 / this.trace.meta.dt));
    const actions = {
      " ": () => this.toggle(), ArrowLeft: () => this.step(event.shiftKey ? -second : -1), ArrowRight: () => this.step(event.shiftKey ? second : 1),
      Home: () => this.seek(this.trace.start), End: () => { this.pause(); this.seek(this.trace.end); },
      "+": () => change(1), "=": () => change(1), "-": () => change(-1), "[": () => this.episode(-1), "]": () => this.episode(1),
      f: () => $("follow").click(), t: () => $("top").click(), r: () => $("reset").click(), v: () => $("rays").click(), "?": () => $("help").showModal(),
    };
    if (this.timeline.count) Object.assign(actions, { ArrowUp: () => this.timeline.moveUnit(1), ArrowDown: () => this.timeline.moveUnit(-1) });
    const action = actions[name] || actions[name.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  draw() {
    const { context: c, height } = fit(this.canvas), { start, end } = this.trace, x = (t) => (t - start) / (end - start) * this.wide, y = 18;
    const block = (from, to, colour, top = y, tall = 8) => { c.fillStyle = colour; c.beginPath(); c.roundRect(x(from), top, Math.max(1, x(to) - x(from)), tall, 4); c.fill(); };
    for (const span of this.timeline.spans) {
      block(span.start, span.end - 0.0015 * (end - start), "#2b3542");
      if (x(span.end) - x(span.start) > 62) write(c, `episode ${span.number}`, x(span.start) + 1, 7, { size: 10.5 });
    }
    const { view } = this.timeline;
    if (view.to - view.from < (end - start) * 0.999) block(view.from, view.to, "#48607c");
    block(start, this.time, "#3f8fdb");
    for (const [time] of this.trace.events) { c.fillStyle = time <= this.time ? "#e8eef5" : "#8494a8"; c.beginPath(); c.arc(x(time), height - 10, 2.4, 0, 7); c.fill(); }
    c.fillStyle = "#fff";
    c.beginPath(); c.arc(x(this.time), y + 4, 7.5, 0, 7); c.fill();
    this.drawClock();
  }

  drawClock() {
    const whole = this.trace.end.toFixed(1);
    $("now").replaceChildren(`${this.time.toFixed(2)} s `, make("small", {}, `of ${whole}`));
    this.bar.setAttribute("aria-valuenow", this.time.toFixed(2));
    this.bar.setAttribute("aria-valuetext", `${this.time.toFixed(1)} of ${whole} seconds`);
  }
}
