// An activation function and its slope, at a point that the reader moves.
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { axes, begin, choice, controls, handle, number, once, readout, stage } from "./lib/figure.js";
import { relu, sigmoid, softplus } from "./lib/functions.js";

export const title = "An activation function and its slope at a point";

/** Each function with its slope: what z becomes, and how much of a small change comes through. */
export const activations = {
  sigmoid: { f: sigmoid, slope: (z) => sigmoid(z) * (1 - sigmoid(z)) },
  tanh: { f: Math.tanh, slope: (z) => 1 - Math.tanh(z) ** 2 },
  relu: { f: relu, slope: (z) => (z > 0 ? 1 : 0) },
  leaky_relu: { f: (z) => (z > 0 ? z : 0.01 * z), slope: (z) => (z > 0 ? 1 : 0.01) },
  softplus: { f: softplus, slope: sigmoid },
};
const NAMES = { sigmoid: "sigmoid", tanh: "tanh", relu: "ReLU", leaky_relu: "leaky ReLU", softplus: "softplus" };

let kind = "sigmoid";
let at = 1;

const root = begin({ activations }, "Move the point along the axis. The straight line touches the curve there; its steepness is the slope.");
const x = scaleLinear([-6, 6], [0, 1]);
const y = scaleLinear([-1.2, 3], [1, 0]);

const curve = stage(root, {
  label: "",
  height: (w) => Math.max(240, 0.5 * w),
  draw({ plot, width, height }) {
    x.range([0, width]);
    y.range([height, 0]);
    const { f, slope } = activations[kind];
    axes(plot, x, y, { width, height, xName: "z", yName: "value and slope", xTicks: width < 320 ? 5 : 9 });
    const zs = Array.from({ length: 401 }, (_, i) => -6 + (12 * i) / 400);
    const clip = (v) => Math.min(3, Math.max(-1.2, v));
    const draw = (name, role, of) =>
      once(plot, "path", `line ${name}`).attr("stroke", `var(--${role})`).attr("d", line((z) => x(z), (z) => y(clip(of(z))))(zs));
    draw("slope", "gradient", slope).attr("stroke-dasharray", "5 4");
    draw("value", "activation", f);
    const [value, steep] = [f(at), slope(at)];
    const reach = Math.min(1.5, 1.1 / Math.max(0.01, Math.abs(steep)));
    once(plot, "line", "touching").attr("stroke", "var(--ink)").attr("stroke-width", 2)
      .attr("x1", x(at - reach)).attr("x2", x(at + reach))
      .attr("y1", y(clip(value - steep * reach))).attr("y2", y(clip(value + steep * reach)));
    once(plot, "text", "name c-activation").attr("x", 4).attr("y", 14).text(`value of ${NAMES[kind]}`);
    once(plot, "text", "name2 c-gradient").attr("x", 4).attr("y", 32).text("its slope (dashed)");
    handle(plot, "point", {
      label: "z", role: "input", x, y, step: [0.1, 0],
      at: () => [at, clip(activations[kind].f(at))],
      move: (z) => { at = Math.round(z * 100) / 100; update(); },
      text: (z, a) => `z ${number(z)}, value ${number(a)}, slope ${number(slope(z))}`,
    });
  },
});
const row = controls(root);
choice(row, { label: "function:", options: Object.entries(NAMES), value: kind, change: (k) => { kind = k; update(); } });
const say = readout(root);

function update() {
  curve.redraw();
  const { f, slope } = activations[kind];
  curve.describe(`The curve of ${NAMES[kind]} and of its slope for z from −6 to 6.`);
  say(
    `at <i>z</i> = <b class="c-input">${number(at)}</b> the value is <b class="c-activation">${number(f(at), 3)}</b> and the slope ` +
      `<b class="c-gradient">${number(slope(at), 3)}</b>: of a small change of <i>z</i>, ${number(100 * slope(at), 1)} % come through`,
  );
}
update();
