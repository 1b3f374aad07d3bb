// The 2–2–1 network as a graph: cards for values, chips for what the reader may change, arrows for the step.
import { once } from "../lib/figure.js";
import { arrow } from "../lib/plane.js";
import { STEPS } from "./network.js";
import { plain, short } from "./words.js";

const COLUMNS = { x: 0, z: 1, a: 2, y: 3, L: 4 };
const GAPS = [0.53, 0.15, 0.2, 0.12]; // the room between the columns; the first holds four weights
const EDGES = [["x1", "z1"], ["x2", "z1"], ["x1", "z2"], ["x2", "z2"], ["z1", "a1"], ["z2", "a2"], ["a1", "y"], ["a2", "y"], ["y", "L"]];
const ROLES = { x: "input", z: "activation", a: "activation", y: "activation", L: "target" };
const CARDS = ["x1", "x2", "z1", "z2", "a1", "a2", "y", "L"];

/** The edges along which a step goes, each from its beginning to its end. */
export function edgesOf(name) {
  const [kind, i, j] = name.replace(/^d/, "").split("");
  if (name[0] !== "d") return EDGES.filter(([, to]) => to === name);
  if (kind === "w") return i === "3" ? [["y", `a${j}`]] : [[`z${i}`, `x${j}`]];
  return kind === "b" ? [] : EDGES.filter(([from]) => from === name.slice(1)).map(([from, to]) => [to, from]);
}

/** Where everything stands, for a width; on a phone all is a little smaller. */
export function layout(width) {
  const s = width < 500 ? 1 : 1.2;
  const card = { w: s === 1 ? 42 : 66, h: 54 * s };
  const chip = { w: s === 1 ? 50 : 68, h: 34 * s };
  const [row, room] = [94 * s, width - 5 * card.w];
  const lefts = GAPS.reduce((all, gap) => [...all, all.at(-1) + card.w + gap * room], [0]);
  const top = chip.h + 12 + card.h / 2;
  const rows = { 1: top, 2: top + 2 * row, "": top + row };
  const at = {};
  for (const name of CARDS) at[name] = [lefts[COLUMNS[name[0]]] + card.w / 2, rows[name.slice(1)]];
  const between = (p, q, t) => at[p].map((v, k) => v + t * (at[q][k] - v));
  const away = (card.h + chip.h) / 2 + 6;
  const spots = {
    w11: between("x1", "z1", 0.5), w22: between("x2", "z2", 0.5), w21: between("x1", "z2", 0.32), w12: between("x2", "z1", 0.32),
    w31: between("a1", "y", 0.5), w32: between("a2", "y", 0.5),
    b1: [at.z1[0], at.z1[1] - away], b2: [at.z2[0], at.z2[1] + away],
    b3: [at.y[0] + chip.w * 0.56, at.y[1] - away], t: [at.L[0] - Math.max(0, (chip.w - card.w) / 2), at.L[1] + away],
  };
  return { s, width, card, chip, at, spots, height: rows[2] + card.h / 2 + chip.h + 12 };
}

function sides({ at, card }, from, to) {
  const way = Math.sign(at[to][0] - at[from][0]);
  return [[at[from][0] + (way * card.w) / 2, at[from][1]], [at[to][0] - (way * card.w) / 2, at[to][1]]];
}

