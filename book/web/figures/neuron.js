// A neuron with two inputs: its arrow of weights and one input, both dragged; the line, the sum and the distance follow.
import { scaleLinear } from "d3-scale";
import { axes, begin, choice, controls, handle, number, once, readout, slider, stage } from "./lib/figure.js";
import { sigmoid } from "./lib/functions.js";
import { boundary, distance, nearest, norm, through, threshold, weightedSum } from "./lib/neuron.js";
import { JUMP, SMOOTH, arrow, level, shade } from "./lib/plane.js";

export const title = "A neuron's weights, its boundary and its weighted sum";

const REACH = 4; // the plane goes from −4 to 4; on a phone it is less high
const high = () => (window.innerWidth < 520 ? 2.8 : REACH);
const ACTIVATIONS = {
  threshold: { f: threshold, points: JUMP, digits: 0 },
  sigmoid: { f: sigmoid, points: SMOOTH, digits: 3 },
};
const now = { w: [0.5, 2], x: [3, -1], b: 1, kind: "threshold" }; // the chapter's example on paper

const root = begin(
  { weightedSum, threshold, sigmoid, distance, nearest, boundary, through, norm },
  "Drag the arrow w, the point x, or b. The line z = 0 stays at right angles to the arrow.",
);
const sides = root.append("div").attr("class", "stages");
const x = scaleLinear([-REACH, REACH], [0, 1]);
const y = scaleLinear();
const tenth = (v) => Math.round(10 * v) / 10;
const place = ([u, v]) => [x(u), y(v)];

const plane = stage(sides, {
  label: "",
  margin: { left: 36, right: 12 },
  height: (w) => ((w - 48) * high()) / REACH + 64,
  draw({ plot, width, height }) {
    x.range([0, width]);
    y.range([height, 0]).domain([-high(), high()]);
    const { w, b } = now;
    const kind = ACTIVATIONS[now.kind];
    shade(plot, { w, b, x, y, activation: kind.f, points: kind.points });
    axes(plot, x, y, { width, height, xName: "x₁", yName: "x₂", xTicks: 5 });
    drawLevels(plot);
    drawFoot(plot);
    const short = Math.max(0, 1 - 7 / Math.hypot(x(w[0]) - x(0), y(w[1]) - y(0))); // to the handle's edge
    arrow(plot, "w", place([0, 0]), place(w.map((v) => v * short)), "weights");
    once(plot, "circle", "origin").attr("cx", x(0)).attr("cy", y(0)).attr("r", 2.5).attr("fill", "var(--weights)");
    handle(plot, "weights", {
      label: "w, the weights", role: "weights", x, y, step: [0.1, 0.1],
      at: () => now.w,
      move: (u, v) => { now.w = [tenth(u), tenth(v)]; update(); },
      text: (u, v) => `w₁ ${number(u, 1)}, w₂ ${number(v, 1)}`,
    });
    handle(plot, "input", {
      label: "x, the inputs", role: "input", x, y, step: [0.1, 0.1],
      at: () => now.x,
      move: (u, v) => { now.x = [tenth(u), tenth(v)]; update(); },
      text: (u, v) => `x₁ ${number(u, 1)}, x₂ ${number(v, 1)}`,
    });
    name(plot, "nw", w, "w", "weights");
    name(plot, "nx", now.x, "x", "input");
  },
});

/** The name of a point, on the side where there is room. */
function name(plot, key, [u, v], text, role) {
  const right = u < 0.85 * REACH;
  once(plot, "text", `${key} onpaper c-${role}`).attr("font-weight", 700).attr("font-style", "italic")
    .attr("x", x(u) + (right ? 13 : -13)).attr("y", y(v) + (v > 0.85 * high() ? 16 : -7)).attr("text-anchor", right ? "start" : "end").text(text);
}

/** The boundary, and the lines where z is another whole number: they stand 1/‖w‖ apart. */
function drawLevels(plot) {
  const { w, b } = now;
  const unit = norm(w) > 0 ? (x(1) - x(0)) / norm(w) : 0; // pixels from one line to the next
  const named = [1, 2, 3, 5].find((k) => k * unit > 26);
  for (let z = -6; z <= 6; z++) {
    const key = `z${z < 0 ? "m" : "p"}${Math.abs(z)}`;
    const shown = z === 0 || unit > 9;
    const ends = level(plot, key, { w: shown ? w : [0, 0], b, x, y, z }); // w = 0 has no line
    nameLevel(plot, `n${key}`, z === 0 || Math.abs(z) === named ? ends : null, z);
  }
  plot.selectAll("line[class^=z]").attr("stroke", "var(--neutral)").attr("stroke-width", 1).attr("stroke-dasharray", "2 5");
  plot.select("line.zp0").attr("stroke", "var(--target)").attr("stroke-width", 2.5).attr("stroke-dasharray", null);
}

/** The name of a line of equal z, near that end of it which is further from the point x. */
function nameLevel(plot, key, ends, z) {
  const label = once(plot, "text", `${key} onpaper`).attr("display", ends ? null : "none").text(`z = ${number(z, 0)}`);
  if (!ends) return;
  const far = (p) => Math.hypot(p[0] - now.x[0], p[1] - now.x[1]);
  const [near, end] = far(ends[0]) > far(ends[1]) ? [ends[1], ends[0]] : ends;
  const length = Math.hypot(x(near[0]) - x(end[0]), y(near[1]) - y(end[1]));
  label.attr("display", length > 90 ? null : "none"); // in a corner there is no room
  const [u, v] = end.map((c, i) => c + (34 / length) * (near[i] - c));
  label.attr("x", x(u)).attr("y", y(v) + 4).attr("text-anchor", "middle").attr("font-weight", z === 0 ? 700 : 400);
}

