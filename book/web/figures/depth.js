// How large should the first weights be? What each layer's activations look like, and whether a gradient comes back.
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { axes, begin, button, choice, controls, number, once, readout, slider, stage } from "./lib/figure.js";
import { exponentIn, power, powerAxes, spread } from "./lib/powers.js";
import { factor, histogram, size, stack } from "./depth/stack.js";

export const title = "Depth and the scale of the first weights";

const SIZE = { width: 128, rows: 32, seed: 4 };
const GLOROT = 1; // v = 1/D where D = M: eq-glorot
const HE = Math.SQRT2; // v = 2/D: eq-he
const RANGE = { tanh: [-1, 1], relu: [0, 3] };
const BINS = 41;
const NAMES = { tanh: "tanh", relu: "ReLU" };

let bend = "relu";
let gain = GLOROT;
let depth = 20;
let seen = stack({ ...SIZE, depth }, bend, gain);

const root = begin({ stack, size, factor, histogram }, "Set the scale g of the first weights so that the last layer still gets a signal and the first still gets a gradient.");
const both = () => ({ forwards: seen.activations.map(size), backwards: seen.gradients.map(size) });
const x = scaleLinear();
const y = scaleLinear();
const power10 = scaleLinear([-6, 6], [1, 0]);

/** A layer's histogram, upright and as wide at a value as the value is frequent. */
function shape(layer) {
  const [low, high] = RANGE[bend];
  const shares = histogram(seen.activations[layer], low, high, BINS);
  const room = 0.46 * (x(1) - x(0));
  // A normal distribution of deviation 1 is drawn half as wide as its room; what is wider than that is cut.
  const widest = (2 * 0.399 * (high - low)) / BINS;
  const edge = (b) => y(low + ((high - low) * b) / BINS);
  const filled = shares.map((_, b) => b).slice(shares.findIndex((s) => s > 0), shares.findLastIndex((s) => s > 0) + 1);
  const right = filled.flatMap((b) => {
    const w = Math.round(10 * room * Math.min(1, shares[b] / widest)) / 10;
    return [[x(layer) + w, edge(b)], [x(layer) + w, edge(b + 1)]];
  });
  const left = right.map(([px, py]) => [2 * x(layer) - px, py]).reverse();
  return line()([...right, ...left]);
}

const shapes = stage(root, {
  label: "",
  margin: { bottom: 22, right: 72 },
  height: (w) => Math.max(150, Math.min(190, 0.3 * w + 50)),
  draw({ plot, width, height }) {
    x.domain([0, depth + 0.6]).range([0, width]);
    y.domain(RANGE[bend]).range([height, 0]);
    axes(plot, x, y, { width, height, xName: "", yName: "activations, layer by layer", xTicks: Math.min(depth, width < 320 ? 5 : 10), yTicks: 3 });
    const layers = Array.from({ length: depth }, (_, l) => l + 1);
    once(plot, "g", "shapes").selectAll("path").data(layers).join("path").attr("fill", "var(--activation)").attr("d", shape);
  },
});

/** Sizes by layer, with dots, and the line that theory predicts, dashed. */
function drawSizes(plot, name, role, measured, predicted) {
  const path = line((_, l) => x(l), (v) => power10(exponentIn(power10, v)));
  once(plot, "path", `line theory-${name}`).attr("stroke", `var(--${role})`).attr("stroke-dasharray", "5 4").attr("stroke-width", 1.4).attr("d", path(predicted));
  once(plot, "path", `line ${name}`).attr("stroke", `var(--${role})`).attr("d", path(measured));
  once(plot, "g", `dots ${name}`).attr("fill", `var(--${role})`).selectAll("circle").data(measured).join("circle")
    .attr("r", 2.6).attr("cx", (_, l) => x(l)).attr("cy", (v) => power10(exponentIn(power10, v)));
}

const sizes = stage(root, {
  label: "",
  margin: { right: 72 },
  height: (w) => Math.max(190, Math.min(240, 0.3 * w + 90)),
  draw({ svg, plot, width, height }) {
    x.domain([0, depth + 0.6]).range([0, width]);
    power10.range([height, 0]);
    powerAxes(plot, x, power10, { width, height, xName: "layer", yName: "size (root of the mean square), dashed: predicted", xTicks: Math.min(depth, width < 320 ? 5 : 10), every: 3 });
    once(once(svg, "clipPath", "window").attr("id", "window"), "rect", "edge").attr("width", width).attr("height", height);
    const inside = once(plot, "g", "inside").attr("clip-path", "url(#window)");
    const { forwards, backwards } = both();
    const steps = forwards.map((_, l) => l);
    const f = factor(bend, gain);
    drawSizes(inside, "activation", "activation", forwards, steps.map((l) => forwards[0] * f ** l));
    drawSizes(inside, "gradient", "gradient", backwards, steps.map((l) => backwards[depth] * f ** (depth - l)));
    const ends = [forwards[depth], backwards[depth]].map((v) => power10(exponentIn(power10, v)));
    const [a, g] = spread(ends, 15, [4, height]);
    once(plot, "text", "name c-activation").attr("x", width + 4).attr("y", a + 4).text("activations");
    once(plot, "text", "name2 c-gradient").attr("x", width + 4).attr("y", g + 4).text("gradients");
  },
});



const row = controls(root);
choice(row, { label: "activation:", options: Object.entries(NAMES), value: bend, change: (b) => { bend = b; update(); } });
const scale = slider(row, { label: "scale <i>g</i>", min: 0.3, max: 3, step: 0.01, value: gain, format: (v) => number(v), change: (v) => { gain = v; update(); } });
for (const [text, exact] of [["Glorot: g = 1", GLOROT], ["He: g = √2", HE]]) {
  button(row, text, () => { scale.value(exact); gain = exact; update(); });
}
slider(row, { label: "layers", min: 2, max: 30, step: 1, value: depth, change: (v) => { depth = v; update(); } });
const say = readout(root);

function update() {
  seen = stack({ ...SIZE, depth }, bend, gain);
  shapes.redraw();
  sizes.redraw();
  const { forwards, backwards } = both();
  const f = factor(bend, gain);
  shapes.describe(`The distribution of the activations in each of ${depth} layers with ${NAMES[bend]} and the scale ${number(gain)}.`);
  sizes.describe(`Sizes by layer: the activations end at ${power(forwards[depth])}, the gradients at ${power(backwards[0])}.`);
  const tail = bend === "tanh" ? " (while z is small: a large z saturates)" : "";
  say(
    `Weights of deviation <i>g</i>/√128 = ${number(gain / Math.sqrt(SIZE.width), 3)}: a layer should multiply sizes by ${number(f, 3)}, and ${depth} layers by <b>${power(f ** depth)}</b>${tail}. ` +
      `Measured: <b class="c-activation">activations ${power(forwards[depth] / forwards[0])}</b>, <b class="c-gradient">gradients ${power(backwards[0] / backwards[depth])}</b>`,
  );
}
update();
