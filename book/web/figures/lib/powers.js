// Sizes over many powers of ten: a logarithmic axis, and such numbers as text.
import { axisLeft } from "d3-axis";
import { axes } from "./figure.js";

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** 10 to an exponent, as text: `tenTo(-3)` is "10⁻³". */
export const tenTo = (exponent) => `10${String(exponent).replace(/./g, (sign) => RAISED[sign])}`;

/** A positive number in few letters: as it is when it is near 1, else "3.1·10⁻⁷". */
export function power(value) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return "∞";
  let exponent = Math.floor(Math.log10(value));
  if (exponent >= -2 && exponent < 3) return value.toFixed(Math.max(0, 1 - exponent));
  if (Number((value / 10 ** exponent).toFixed(1)) === 10) exponent += 1;
  return `${(value / 10 ** exponent).toFixed(1)}·${tenTo(exponent)}`;
}

/** The exponent of a size, kept within the domain of the scale `y`, and a little beyond it. */
export function exponentIn(y, size) {
  const [low, high] = y.domain();
  return Math.min(high + 0.5, Math.max(low - 0.5, Math.log10(size)));
}

/** Axes whose vertical scale is of exponents: it says 10⁻³, 1, 10³. */
export function powerAxes(plot, x, y, { every = 3, ...settings }) {
  const [low, high] = y.domain();
  const exponents = [];
  for (let e = Math.ceil(low / every) * every; e <= high; e += every) exponents.push(e);
  axes(plot, x, y, settings);
  const left = (name) => plot.select(`:scope > g.${name}`);
  left("gy").call(axisLeft(y).tickValues(exponents).tickSize(-settings.width).tickFormat(""));
  left("ay").call(axisLeft(y).tickValues(exponents).tickFormat((e) => (e === 0 ? "1" : tenTo(e))));
}

/** Heights for labels at the ends of lines: in the same order, but none nearer than `apart` to the next. */
export function spread(heights, apart, [low, high]) {
  const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b]);
  const placed = heights.map((v) => Math.min(high, Math.max(low, v)));
  order.forEach((i, n) => n > 0 && (placed[i] = Math.max(placed[i], placed[order[n - 1]] + apart)));
  const over = Math.max(0, placed[order.at(-1)] - high);
  for (let n = order.length - 1, limit = high; n >= 0 && over > 0; n--) {
    placed[order[n]] = Math.min(placed[order[n]], limit);
    limit = placed[order[n]] - apart;
  }
  return placed;
}