/** The shortest way from the point to the boundary, and its length. */
function drawFoot(plot) {
  const { w, b } = now;
  const foot = nearest(w, now.x, b);
  const shown = norm(w) > 0 && Math.abs(foot[0]) <= REACH && Math.abs(foot[1]) <= high();
  const way = once(plot, "line", "way").attr("display", shown ? null : "none").attr("stroke", "var(--input)").attr("stroke-width", 2).attr("stroke-dasharray", "2 3");
  const long = Math.hypot(now.x[0] - foot[0], now.x[1] - foot[1]);
  const label = once(plot, "text", "long onpaper c-input").attr("display", shown && x(long) - x(0) > 34 ? null : "none");
  if (!shown) return;
  way.attr("x1", x(now.x[0])).attr("y1", y(now.x[1])).attr("x2", x(foot[0])).attr("y2", y(foot[1]));
  label.attr("x", (x(now.x[0]) + x(foot[0])) / 2 + 6).attr("y", (y(now.x[1]) + y(foot[1])) / 2 + 4).text(number(long));
}

const column = sides.append("div").attr("class", "stage");
const ROWS = [["w₁x₁", "weights"], ["w₂x₂", "weights"], ["b", "weights"], ["z", "activation"]];
const scales = stage(column, {
  label: "",
  margin: { left: 40, right: 12, top: 8, bottom: 24 },
  height: () => (window.innerWidth < 520 ? 112 : 136),
  draw({ plot, width, height }) {
    const terms = [now.w[0] * now.x[0], now.w[1] * now.x[1], now.b];
    const sums = [0, terms[0], terms[0] + terms[1], terms[0] + terms[1] + terms[2]];
    const most = Math.max(...sums.map(Math.abs));
    const wide = [2, 3, 5, 8, 12, 20, 40].find((v) => v >= most);
    const at = scaleLinear([-wide, wide], [0, width]);
    axes(plot, at, scaleLinear([0, 1], [height, 0]), { width, height, xName: "", yName: "", xTicks: 5, yTicks: 0 });
    plot.select(".ay").attr("display", "none");
    once(plot, "line", "zero").attr("x1", at(0)).attr("x2", at(0)).attr("y2", height).attr("stroke", "var(--target)").attr("stroke-width", 2);
    ROWS.forEach(([text, role], i) => {
      const middle = (height / ROWS.length) * (i + 0.5);
      const [from, to] = i < 3 ? [sums[i], sums[i + 1]] : [0, sums[3]];
      arrow(plot, `term${i}`, [at(from), middle], [at(to), middle], role);
      once(plot, "text", `row${i} c-${role}`).attr("x", -8).attr("y", middle + 4).attr("text-anchor", "end").attr("font-style", "italic").text(text);
    });
  },
});
const say = readout(column);
const row = controls(column);
slider(row, { label: "<i>b</i>", min: -6, max: 6, step: 0.1, value: now.b, format: (v) => number(v, 1), change: (v) => { now.b = v; update(); } });
choice(row, { label: "σ:", options: [["threshold", "threshold"], ["sigmoid", "sigmoid"]], value: now.kind, change: (k) => { now.kind = k; update(); } });

/** A number as it stands in a sum or a product. */
const signed = (v, digits) => `${v < 0 ? "−" : "+"} ${number(Math.abs(v), digits)}`;
const factor = (v) => (v < 0 ? `(${number(v, 1)})` : number(v, 1));

/** The worked sum, in symbols and in numbers, and what becomes of it. */
function worked() {
  const { w, x: input, b } = now;
  const z = weightedSum(w, input, b); // eq-neuron
  const { f, digits } = ACTIVATIONS[now.kind];
  const of = (i) => `<span class="c-weights">${factor(w[i])}</span>·<span class="c-input">${factor(input[i])}</span>`;
  const terms = `${number(w[0] * input[0])} ${signed(w[1] * input[1])} ${signed(b, 2)}`;
  const far = norm(w) > 0 ? `${number(z)} / ${number(norm(w))} = <b>${number(distance(w, input, b))}</b>` : "no line: all weights are 0";
  return [
    "<i>z</i> = <i>w</i>₁<i>x</i>₁ + <i>w</i>₂<i>x</i>₂ + <i>b</i>",
    `&ensp; = ${of(0)} + ${of(1)} <span class="c-weights">${signed(b, 1)}</span>`,
    `&ensp; = ${terms} = <b class="c-activation">${number(z)}</b>`,
    `<i>a</i> = <i>σ</i>(<i>z</i>) = <b class="c-activation">${number(f(z), digits)}</b>`,
    `distance <i>z</i> / ‖<i>w</i>‖ = ${far}`,
  ].join("<br>");
}

function update() {
  plane.redraw();
  scales.redraw();
  const { w, x: input, b } = now;
  const z = number(weightedSum(w, input, b));
  plane.describe(`The plane of the inputs x₁ and x₂, the arrow w from the middle to (${number(w[0], 1)}, ${number(w[1], 1)}), the boundary at right angles to it, and the point x at (${number(input[0], 1)}, ${number(input[1], 1)}).`);
  scales.describe(`The terms w₁x₁, w₂x₂ and b end to end; they lead to z = ${z}.`);
  say(worked());
}
update();
