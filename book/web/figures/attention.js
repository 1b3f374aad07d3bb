// A small Transformer reads a name that the reader types: where each letter looks, and which letter comes next.
import { scaleLinear } from "d3-scale";
import { begin, controls, handle, menu, number, once, readout, stage } from "./lib/figure.js";
import { load } from "./lib/data.js";
import { bitmap, colour, mix, onTheme } from "./lib/pixels.js";
import { unpack } from "./draw/network.js";
import { ALPHABET, LONGEST, clean, read } from "./attention/transformer.js";

export const title = "Where a small Transformer looks in a name that you type";

const BARS = 5;
const GAP = 10; // between maps

let line = "charlotte";
let at = 7; // the place that looks; place 0 is the point that begins every name
let chosen = [0, 0]; // block and head
let arrays = null; // of the network, once they are there
let about = null;
let seen = { weights: [], next: [] };

const functions = {
  clean,
  read: (stored, heads, lines) => lines.map(((found) => (text) => read(found, heads, text))(unpack(stored))),
};
const root = begin(functions, "Type a name. Tap a letter to see where it looks, and which letter the network expects after it.");

const row = controls(root);
const control = row.append("label").attr("class", "control");
control.append("span").text("name");
const field = control.append("input").attr("type", "text").attr("size", LONGEST).attr("maxlength", LONGEST).attr("autocomplete", "off")
  .attr("autocapitalize", "off").attr("spellcheck", "false").property("value", line)
  .on("input", () => {
    line = clean(field.property("value"));
    at = line.length;
    update();
  })
  .on("change", () => {
    field.property("value", line);
    update();
  });
const heads = menu(row, { label: "looks with", options: [["0 0", "layer 1, head 1"]], value: "0 0", change: (v) => choose(...v.split(" ").map(Number)) });

const places = () => Array.from(`.${line}`);
const look = () => seen.weights[chosen[0]]?.[chosen[1]] ?? [];
const whole = (p) => (p >= 0.005 ? String(Math.round(100 * p)) : "");
const x = scaleLinear();
const y = scaleLinear([0, 1]);
const both = root.append("div").attr("class", "stages");

const arcs = stage(both, {
  label: "", margin: { top: 40, right: 14, bottom: 34, left: 14 }, height: () => 264,
  draw({ plot, width, height }) {
    const letters = places();
    const last = letters.length - 1;
    const step = Math.min(36, width / Math.max(1, last));
    x.domain([0, last]).range([(width - step * last) / 2, (width + step * last) / 2]);
    y.range([height + 20, height + 20]);
    once(plot, "text", "title").attr("x", -14).attr("y", -26).text("looked at, weight in %");
    const pairs = look().flatMap((p, t) => p.slice(0, t + 1).map((share, s) => ({ s, t, share })));
    once(plot, "g", "lines").attr("stroke", "var(--activation)").selectAll("line").data(pairs.sort((a, b) => (a.t === at) - (b.t === at))).join("line")
      .attr("x1", ({ s }) => x(s)).attr("y1", 22).attr("x2", ({ t }) => x(t)).attr("y2", height - 18)
      .attr("stroke-width", ({ t, share }) => (t === at ? 0.5 + 9 * share : 3 * share))
      .attr("opacity", ({ t, share }) => (t === at ? 0.35 + 0.65 * share : 0.3 * share));
    const columns = once(plot, "g", "columns").selectAll("g").data(letters).join((enter) => {
      const column = enter.append("g").attr("cursor", "pointer").attr("text-anchor", "middle");
      column.append("rect").attr("class", "reach").attr("fill", "transparent").attr("y", -20);
      column.append("text").attr("class", "share").attr("y", -3);
      column.append("text").attr("class", "above glyph").attr("y", 16);
      column.append("text").attr("class", "below glyph");
      return column;
    });
    columns.attr("transform", (_, t) => `translate(${x(t)},0)`).on("click", (event) => go(columns.nodes().indexOf(event.currentTarget)));
    columns.select(".reach").attr("x", -step / 2).attr("width", step).attr("height", height + 34);
    columns.select(".share").text((_, s) => whole(look()[at]?.[s] ?? 0));
    columns.select(".above").classed("c-input", (_, s) => s <= at).classed("c-neutral", (_, s) => s > at).text((letter) => letter);
    columns.select(".below").attr("y", height).attr("font-weight", (_, t) => (t === at ? 700 : null)).text((letter) => letter);
    handle(plot, "looking", {
      label: "the letter that looks", role: "input", x, y, step: [1, 0],
      at: () => [at, 0], move: (t) => go(Math.round(t)), text: (t) => `${place(t)}, number ${t} of ${last}`,
    });
  },
});

