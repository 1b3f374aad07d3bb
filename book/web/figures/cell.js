// The LSTM's cell with its gates opened and closed by hand: the state goes on, the gradient comes back.
import { scaleLinear } from "d3-scale";
import { begin, button, controls, handle, number, once, readout, stage } from "./lib/figure.js";
import { power } from "./lib/powers.js";
import { sigmoid } from "./lib/functions.js";
import { backward, forward, road } from "./cell/lstm.js";
import { HEIGHT, WIDTH, diagram, symbol } from "./cell/diagram.js";

export const title = "The LSTM’s cell, its gates opened and closed by hand";

const T = 12;
const steps = Array.from({ length: T }, (_, t) => t);
const ROWS = {
  f: ["f", "forget gate", [0, 1]],
  i: ["i", "input gate", [0, 1]],
  o: ["o", "output gate", [0, 1]],
  candidate: ["C̃", "candidate", [-1, 1]],
};

/** The gates of the chapter's examples: a series of knocks x, read with z^f = w x + 3, z^i = 6x − 3, z^o = 0. */
const fromKnocks = (x, w) => ({
  f: x.map((v) => sigmoid(w * v + 3)),
  i: x.map((v) => sigmoid(6 * v - 3)),
  o: x.map(() => sigmoid(0)),
  candidate: x.map((v) => Math.tanh(v)),
});
const knocks = (at) => steps.map((t) => at[t + 1] ?? 0);
export const examples = {
  kept: () => fromKnocks(knocks({ 1: 1 }), 0),
  reset: () => fromKnocks(knocks({ 1: 1, 7: -1 }), 6),
  half: () => ({ ...fromKnocks(knocks({ 1: 1 }), 0), f: steps.map(() => 0.5), i: steps.map(() => 0.5) }),
};
const dh = steps.map((t) => (t === T - 1 ? 1 : 0)); // L = h_T, as on paper in the chapter

let gates = examples.kept();
let at = 0; // the step that is looked at, counted from 0
let together = false;
let memory = forward(gates);
let back = backward(gates, dh);

const root = begin({ forward, backward, road, examples },
  "Drag a point to open or close a gate; tap a step to look inside. How much of the gradient comes back?");
const both = root.append("div").attr("class", "stages");

const cell = stage(both, {
  label: "", margin: { top: 0, right: 0, bottom: 0, left: 0 }, height: (w) => (HEIGHT / WIDTH) * Math.min(w, 380),
  draw({ plot, width }) {
    const scale = Math.min(width, 380) / WIDTH;
    const g = once(plot, "g", "cell").attr("transform", `translate(${(width - WIDTH * scale) / 2},0) scale(${scale})`);
    const inside = Object.fromEntries(Object.keys(ROWS).map((name) => [name, gates[name][at]]));
    const before = memory.C[at - 1] ?? 0;
    diagram(g, { ...inside, before, C: memory.C[at], h: memory.h[at], dC: back.C[at], dBefore: gates.f[at] * back.C[at], most: Math.max(...back.C), first: at === 0, last: at === T - 1 });
    once(g, "text", "step title").attr("x", 170).attr("y", 12).attr("text-anchor", "middle").text(`inside, at step t = ${at + 1}`);
  },
});

const x = scaleLinear([1, T], [0, 1]);
const tall = { gate: 36, state: 52, gap: 6 };

function band(plot, name, top, height, width) {
  const g = once(plot, "g", `row ${name}`).attr("transform", `translate(0,${top})`);
  once(g, "rect", "track").attr("width", width).attr("height", height).attr("fill", "var(--faint)").attr("cursor", "pointer");
  return g;
}

function bars(g, values, y, role, wide) {
  for (const t of steps) {
    const [a, b] = [y(0), y(values[t])];
    once(g, "rect", `bar b${t}`).attr("x", x(t + 1) - wide / 2).attr("width", wide).attr("y", Math.min(a, b)).attr("height", Math.abs(a - b))
      .attr("fill", `var(--${role})`).attr("opacity", t === at ? 1 : 0.55);
  }
  once(g, "line", "zero").attr("x2", x.range()[1] + wide).attr("y1", y(0)).attr("y2", y(0)).attr("stroke", "var(--neutral)").attr("stroke-width", 0.8);
}

