// A picture that the reader paints on: with the mouse, a finger, or the keys.
import { once } from "./figure.js";

/** A picture of zeros, by rows. */
export const blank = (side) => Array.from({ length: side }, () => Array(side).fill(0));

/** How far a point is from the stretch between two others; points are [row, column]. */
export function distance([r, c], [r0, c0], [r1, c1]) {
  const [dr, dc] = [r1 - r0, c1 - c0];
  const along = dr || dc ? ((r - r0) * dr + (c - c0) * dc) / (dr * dr + dc * dc) : 0;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(r - r0 - t * dr, c - c0 - t * dc);
}

/**
 * Draw a line with a round pen whose edge is soft over one pixel: full inside, half at the radius.
 * @param {number[][]} picture values in [0, 1]; it is changed
 * @param {number[]} from, to [row, column]; pixel (0, 0) has its middle at (0, 0)
 * @param {number} radius of the pen, in pixels
 * @param {boolean} wipes whether it takes ink away
 */
export function stroke(picture, from, to, radius, wipes = false) {
  const reach = radius + 0.5;
  const range = (k, length) => [Math.max(0, Math.ceil(Math.min(from[k], to[k]) - reach)), Math.min(length - 1, Math.floor(Math.max(from[k], to[k]) + reach))];
  const [[top, bottom], [left, right]] = [range(0, picture.length), range(1, picture[0].length)];
  for (let r = top; r <= bottom; r++) {
    for (let c = left; c <= right; c++) {
      const ink = Math.min(1, Math.max(0, reach - distance([r, c], from, to)));
      picture[r][c] = wipes ? Math.min(picture[r][c], 1 - ink) : Math.max(picture[r][c], ink);
    }
  }
}

const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const PENS = { " ": "draw", Delete: "wipe", Backspace: "wipe" };

/**
 * Make a square of the drawing a picture to point at and, with a pen, to paint on.
 * @param plot where it is drawn
 * @param {string} name its class
 * @param {object} settings
 *   address: of the bitmap; size: of the square, pixels of the screen; side: how many pixels the picture has in a row;
 *   cursor: {at: [row, column], reach: pixels to either side}; pointed: called with a cell [row, column];
 *   label: what it is and how it is used; pen: (from, to, wipes) → paints, or left out; snap: whether the pen keeps to cells;
 *   tool: () → "draw" or "wipe", for the mouse and the finger
 */
export function paintable(plot, name, { address, size, side, cursor, pointed, label, pen, snap = false, tool = () => "draw" }) {
  const g = once(plot, "g", `paintable ${name}`);
  once(g, "image", "bitmap").attr("width", size).attr("height", size).attr("href", address);
  once(g, "rect", "edge").attr("width", size).attr("height", size);
  const unit = size / side;
  const [row, column] = cursor.at;
  once(g, "rect", "cursor").attr("width", unit * (2 * cursor.reach + 1)).attr("height", unit * (2 * cursor.reach + 1))
    .attr("x", unit * (column - cursor.reach)).attr("y", unit * (row - cursor.reach));
  const within = (v) => Math.min(side - 1, Math.max(0, v));
  const cell = (point) => point.map((v) => within(Math.round(v)));
  const place = (event) => {
    const box = g.select(".edge").node().getBoundingClientRect();
    const at = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width].map((v) => v * side - 0.5);
    return snap ? cell(at) : at;
  };
  const node = g.node();
  node.last ??= null; // where the pen was, while it is down
  g.on("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    node.setPointerCapture(event.pointerId);
    const at = place(event);
    node.focus({ preventScroll: true });
    node.last = at;
    if (pen) pen(at, at, tool() === "wipe");
    pointed(cell(at));
  });
  g.on("pointermove", (event) => {
    const at = place(event);
    if (pen && node.last) {
      pen(node.last, at, tool() === "wipe");
      node.last = at;
    }
    if (node.last || event.pointerType === "mouse") pointed(cell(at));
  });
  g.on("pointerup pointercancel", () => (node.last = null));
  if (!pen) return;
  g.attr("tabindex", 0).attr("role", "application").attr("aria-label", label);
  node.held ??= null; // the key of the pen, while it is down
  g.on("keydown", (event) => {
    const way = WAYS[event.key];
    if (!way && !PENS[event.key]) return;
    event.preventDefault();
    if (!way) node.held = PENS[event.key];
    const far = way && event.shiftKey ? 5 : 1;
    const to = way ? cursor.at.map((v, k) => within(v + far * way[k])) : cursor.at;
    if (node.held) pen(cursor.at, to, node.held === "wipe");
    pointed(to);
  });
  g.on("keyup", (event) => PENS[event.key] && (node.held = null));
  g.on("blur", () => (node.held = null));
}
