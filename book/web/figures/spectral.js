// How far back does the gradient reach? The spectral radius of the recurrent weights and the size of the inputs are the reader's.
import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import { axes, begin, choice, controls, number, once, readout, slider, stage } from "./lib/figure.js";
import { bitmap, colour, mix, onTheme } from "./lib/pixels.js";
import { exponentIn, power, powerAxes, spread } from "./lib/powers.js";
import { lengths, noise, slopes, spectralRadius, states, unitMatrix, withRadius } from "./spectral/recurrence.js";

export const title = "The spectral radius, and how far back a gradient reaches";

const H = 32; // units; half of the chapter's, so that it answers at once on a phone
const T = 61; // steps, as in the chapter
const UNIT = { orthogonal: unitMatrix("orthogonal", H, 1), normal: unitMatrix("normal", H, 1) };
const NOISE = noise(T, H, 2);

let kind = "orthogonal";
let radius = 1;
let strength = 0.3;

/** All that is shown, for one setting. */
function measure(kind, radius, strength) {
  const recurrence = withRadius(UNIT[kind], radius);
  const x = NOISE.map((row) => row.map((v) => v * strength));
  const h = states(recurrence.W, x);
  return { ...recurrence, x, h, ...lengths(recurrence, h) };
}
let seen = measure(kind, radius, strength);

const root = begin(
  { measure, spectralRadius, states, lengths },
  "The loss stands at the right; its gradient goes back to the left. Slide the radius, then make the inputs larger.",
);
const x = scaleLinear([0.5, T + 0.5], [0, 1]);
const y = scaleLinear([-12, 6], [1, 0]);
const MARGIN = { right: 78 };
const time = (k) => T - k; // the lists count steps back from the loss

const curves = stage(root, {
  label: "",
  margin: { ...MARGIN, bottom: 26 },
  height: (w) => Math.max(210, Math.min(270, 0.3 * w + 110)),
  draw({ svg, plot, width, height }) {
    x.range([0, width]);
    y.range([height, 0]);
    powerAxes(plot, x, y, { width, height, xName: "", yName: "length of the gradient at hₜ, from 1 at the loss", xTicks: width < 300 ? 4 : 7, every: 3 });
    once(once(svg, "clipPath", "window").attr("id", "window"), "rect", "edge").attr("width", width).attr("height", height);
    const inside = once(plot, "g", "inside").attr("clip-path", "url(#window)");
    const up = (v) => y(exponentIn(y, v));
    once(inside, "path", "range").attr("fill", "var(--gradient)").attr("opacity", 0.22)
      .attr("d", area((_, k) => x(time(k)), (_, k) => up(seen.mean[k]), (_, k) => up(seen.largest[k]))(seen.mean));
    const draw = (name, role, list) =>
      once(inside, "path", `line ${name}`).attr("stroke", `var(--${role})`).attr("d", line((_, k) => x(time(k)), up)(list));
    draw("bound", "neutral", seen.bound).attr("stroke-dasharray", "2 4");
    draw("mean", "gradient", seen.mean).attr("stroke-width", 3);
    draw("law", "ink", seen.law).attr("stroke-dasharray", "6 4").attr("stroke-width", 1.5);
    nameLines(plot, width, height, up);
  },
});

/** The names stand at the left ends of the lines, where the lines differ most. */
function nameLines(plot, width, height, up) {
  const names = [["bound", "neutral", seen.bound, -6], ["measured", "gradient", seen.largest, -6], ["r · slopes", "ink", seen.law, 16]];
  const heights = spread(names.map(([, , list, aside]) => up(list.at(-1)) + aside), 15, [10, height - 4]);
  names.forEach(([text, role], i) =>
    once(plot, "text", `name${i} over`).attr("x", 6).attr("y", heights[i]).style("fill", `var(--${role})`).text(text));
  once(plot, "text", "loss").attr("x", width + 5).attr("y", up(1) + 4).text("◀ loss");
}

const map = stage(root, {
  label: "",
  margin: { ...MARGIN, top: 20 },
  height: (w) => Math.max(130, Math.min(160, 0.12 * w + 80)),
  draw({ plot, width, height }) {
    const [shut, open] = [colour("ink"), colour("paper")];
    const slope = slopes(seen.h);
    const rows = Array.from({ length: H }, (_, i) => slope.map((step) => step[i]));
    x.range([0, width]);
    const unit = scaleLinear([0, H], [height, 0]);
    axes(plot, x, unit, { width, height, xName: "time t", yName: "slope of each unit: blank is 1, filled is 0 (saturated)", xTicks: width < 300 ? 4 : 7, yTicks: 3 });
    once(plot, "image", "slopes").attr("preserveAspectRatio", "none").style("image-rendering", "pixelated")
      .attr("width", width).attr("height", height)
      .attr("href", bitmap(rows, (v) => mix(shut, open, v)));
  },
});

const row = controls(root);
choice(row, { label: "matrix:", options: [["orthogonal", "<i>r</i> · orthogonal"], ["normal", "normal numbers"]], value: kind, change: (k) => { kind = k; update(); } });
slider(row, { label: "spectral radius <i>r</i>", min: 0.5, max: 1.6, step: 0.01, value: radius, format: (v) => number(v), change: (v) => { radius = v; update(); } });
const LEAST = -3; // inputs from 10⁻³ to 1
slider(row, { label: "size of the inputs", min: LEAST, max: 0, step: 0.01, value: Math.log10(strength), format: (v) => (10 ** v).toPrecision(2), change: (v) => { strength = 10 ** v; update(); } });
const say = readout(root);

function update() {
  seen = measure(kind, radius, strength);
  curves.redraw();
  map.redraw();
  const [mean, bound, law] = [seen.mean, seen.bound, seen.law].map((list) => power(list.at(-1)));
  curves.describe(`The length of the gradient from the loss at ${T} back to 1: measured it ends at ${mean}, its bound at ${bound}, the law of the slopes at ${law}.`);
  map.describe(`The slopes of the ${H} units at each step: ${number(average(slopes(seen.h).flatMap((row) => Array.from(row))))} on average.`);
  const caveat = kind === "orthogonal" ? "" : " (derived for orthogonal matrices only)";
  say(
    `After ${T - 1} steps back there is left, of 1: measured <b class="c-gradient">${mean}</b>; predicted by <i>r</i> times the root mean square slope${caveat} <b>${law}</b>; ` +
      `allowed by the bound, with <i>s</i> = ${number(seen.s)}: <b class="c-neutral">${bound}</b>`,
  );
}
const average = (list) => list.reduce((sum, v) => sum + v, 0) / list.length;
onTheme(() => map.redraw());
update();
