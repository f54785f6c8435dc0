// The panel of body and world: 3-D where the browser can, from above where it cannot.

class View {
  constructor(world, changed) {
    Object.assign(this, { world, changed });
    this.start();
    $("follow").onclick = () => this.toggle("follow");
    $("rays").onclick = () => this.toggle("rays");
    $("top").onclick = () => this.camera?.top();
    $("reset").onclick = () => this.camera?.reset();
    $("rays").hidden = !world.trace.proximity;
  }

  start() {
    const canvas = this.canvas();
    try {
      this.renderer = new Renderer(canvas, this.world.trace.geoms);
      this.camera = new Camera(canvas, this.world.frame, this.changed);
      canvas.addEventListener("webglcontextlost", () => this.fallBack("The graphics driver gave up: shown from above."));
    } catch (error) {
      this.fallBack(`No 3-D in this browser (${error.message}): shown from above.`);
    }
  }

  canvas() {
    const canvas = make("canvas", { role: "img", "aria-label": "The body in its world. Drag to turn, wheel to zoom." });
    $("view").replaceChildren(canvas);
    return canvas;
  }

  fallBack(words) {
    this.renderer = this.camera = null;
    this.plan = new Plan(this.canvas(), this.world);
    $("note").textContent = words;
    $("note").hidden = false;
    for (const id of ["follow", "top", "reset"]) $(id).hidden = true;
    this.changed();
  }

  toggle(which) {
    const on = which === "rays" ? (this.world.showRays = !this.world.showRays) : this.camera && (this.camera.follow = !this.camera.follow);
    if (which === "follow" && this.camera) {
      this.camera.shift = [0, 0, 0];
      if (on) this.camera.away = Math.min(this.camera.away, 0.6); else this.camera.home();
    }
    $(which).setAttribute("aria-pressed", Boolean(on));
    this.changed();
  }

  draw(t) {
    if (!this.renderer) return this.plan.draw(t);
    const { canvas } = this.renderer, ratio = window.devicePixelRatio || 1;
    const w = Math.max(1, Math.round(canvas.clientWidth * ratio)), h = Math.max(1, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    this.renderer.draw(this.world.items(t), this.world.lines(t), this.camera.look(this.world.root(t)), this.world.frame);
  }
}