const bars = stage(both, {
  label: "", margin: { top: 24, right: 58, bottom: 30, left: 40 }, height: () => (matchMedia("(min-width: 560px)").matches ? 264 : 204),
  draw({ plot, width, height }) {
    const typed = line[at];
    const best = likeliest();
    const shown = best.slice(0, BARS);
    const extra = typed && !shown.some(([, letter]) => letter === typed) ? best.filter(([, letter]) => letter === typed) : [];
    const tall = height / (BARS + 1);
    once(plot, "text", "title").attr("x", -40).attr("y", -10).text(at ? `expected after “${line.slice(0, at)}”` : "expected at the start");
    const rows = once(plot, "g", "bars").selectAll("g").data([...shown, ...extra]).join((enter) => {
      const bar = enter.append("g");
      bar.append("text").attr("class", "letter").attr("x", -40);
      bar.append("rect").attr("class", "track").attr("y", 3).attr("fill", "var(--faint)");
      bar.append("rect").attr("class", "c-activation").attr("y", 3);
      bar.append("text").attr("class", "share");
      return bar;
    });
    rows.attr("transform", (_, k) => `translate(0,${tall * k})`).attr("font-weight", ([, letter]) => (letter === typed ? 700 : null));
    rows.select(".letter").attr("y", tall / 2 + 5).text(([, letter]) => (letter === "." ? "end" : letter === typed ? `${letter} ✓` : letter));
    rows.select(".track").attr("width", width).attr("height", tall - 6);
    rows.select(".c-activation").attr("width", ([p]) => p * width).attr("height", tall - 6);
    rows.select(".share").attr("x", width + 6).attr("y", tall / 2 + 5).text(([p]) => percent(p));
    once(plot, "text", "note").attr("x", -40).attr("y", height + 22).text(typed ? "✓ is what you typed next" : "");
  },
});

const maps = stage(root, {
  label: "", margin: { top: 40, right: 2, bottom: 24, left: 2 }, height: (w) => 64 + sideOf(w - 4),
  draw({ plot, width }) {
    const side = sideOf(width);
    const count = places().length;
    const [paper, high, never] = ["paper", "activation", "faint"].map(colour);
    seen.weights.forEach((layer, b) => layer.forEach((weights, h) => {
      const left = (b * layer.length + h) * (side + GAP) + b * GAP;
      const g = once(plot, "g", `map m${b}${h}`).attr("transform", `translate(${left},0)`).attr("cursor", "pointer");
      const mine = b === chosen[0] && h === chosen[1];
      const rows = weights.map((p, t) => p.map((share, s) => (s > t ? null : share)));
      if (h === 0) once(g, "text", "title").attr("y", -24).text(`layer ${b + 1}`);
      once(g, "text", "head").attr("y", -6).attr("font-weight", mine ? 700 : null).text(`head ${h + 1}`);
      once(g, "image", "weights").attr("width", side).attr("height", side).attr("href", bitmap(rows, (v) => (v === null ? never : mix(paper, high, v))));
      once(g, "rect", "edge").attr("width", side).attr("height", side).attr("fill", "transparent")
        .attr("stroke", mine ? "var(--ink)" : "var(--grid)").attr("stroke-width", mine ? 2.5 : 1);
      once(g, "rect", "now").attr("y", (side * at) / count).attr("width", side).attr("height", side / count).attr("fill", "none")
        .attr("stroke", "var(--input)").attr("stroke-width", 1.5).attr("pointer-events", "none");
      g.on("click", (event) => {
        const box = g.select(".edge").node().getBoundingClientRect();
        at = Math.min(count - 1, Math.max(0, Math.floor((count * (event.clientY - box.top)) / box.height)));
        choose(b, h);
      });
    }));
    once(plot, "text", "note").attr("y", side + 18).text("Rows look, columns are looked at.");
  },
});
const say = readout(root);

