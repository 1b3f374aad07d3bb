// Four optimizers in one valley: how fast each goes down, and from which rate on it is thrown out.
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { axes, begin, controls, handle, number, once, readout, slider, stage } from "./lib/figure.js";
import { exponentIn, powerAxes, spread } from "./lib/powers.js";
import { best, border, distances, measuredFactor, theoryFactor, walk } from "./descent/walks.js";

export const title = "Gradient descent, momentum, Nesterov and Adam in one valley";

const BETAS = [0.8, 0.99];
const METHODS = {
  descent: { name: "descent", role: "gradient" },
  nesterov: { name: "Nesterov", role: "input" },
  momentum: { name: "momentum", role: "weights" },
  adam: { name: "Adam", role: "activation" },
};
const SEEN = 100; // steps that are drawn
const MEASURED = 400; // steps that are measured

// The valley, the start, μ and Adam's settings are those of the chapter's three walkers; at half of their η
// nobody is thrown out yet.
const FIRST = { rate: 0.03, adamRate: 0.45 };
let kappa = 30;
let { rate, adamRate } = FIRST;
let momentum = 0.7;
let start = [-9, 2];

const curvatures = () => [1, kappa];
const settings = (method) => (method === "adam" ? { rate: adamRate, betas: BETAS } : { rate, momentum });
const walkAll = () => Object.fromEntries(Object.keys(METHODS).map((m) => [m, walk(m, settings(m), start, curvatures(), MEASURED)]));
let walks = walkAll();

const root = begin(
  { walk, measuredFactor, theoryFactor, border, best },
  "Raise η: who is thrown out of the valley first, and at which η? The start can be dragged.",
);
const both = root.append("div").attr("class", "stages");
const inValley = { x: scaleLinear([-10, 4], [0, 1]), y: scaleLinear([-2.6, 2.6], [1, 0]) };
const inTime = { x: scaleLinear([0, SEEN], [0, 1]), y: scaleLinear([-8, 2], [1, 0]) };

/** The lines of equal loss are ellipses, √κ times as long as they are wide. */
function contours(ground, x, y) {
  const levels = [0.7, 2.3, 4, 5.7, 7.4, 9.1, 10.8, 12.5, 14.2];
  ground.selectAll("ellipse").data(levels).join("ellipse")
    .attr("cx", x(0)).attr("cy", y(0)).attr("fill", "none").attr("stroke", "var(--neutral)").attr("opacity", 0.45)
    .attr("rx", (c) => x(c) - x(0)).attr("ry", (c) => y(0) - y(c / Math.sqrt(kappa)));
}

function drawPath(ground, method, { x, y }) {
  const { role } = METHODS[method];
  const seen = walks[method].slice(0, SEEN + 1);
  const gone = seen.findIndex(([a, b]) => Math.abs(a) > 40 || Math.abs(b) > 10); // thrown out: enough of it is seen
  const points = (gone < 0 ? seen : seen.slice(0, gone)).map(([a, b]) => [x(a), y(b)]);
  once(ground, "path", `line ${method}`).attr("stroke", `var(--${role})`).attr("stroke-width", 1.4).attr("d", line()(points));
  once(ground, "g", `dots ${method}`).attr("fill", `var(--${role})`).selectAll("circle").data(points.slice(1, 40)).join("circle")
    .attr("r", 2).attr("cx", (p) => p[0]).attr("cy", (p) => p[1]);
}

const valley = stage(both, {
  label: "",
  margin: { right: 10 },
  height: (w) => Math.max(190, Math.min(280, 0.5 * w + 60)),
  draw({ svg, plot, width, height }) {
    const { x, y } = inValley;
    x.range([0, width]);
    y.range([height, 0]);
    axes(plot, x, y, { width, height, xName: "θ₁ (flat)", yName: "θ₂ (steep)", xTicks: 6 });
    once(once(svg, "clipPath", "window").attr("id", "window"), "rect", "edge").attr("width", width).attr("height", height);
    const ground = once(plot, "g", "ground").attr("clip-path", "url(#window)");
    contours(once(ground, "g", "contours"), x, y);
    for (const method of Object.keys(METHODS)) drawPath(ground, method, inValley);
    once(ground, "text", "bottom").attr("x", x(0)).attr("y", y(0) + 7).attr("text-anchor", "middle").style("font-size", "20px").text("★");
    handle(plot, "start", {
      label: "start of the walks: left and right along the flat direction, up and down along the steep one",
      role: "neutral", x, y, step: [0.5, 0.1],
      at: () => start,
      move: (a, b) => { start = [Math.round(a * 10) / 10, Math.round(b * 20) / 20]; update(); },
      text: (a, b) => `θ₁ ${number(a, 1)}, θ₂ ${number(b)}`,
    });
  },
});

