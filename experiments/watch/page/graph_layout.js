// Places for modules and curves for wires in the box they are given, so that cards do not meet and wires go round cards.

const CARD_HEIGHT = 40;

// How a card is written: size of its two lines, room before and after them, and where its lamp is from the left and the middle.
const ROOMY = { name: 12, kind: 10.5, left: 28, right: 6, lamp: [15, 0] };
const COMPACT = { name: 10, kind: 9, left: 8, right: 6, lamp: [9, -CARD_HEIGHT / 2] };

// As wide as the names need where there is room; else narrower, until no two cards meet.
function placeNodes(nodes, width, height) {
  let cards = [];
  for (const widest of [160, 132, 112, 92, 82, 72, 62]) {
    cards = placeCards(nodes, width, height, widest, widest > 100 ? ROOMY : COMPACT);
    if (separate(cards, { left: 14, right: width - 14, top: 38, bottom: height - 22 })) break;
  }
  return cards;
}

// 0 to 1 over what is there, so that the drawing fills its box.
function spread(nodes, axis) {
  const places = nodes.map((node) => node[axis]), low = Math.min(...places), high = Math.max(...places);
  return (node) => (high > low ? (node[axis] - low) / (high - low) : 0.5);
}

function placeCards(nodes, width, height, widest, look) {
  const context = make("canvas").getContext("2d"), top = 38, bottom = 22, side = 14;
  const across = spread(nodes, "x"), down = spread(nodes, "y");
  const fitText = (text, font, room) => {
    context.font = font;
    if (context.measureText(text).width <= room) return text;
    while (text.length > 1 && context.measureText(text + "…").width > room) text = text.slice(0, -1);
    return text + "…";
  };
  return nodes.map((node) => {
    const room = widest - look.left - look.right;
    const name = fitText(node.name, `600 ${look.name}px ${FONT}`, room), nameWide = context.measureText(name).width;
    const kind = fitText(node.kind, `${look.kind}px ${FONT}`, room), w = Math.max(nameWide, context.measureText(kind).width) + look.left + look.right;
    const usable = { x: width - 2 * side - w, y: height - top - bottom - CARD_HEIGHT };
    return { node, name, kind, look, w, h: CARD_HEIGHT, x: side + w / 2 + across(node) * usable.x, y: top + CARD_HEIGHT / 2 + down(node) * usable.y };
  });
}

// Cards that overlap are pushed apart the shorter way, a little at a time; false where that does not end.
function separate(cards, box) {
  for (let round = 0; round < 160; round++) {
    let moved = false;
    for (const a of cards) for (const b of cards) {
      if (a === b) continue;
      const dx = (a.w + b.w) / 2 + 20 - Math.abs(a.x - b.x), dy = (a.h + b.h) / 2 + 10 - Math.abs(a.y - b.y);
      if (dx <= 0 || dy <= 0) continue;
      const axis = dy <= dx ? "y" : "x", push = (axis === "y" ? dy : dx) / 2 * 0.6 + 0.2, side = a[axis] < b[axis] || (a[axis] === b[axis] && a.node.name < b.node.name) ? -1 : 1;
      a[axis] += side * push; b[axis] -= side * push;
      moved = true;
    }
    for (const card of cards) {
      card.x = clamp(card.x, box.left + card.w / 2, box.right - card.w / 2);
      card.y = clamp(card.y, box.top + card.h / 2, box.bottom - card.h / 2);
    }
    if (!moved) return true;
  }
  return false;
}

const bezier = (p, u) => [0, 1].map((k) => (1 - u) ** 3 * p[0][k] + 3 * u * (1 - u) ** 2 * p[1][k] + 3 * u * u * (1 - u) * p[2][k] + u ** 3 * p[3][k]);

const BOWS = [0, 26, -26, 52, -52, 84, -84, 124, -124, 175, -175, 235, -235];

// Of many curves, the one that crosses the fewest cards, and of those the shortest.
function route(from, to, cards, offset, height) {
  let best = null;
  for (const points of candidates(from, to, offset)) {
    let cost = 0, length = 0, last = points[0];
    for (let k = 1; k < 40; k++) {
      const [x, y] = bezier(points, k / 40);
      length += Math.hypot(x - last[0], y - last[1]);
      last = [x, y];
      if (y < 32 || y > height - 5) cost += 1;
      for (const card of cards) {
        const grow = card === from || card === to ? -2 : 6;
        if (Math.abs(x - card.x) < card.w / 2 + grow && Math.abs(y - card.y) < card.h / 2 + grow) cost += 2;
      }
    }
    cost += length / 90;
    if (!best || cost < best.cost) best = { cost, points };
  }
  return best.points;
}

const CLOSE = 80;

// Forward: out of the right side, into the left. Back, within a column, or into one close by: out of and into tops and
// bottoms.
function candidates(from, to, offset) {
  const gap = to.x - to.w / 2 - from.x - from.w / 2, out = [];
  if (gap > 14) out.push(...BOWS.map((bow) => frontCurve(from, to, bow, offset)));
  if (gap > CLOSE) return out;
  for (const leave of [1, -1]) for (const enter of [1, -1]) for (const bow of BOWS) out.push(backCurve(from, to, bow, offset, leave, enter));
  return out;
}

const ARROW = 7;

function frontCurve(from, to, bow, offset) {
  const a = [from.x + from.w / 2, from.y + offset * 0.5], d = [to.x - to.w / 2 - ARROW, to.y + offset * 0.5];
  const reach = Math.max(8, (d[0] - a[0]) * 0.45);
  return [a, [a[0] + reach, a[1] + bow + offset], [d[0] - reach, d[1] + bow + offset], d];
}

function backCurve(from, to, bow, offset, leave, enter) {
  const apart = from === to ? 16 : 0, a = [from.x + apart + offset, from.y + leave * from.h / 2], d = [to.x - apart + offset, to.y + enter * (to.h / 2 + ARROW)];
  const pull = leave !== enter ? clamp(Math.abs(d[1] - a[1]) * 0.45, 24, 120) : 34 + Math.abs(bow) * 0.6, lean = leave !== enter ? bow * 0.6 : apart;
  return [a, [a[0] + lean, a[1] + leave * pull], [d[0] + (leave !== enter ? lean : -lean), d[1] + enter * pull], d];
}
