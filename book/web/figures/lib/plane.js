// The plane of two inputs, and what a neuron says at each of its places.
import { once } from "./figure.js";
import { boundary, nearest, norm } from "./neuron.js";

const REACH = 8; // beyond z = ±8 the sigmoid is within 0.0004 of its end

/**
 * Shade each place by the neuron's activation there. As z is the same along lines, a gradient along the arrow
 * is the whole picture; x and y must have the same unit on the screen.
 * @param {object} settings w, b, x, y (scales), activation: function of z, points: the z at which it is computed
 */
export function shade(plot, { w, b, x, y, activation, points }) {
  const [[x0, x1], [y0, y1]] = [x.range(), y.range()];
  const fill = once(plot, "rect", "shade").attr("x", x0).attr("y", y1).attr("width", x1 - x0).attr("height", y0 - y1);
  fill.attr("fill", "url(#says)");
  const says = once(once(plot, "defs", "defs"), "linearGradient", "says").attr("id", "says").attr("gradientUnits", "userSpaceOnUse");
  // The neuron may know nothing: then it says the same everywhere, and the way of the gradient is any way.
  const still = norm(w) < 1e-9;
  const level = (z) => (still ? [z, 0] : nearest(w, [0, 0], b - z));
  const [from, to] = [level(-REACH), level(REACH)];
  says.attr("x1", x(from[0])).attr("y1", y(from[1])).attr("x2", x(to[0])).attr("y2", y(to[1]));
  says.selectAll("stop").data(points).join("stop")
    .attr("offset", (z) => ((z + REACH) / (2 * REACH)).toFixed(4))
    .attr("stop-color", "var(--activation)")
    .attr("stop-opacity", (z) => (0.42 * activation(still ? b : z)).toFixed(3));
}

/** Where to compute a smooth activation, and where one that jumps at zero. */
export const SMOOTH = Array.from({ length: 33 }, (_, i) => -REACH + i / 2);
export const JUMP = [-REACH, 0, Number.MIN_VALUE, REACH];

/** Draw the line where z has this value; returns its ends in data units, or null where it is not in the picture. */
export function level(plot, name, { w, b, x, y, z = 0 }) {
  const ends = boundary(w, b - z, x.domain(), y.domain());
  const line = once(plot, "line", `${name}`).attr("display", ends ? null : "none");
  if (ends) {
    const [[a, c], [d, e]] = ends;
    line.attr("x1", x(a)).attr("y1", y(c)).attr("x2", x(d)).attr("y2", y(e));
  }
  return ends;
}

/** An arrow between two places in pixels, with a head that keeps its size. */
export function arrow(plot, name, [x1, y1], [x2, y2], role) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const g = once(plot, "g", name).attr("display", length < 2 ? "none" : null);
  if (length < 2) return;
  const [u, v] = [(x2 - x1) / length, (y2 - y1) / length];
  const head = Math.min(13, length);
  const [bx, by] = [x2 - head * u, y2 - head * v];
  once(g, "line", "shaft").attr("stroke", `var(--${role})`).attr("stroke-width", 3).attr("x1", x1).attr("y1", y1).attr("x2", bx).attr("y2", by);
  const corners = [[x2, y2], [bx - 0.45 * head * v, by + 0.45 * head * u], [bx + 0.45 * head * v, by - 0.45 * head * u]];
  once(g, "polygon", "head").attr("fill", `var(--${role})`).attr("points", corners.map((c) => c.map((p) => p.toFixed(1)).join()).join(" "));
}
