// Chapter 3's 2–2–1 network, forwards and then backwards, one small step after the other, every number live.
import { begin, controls, number, player, readout, slider, stage } from "./lib/figure.js";
import { draw, layout } from "./backprop/graph.js";
import { PAPER, STEPS, measured, network } from "./backprop/network.js";
import { given, html, numbers, plain, short, symbols } from "./backprop/words.js";

export const title = "Backpropagation through a small network, step by step";

const MOST = 5;
let paper = { ...PAPER };
let selected = "w21";
let step = STEPS.length;

const root = begin({ network: (values) => network(values), measured, PAPER, numbers, STEPS },
  "Press Play, or step. Click a weight, a bias or an input and change it: every number follows.");

const graph = stage(root, {
  label: "",
  margin: { left: 4, right: 4, top: 4, bottom: 4 },
  height: (w) => layout(w - 8).height + 8,
  draw: ({ plot, width }) => draw(plot, layout(width), { values: network(paper), step, selected, select, change }),
});
const steps = controls(root);
const say = readout(root);
const row = controls(root);
const knob = slider(row, { label: "", min: -MOST, max: MOST, step: 0.1, value: paper[selected], format: given, change: (v) => change(selected, v) });
const check = readout(root);

function select(name) {
  if (name === selected) return;
  selected = name;
  update();
}

function change(name, v) {
  paper = { ...paper, [name]: Math.round(10 * Math.min(MOST, Math.max(-MOST, v))) / 10 };
  selected = name;
  update();
}

/** The step's equation, in symbols and in numbers. */
function equation(values) {
  if (step === 0) return '<span class="equation">The inputs and the weights are given.</span>';
  const { of, from, why } = STEPS[step - 1];
  const back = of[0] === "d";
  const [colour, label] = back ? ["c-gradient", "eq-worked-gradients"] : ["c-activation", "eq-worked-network"];
  const parts = [symbols(from), numbers(from, values), `<b class="${colour}">${short(values[of])}</b>`];
  const same = parts[1] === short(values[of]); // "= −3 = −3" says nothing twice
  return `<span class="equation">${html(of)} = ${parts[0]} = ${same ? "" : `${parts[1]} = `}${parts[2]}</span>` +
    `<span class="c-neutral">${back ? "backwards" : "forwards"}, ${typeof why === "function" ? why(values) : why.replace(/[yza]\d?(?= is)/, plain)} · ${label}</span>`;
}

/** The gradient by what is selected, from the backward steps and measured. */
function checked(values) {
  if (selected === "t") return "<i>t</i> is the truth: training does not change it.";
  const told = step > STEPS.findIndex(({ of }) => of === `d${selected}`) ? `<b class="c-gradient">${number(values[`d${selected}`], 4)}</b>` : "not yet known";
  const corner = [1, 2].find((i) => Math.abs(values[`z${i}`]) < 1e-4);
  if (corner) return `${html(`d${selected}`)}: ${told}. <i>z</i>${"₁₂"[corner - 1]} is at the corner of <i>φ</i>, which has no slope there.`;
  return `${html(`d${selected}`)}: backwards ${told}; measured by moving ${html(selected)} a little, <b>${number(measured(paper, selected), 4)}</b>`;
}

function update() {
  const values = network(paper);
  graph.redraw();
  graph.describe(`The network: two inputs, two hidden neurons with z and a, the output y and the loss L. ${step < 7 ? "" : "Under each value stands its gradient. "}The loss is ${number(values.L)}.`);
  row.select("span").html(html(selected));
  knob.value(paper[selected]);
  say(equation(values));
  check(checked(values));
}
player(steps, { steps: STEPS.length + 1, fps: 0.8, value: step, show: (k) => { step = k; update(); } });
update();