/** How wide one map is: four beside each other. */
function sideOf(width) {
  return Math.floor(Math.min(118, (width - 4 * GAP) / 4));
}

/** [probability, letter] of what follows the place that looks, the likeliest first. */
function likeliest() {
  return (seen.next[at] ?? []).map((p, code) => [p, ALPHABET[code]]).sort((a, b) => b[0] - a[0]);
}

/** What a place is called. */
function place(t) {
  return t === 0 ? "the start" : line[t - 1];
}

function percent(p) {
  const told = p > 0.995 ? Math.floor(1000 * p) / 10 : 100 * p; // nearly certain is not certain
  return `${number(told, p < 0.1 || (p > 0.995 && p < 1) ? 1 : 0)}\u00a0%`;
}

function go(t) {
  at = t;
  update();
}

function choose(b, h) {
  chosen = [b, h];
  heads.value(`${b} ${h}`);
  update();
}

function update() {
  if (arrays) seen = read(arrays, about.heads, line);
  for (const part of [arcs, bars, maps]) part.redraw();
  if (arrays) tell();
}

function tell() {
  const [b, h] = chosen;
  const order = look()[at].map((p, s) => [p, s === at ? "itself" : place(s)]).sort((one, other) => other[0] - one[0]).slice(0, 3);
  const best = likeliest();
  const called = (letter) => (letter === "." ? "the end" : letter);
  arcs.describe(`“${line}”, twice. Lines go from each letter to those that it looks at, itself and earlier ones. With head ${h + 1} of layer ${b + 1}, ${place(at)} looks at ${order.map(([p, s]) => `${s}: ${percent(p)}`).join(", ")}.`);
  bars.describe(`What the network expects after “${line.slice(0, at)}”: ${best.slice(0, BARS).map(([p, letter]) => `${called(letter)}: ${percent(p)}`).join(", ")}.`);
  maps.describe(`The attention weights of all ${seen.weights.length * about.heads} heads as tables of shades, empty above the diagonal.`);
  const words = `With head ${h + 1} of layer ${b + 1}, <b>${place(at)}</b> looks most at <b class="c-activation">${order[0][1]}</b> (${percent(order[0][0])})${order[1] ? `, then at ${order[1][1]} (${percent(order[1][0])})` : ""}. ` +
    `Expected next: <b class="c-activation">${called(best[0][1])}</b> (${percent(best[0][0])}), then ${called(best[1][1])} (${percent(best[1][0])}).`;
  const typed = field.property("value").trim();
  const notes = [
    typed.toLowerCase() === line ? "" : ` Read as “${line}”: it knows only a to z.`,
    line.length > about.longest ? ` No name that it has learned from has more than ${about.longest} letters.` : "",
  ].join("");
  const facts = `<br>Its ${about.parameters.toLocaleString("en")} parameters, rounded to 8 bits, have perplexity ${number(about.perplexity)} on ${about.names} names that it was not trained on (not rounded: ${number(about.perplexityUnrounded)}).`;
  say(words + notes + facts, (words + notes).replace(/<[^>]*>/g, ""));
}

onTheme(() => maps.redraw());
say("The network is on its way.");
document.documentElement.dataset.busy = ""; // the still picture waits until it is gone
load("attention")
  .then((value) => {
    about = value;
    arrays = unpack(value.arrays);
    update();
    heads.options(seen.weights.flatMap((layer, b) => layer.map((_, h) => [`${b} ${h}`, `layer ${b + 1}, head ${h + 1}`])));
    delete document.documentElement.dataset.busy;
  })
  .catch((error) => say(error.message));
