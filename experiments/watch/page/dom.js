// Small helpers for the document, canvases that are sharp on every screen, and the one tooltip.

const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Fits the canvas to its box in device pixels; -> {context, width, height} in CSS pixels.
function fit(canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  const w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height, ratio };
}

const FONT = 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
const SOFT = "#a3b1c0", TEXT = "#e8eef5", GOOD = "#4fd6a0", BAD = "#ff7b7b";

function write(context, text, x, y, { size = 11, colour = SOFT, align = "left", weight = 400, room = Infinity } = {}) {
  context.font = `${weight} ${size}px ${FONT}`;
  context.fillStyle = colour;
  context.textAlign = align;
  context.textBaseline = "middle";
  if (context.measureText(text).width > room) {
    while (text.length > 1 && context.measureText(text + "…").width > room) text = text.slice(0, -1);
    text += "…";
  }
  context.fillText(text, x, y);
}

// Three significant digits, no exponent where a person would not write one.
function number(x) {
  if (!Number.isFinite(x)) return "missing";
  const size = Math.abs(x);
  if (size < 5e-7) return "0";
  if (size >= 1e5 || size < 1e-3) return x.toExponential(1).replace("-", "−");
  return x.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3).replace("-", "−");
}

// Shows text (or {text, colour}) beside the pointer; null hides it.
function tip(event, content) {
  const box = $("tip");
  box.hidden = !content;
  if (!content) return;
  box.textContent = content.text ?? content;
  if (content.colour) {
    const swatch = make("i");
    swatch.style.background = content.colour;
    box.prepend(swatch);
  }
  const x = event.clientX + 14, y = event.clientY + 16;
  box.style.left = `${Math.min(x, innerWidth - box.offsetWidth - 6)}px`;
  box.style.top = `${y + box.offsetHeight > innerHeight - 6 ? event.clientY - box.offsetHeight - 10 : y}px`;
}

function hover(element, content) {
  element.addEventListener("pointermove", (event) => {
    const box = element.getBoundingClientRect();
    tip(event, event.buttons ? null : content(event.clientX - box.left, event.clientY - box.top));
  });
  element.addEventListener("pointerleave", (event) => { tip(event, null); content(NaN, NaN); });
}