const time = stage(both, {
  label: "", margin: { top: 14, right: 4, bottom: 34, left: 30 }, height: () => 48 + 4 * (tall.gate + tall.gap) + 2 * (tall.state + 2 * tall.gap),
  draw({ plot, width, height }) {
    const step = width / T;
    x.range([step / 2, width - step / 2]);
    const place = {};
    let top = 0;
    for (const [name, [letter, , domain]] of Object.entries(ROWS)) {
      place[name] = [top, scaleLinear(domain, [tall.gate, 0])];
      const g = band(plot, name, top, tall.gate, width);
      bars(g, gates[name], place[name][1], "weights", 0.62 * step);
      symbol(once(g, "text", "letter").attr("x", -28).attr("y", tall.gate / 2 + 4), letter, "t");
      g.on("click", (event) => tap(event, name, place[name][1]));
      top += tall.gate + tall.gap;
    }
    const most = Math.max(1, ...memory.C.map(Math.abs));
    const signed = memory.C.some((c) => c < 0);
    const state = band(plot, "state", (top += tall.gap), tall.state, width);
    const yC = scaleLinear([signed ? -most : 0, most], [tall.state, 0]);
    bars(state, memory.C, yC, "activation", 0.62 * step);
    for (const t of steps) once(state, "circle", `shown s${t}`).attr("cx", x(t + 1)).attr("cy", yC(memory.h[t])).attr("r", 3).attr("fill", "var(--ink)");
    symbol(once(state, "text", "letter c-activation").attr("x", -28).attr("y", 26), "C", "t");
    symbol(once(state, "text", "letter2").attr("x", -28).attr("y", 48), "h", "t", " •");
    state.on("click", (event) => tap(event));
    const gradient = band(plot, "gradient", (top += tall.state + tall.gap), tall.state, width);
    bars(gradient, back.C, scaleLinear([0, Math.max(0.01, ...back.C)], [tall.state, 4]), "gradient", 0.62 * step);
    symbol(once(gradient, "text", "letter c-gradient").attr("x", -28).attr("y", tall.state / 2 + 4), "dC", "t");
    gradient.on("click", (event) => tap(event));
    top += tall.state;
    once(plot, "rect", "now").attr("x", x(at + 1) - step / 2).attr("width", step).attr("y", 0).attr("height", top).attr("rx", 3)
      .attr("fill", "none").attr("stroke", "var(--ink)").attr("stroke-width", 1.2).attr("pointer-events", "none");
    for (const t of steps) once(plot, "text", `time t${t}`).attr("x", x(t + 1)).attr("y", top + 15).attr("text-anchor", "middle").attr("font-size", 12).text(t + 1);
    once(plot, "text", "xname").attr("x", width).attr("y", height + 30).attr("text-anchor", "end").text("time t; the loss is h at step 12");
    for (const [name, [, says]] of Object.entries(ROWS)) {
      const [above, y] = place[name];
      const shifted = Object.assign((v) => above + y(v), { domain: y.domain, invert: (v) => y.invert(v - above) });
      handle(plot, name, {
        label: says, role: "weights", x, y: shifted, step: [1, 0.05],
        at: () => [at + 1, gates[name][at]],
        move: (t, v) => set(name, Math.round(t) - 1, v),
        text: (t, v) => `step ${t}, ${number(v)}`,
      });
    }
  },
});

/** Go to a step; if the value is another one, the gate takes it there, or at all steps. */
function set(name, t, value) {
  const moved = value !== gates[name][at];
  at = t;
  if (moved) {
    const rounded = Math.round(100 * value) / 100;
    gates[name] = gates[name].map((v, s) => (together || s === t ? rounded : v));
  }
  update();
}

function tap(event, name, y) {
  const box = event.currentTarget.querySelector(".track").getBoundingClientRect();
  const t = Math.min(T - 1, Math.max(0, Math.floor((T * (event.clientX - box.left)) / box.width)));
  if (name) set(name, t, y.invert((tall.gate * (event.clientY - box.top)) / box.height));
  else at = t;
  update();
}

const row = controls(root);
const show = (example) => () => {
  gates = examples[example]();
  at = 0;
  update();
};
button(row, "A knock, kept", show("kept"));
button(row, "Reset at step 7", show("reset"));
button(row, "All half open", show("half"));
const all = button(row, "Move all steps together", () => {
  together = !together;
  all.attr("aria-pressed", together);
}).attr("aria-pressed", false);
const say = readout(root);

function update() {
  memory = forward(gates);
  back = backward(gates, dh);
  cell.redraw();
  time.redraw();
  const [t, first] = [at + 1, at === 0];
  const { f, i, candidate } = gates;
  const end = back.C[T - 1];
  const share = (v) => (v > 0 && v < 0.01 ? power(v) : number(v, 3));
  cell.describe(`The cell at step ${t}: forget gate ${number(f[at])}, input gate ${number(i[at])}, output gate ${number(gates.o[at])}, candidate ${number(candidate[at])}.`);
  time.describe(`Gates, candidate, cell state and its gradient at steps 1 to ${T}. At step ${t} the state is ${number(memory.C[at])}, its gradient ${number(back.C[at], 3)}.`);
  const state = `<i>C</i><sub>${t}</sub> = ${number(f[at])} · ${number(first ? 0 : memory.C[at - 1])} + ${number(i[at])} · ${number(candidate[at])} = ` +
    `<b class="c-activation">${number(memory.C[at])}</b>. `;
  if (at === T - 1) {
    say(`${state}The loss is <i>h</i><sub>${T}</sub>, so the gradient begins here: d<i>C</i><sub>${T}</sub> = <i>o</i> (1 − tanh² <i>C</i>) = <b class="c-gradient">${share(end)}</b>.`);
    return;
  }
  const between = at === T - 2 ? "" : `<i>f</i><sub>${t + 1}</sub> ⋯ `;
  say(
    `${state}Of the gradient at <i>C</i><sub>${T}</sub>, <b class="c-gradient">${end > 0 ? share(back.C[at] / end) : "nothing"}</b> arrives at ` +
      `<i>C</i><sub>${t}</sub>; the product of the forget gates between, ${between}<i>f</i><sub>${T}</sub> = <b class="c-weights">${share(road(f, at))}</b>.`,
  );
}
update();
