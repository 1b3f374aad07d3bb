// How the names of the network's numbers, and the numbers themselves, are written.
import { number } from "../lib/figure.js";
import { slope } from "./network.js";

const SMALL = "₀₁₂₃₄₅₆₇₈₉";
const NAME = /d?(?:w\d\d|[xzab]\d|y|L|t)(?![a-z′])/g;

/** w11 as w₁₁, and dw11 as ∂L/∂w₁₁, in plain letters. */
export function plain(name) {
  const own = name.replace(/^d/, "").replace(/\d/g, (digit) => SMALL[digit]);
  return name[0] === "d" ? `∂L/∂${own}` : own;
}

/** The same in HTML. */
export const html = (name) => plain(name).replace(/[a-zL](?=[₁₂₃)\s·]|$|\/)/g, "<i>$&</i>");

/** Three digits that count, and no zeros that say nothing. */
export function short(v) {
  if (Math.abs(v) < 5e-4) return "0";
  return String(Number(Math.abs(v) < 1000 ? v.toPrecision(3) : v.toFixed(0))).replace("-", "−");
}

/** The right side of a step's equation, in symbols. */
export const symbols = (from) => from.replace(NAME, html).replace("φ", "<i>φ</i>");

/** The same with a number for every name. */
export function numbers(from, values) {
  const put = (name, at, whole) => {
    const text = short(values[name]);
    return values[name] < 0 && /[·+−]\s*$/.test(whole.slice(0, at)) ? `(${text})` : text;
  };
  const steep = from.replace(/φ′\((z\d)\)/, (_, z) => short(slope(values[z])));
  const whole = steep.replace(/^φ\((z\d)\)/, (_, z) => (values[z] > 0 ? z : `${short(slope(values[z]))}·${z}`));
  return whole.replace(NAME, (name, at) => put(name, at, whole));
}

/** A given number on the sheet, with one digit behind the point. */
export const given = (v) => number(v, 1).replace(/\.0$/, "");