/** Draw it as it stands after so many steps. */
export function draw(plot, place, { values, step, selected, select, change }) {
  const known = new Set(STEPS.slice(0, step).map(({ of }) => of));
  const now = step > 0 ? STEPS[step - 1].of : "";
  const role = now[0] === "d" ? "gradient" : "activation";
  for (const [from, to] of EDGES) {
    const [[x1, y1], [x2, y2]] = sides(place, from, to);
    once(plot, "line", `edge-${from}-${to}`).attr("stroke", "var(--grid)").attr("stroke-width", 2).attr("x1", x1).attr("y1", y1).attr("x2", x2).attr("y2", y2);
  }
  for (const [name, card] of [["b1", "z1"], ["b2", "z2"], ["b3", "y"], ["t", "L"]]) {
    const [[x1, y1], [x2, y2]] = [place.spots[name], place.at[card]];
    once(plot, "line", `tie-${name}`).attr("stroke", "var(--grid)").attr("stroke-width", 2).attr("x1", x1).attr("y1", y1).attr("x2", x2).attr("y2", y2);
  }
  const moving = edgesOf(now);
  for (const i of [0, 1]) {
    const way = moving[i] ? sides(place, ...moving[i]) : [[0, 0], [0, 0]];
    arrow(plot, `moving${i}`, ...way, role);
  }
  legend(plot, place);
  const told = { values, known, now, selected, select, change };
  for (const name of CARDS) box(plot, name, { ...place, size: place.card, spot: place.at[name], ...told });
  for (const name of Object.keys(place.spots)) box(plot, name, { ...place, size: place.chip, spot: place.spots[name], ...told });
}

function legend(plot, { s, width }) {
  const line = (key, role, y, text) => once(plot, "text", `${key} c-${role}`).attr("x", width).attr("y", y * s).attr("text-anchor", "end").attr("font-size", `${13 * s}`).attr("font-weight", 700).text(text);
  line("value", "activation", 12, "value");
  line("gradient", "gradient", 28, "gradient");
}

/** A card (name, value and gradient one below the other) or a chip (name and value in one line). */
function box(plot, name, { s, size, spot, values, known, now, selected, select, change }) {
  const computed = /^[zayL]/.test(name);
  const isCard = computed || name[0] === "x";
  const role = ROLES[name[0]] ?? (name === "t" ? "target" : "weights");
  const g = once(plot, "g", `box ${name}`).attr("transform", `translate(${spot.map((v) => v.toFixed(1))})`);
  const current = now === name || now === `d${name}`;
  const chosen = selected === name;
  const edge = current && now !== name ? "gradient" : computed && !current ? "neutral" : role;
  once(g, "rect", "frame").attr("x", -size.w / 2).attr("y", -size.h / 2).attr("width", size.w).attr("height", size.h).attr("rx", 6)
    .attr("fill", `var(--${chosen ? "faint" : "paper"})`).attr("stroke", `var(--${edge})`).attr("stroke-width", current ? 3 : chosen ? 2.5 : 1)
    .attr("stroke-opacity", current || chosen || computed ? 1 : 0.55);
  const line = (key, y, role, text, bold) => once(g, "text", `${key} c-${role}`).attr("y", y * s).attr("text-anchor", "middle")
    .attr("font-size", `${(isCard ? 13 : 12.5) * s}`).attr("font-weight", bold ? 700 : 400).text(text);
  const value = !computed || known.has(name) ? short(values[name]) : "";
  const slope = known.has(`d${name}`) ? short(values[`d${name}`]) : "";
  if (isCard) {
    line("name", -12, "ink", plain(name)).attr("font-style", "italic");
    line("value", 4.5, role, value, true);
    line("slope", 20.5, "gradient", slope, true);
  } else {
    const text = line("value", -2, role, null, true);
    once(text, "tspan", "name").attr("font-weight", 400).attr("font-style", "italic").text(`${plain(name)} `);
    once(text, "tspan", "number").text(value);
    line("slope", 13, "gradient", slope, true);
  }
  if (!computed) knob(g, name, values, slope, select, change);
}

/** What the reader may change is a slider of its own: click it, or go to it and use the arrow keys. */
function knob(g, name, values, slope, select, change) {
  g.attr("tabindex", 0).attr("role", "slider").attr("aria-label", plain(name)).attr("aria-valuenow", values[name]);
  g.attr("aria-valuetext", `${short(values[name])}${slope ? `, gradient ${slope}` : ""}`);
  g.on("click focus", () => select(name)).on("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    change(name, values[name] + way * (event.shiftKey ? 1 : 0.1));
  });
}