/** A method's distance step by step; where theory has a rate ρ, also ρᵗ times the first distance, dashed. */
function drawDistance(ground, method, { x, y }) {
  const { role } = METHODS[method];
  const draw = (name, list) =>
    once(ground, "path", `line ${name} ${method}`).attr("stroke", `var(--${role})`)
      .attr("d", line((_, t) => x(t), (d) => y(exponentIn(y, d)))(list));
  const measured = distances(walks[method].slice(0, SEEN + 1));
  draw("measured", measured);
  if (method === "adam") return;
  const rho = theoryFactor(method, settings(method), curvatures());
  const theory = Array.from({ length: SEEN + 1 }, (_, t) => Math.hypot(...start) * rho ** t);
  draw("theory", theory).attr("stroke-width", 1.2).attr("stroke-dasharray", "4 4");
}

const race = stage(both, {
  label: "",
  margin: { right: 76 },
  height: (w) => Math.max(190, Math.min(280, 0.5 * w + 60)),
  draw({ svg, plot, width, height }) {
    const { x, y } = inTime;
    x.range([0, width]);
    y.range([height, 0]);
    powerAxes(plot, x, y, { width, height, xName: "step", yName: "distance to the bottom ★", xTicks: 5, every: 2 });
    once(once(svg, "clipPath", "race").attr("id", "race"), "rect", "edge").attr("width", width).attr("height", height);
    const ground = once(plot, "g", "ground").attr("clip-path", "url(#race)");
    const names = Object.keys(METHODS);
    for (const method of names) drawDistance(ground, method, inTime);
    const ends = names.map((method) => y(exponentIn(y, distances(walks[method].slice(0, SEEN + 1)).at(-1))));
    const heights = spread(ends, 15, [4, height - 2]);
    names.forEach((method, i) =>
      once(plot, "text", `name-${method} c-${METHODS[method].role}`).attr("x", width + 6).attr("y", heights[i] + 4).text(METHODS[method].name));
    once(plot, "text", "dashed c-neutral").attr("x", 6).attr("y", height - 8).text("dashed: theory’s ρᵗ");
  },
});

const row = controls(root);
/** A slider over powers of ten: a hundred places between a rate and ten times that rate. */
function rateSlider(label, first, least, most, change) {
  const rateAt = (place) => first * 10 ** (place / 100);
  const format = (place) => rateAt(place).toPrecision(3);
  slider(row, { label, min: least, max: most, step: 1, value: 0, format, change: (place) => { change(rateAt(place)); update(); } });
}
slider(row, { label: "steepness <i>κ</i>", min: 1, max: 100, step: 1, value: kappa, change: (v) => { kappa = v; update(); } });
rateSlider("rate <i>η</i>", FIRST.rate, -130, 150, (v) => { rate = v; });
slider(row, { label: "momentum <i>μ</i>", min: 0, max: 0.98, step: 0.01, value: momentum, format: (v) => number(v), change: (v) => { momentum = v; update(); } });
rateSlider("Adam’s <i>η</i>", FIRST.adamRate, -150, 80, (v) => { adamRate = v; });

const table = root.append("table").attr("class", "numbers");
const HEADS = ["factor a step:", "measured", "theory <i>ρ</i>", "diverges at <i>η</i>"];
table.append("thead").append("tr").selectAll("th").data(HEADS).join("th").attr("scope", "col").html((head) => head);
const body = table.append("tbody");
const say = readout(root);

/** The rows of the table: what was measured beside what theory says. */
function rows() {
  return Object.keys(METHODS).map((method) => {
    const measured = number(measuredFactor(walks[method]), 3);
    if (method === "adam") return [method, measured];
    const rho = theoryFactor(method, settings(method), curvatures());
    return [method, measured, number(rho, 3), number(border(method, momentum, kappa), 4)];
  });
}

function update() {
  walks = walkAll();
  valley.redraw();
  race.redraw();
  valley.describe(`Four walks in a valley ${kappa} times as steep along θ₂ as along θ₁, from θ = (${number(start[0], 1)}, ${number(start[1])}).`);
  race.describe("Each walk’s distance to the bottom by step, on a logarithmic axis, with theory’s rate dashed.");
  body.selectAll("tr").data(rows()).join("tr").html(([method, measured, ...theory]) => {
    const { name, role } = METHODS[method];
    const beyond = Number(theory[0]) > 1 ? ' class="beyond"' : "";
    const [rho, limit] = theory;
    const said = rho ? `<td${beyond}>${rho}</td><td>${limit}</td>` : '<td colspan="2">no theory here</td>';
    return `<th scope="row" class="c-${role}">${name}</th><td${beyond}>${measured}</td>${said}`;
  });
  const spoken = rows().map(([method, measured, rho]) => `${METHODS[method].name}: factor a step ${measured}${rho ? `, theory ${rho}` : ""}`);
  const [slow, fast] = [best.descent(curvatures()), best.momentum(curvatures())];
  say(
    `Best: <b class="c-gradient">descent</b> <i>η</i> = ${number(slow.rate, 4)}, <i>ρ</i> = ${number(slow.factor, 3)}; ` +
      `<b class="c-weights">momentum</b> <i>η</i> = ${number(fast.rate, 4)}, <i>μ</i> = ${number(fast.momentum)}, <i>ρ</i> = ${number(fast.factor, 3)}`,
    spoken.join("; "),
  );
}
update();
