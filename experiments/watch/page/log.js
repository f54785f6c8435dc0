// What happened, in words; a click goes to the moment, the last that has happened is marked.

class Log {
  constructor(trace, seek) {
    this.list = $("log").querySelector("ol");
    this.events = [...trace.events].sort((a, b) => a[0] - b[0]);
    this.buttons = this.events.map(([time, text]) => {
      const button = make("button", {}, make("span", {}, `${time.toFixed(1)} s`), make("span", {}, text));
      button.onclick = () => seek(time);
      return button;
    });
    if (this.buttons.length) this.list.append(...this.buttons.map((button) => make("li", {}, button)));
    else $("log").append(make("p", {}, "Nothing was noted in this run."));
  }

  draw(t) {
    const current = this.events.findLastIndex(([time]) => time <= t + 1e-3);
    if (current === this.current) return;
    this.buttons.forEach((button, k) => {
      button.classList.toggle("past", k <= current);
      if (k === current) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
    });
    this.current = current;
    const item = this.buttons[Math.max(0, current)], list = this.list;
    if (item) list.scrollTop = item.offsetTop - list.clientHeight * 0.6;
  }
}
