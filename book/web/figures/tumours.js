// A neuron learns the boundary of chapter 1's lumps while the reader looks on, or drags it away.
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { load } from "./lib/data.js";
import { axes, begin, button, controls, handle, number, once, readout, slider, stage } from "./lib/figure.js";
import { sigmoid } from "./lib/functions.js";
import { boundary, norm, through } from "./lib/neuron.js";
import { SMOOTH, arrow, level, shade } from "./lib/plane.js";
import * as learning from "./tumours/learning.js";

export const title = "A neuron learns to tell malignant lumps from benign ones";

const X1 = [-2.2, 4.4]; // as in chapter 1's pictures
const X2 = [-2.4, 4.2];
const RATES = [0.1, 0.3, 1, 3, 10, 30, 100];
const MOST = 3000; // steps, then it rests
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let lumps, best; // the training and the test lumps; the neuron with the least loss, and its loss
let neuron = { w: [0, 1], b: 0 }; // by the roughness alone
let knobs; // two places on the boundary, which the reader may drag
let losses; // one for each step since the reader last moved the boundary
let rate = 1;
let timer = null;
let view; // what is on the page

const x = scaleLinear(X1, [0, 1]);
const y = scaleLinear(X2, [1, 0]);

/** Take a new neuron; `moved` by the reader's hand, which begins the count of steps anew. */
function take(next, moved = false) {
  neuron = next;
  const now = learning.loss(neuron, lumps.train);
  losses = moved ? [now] : [...losses, now];
  update();
}

/** Put the knobs on the boundary as it is now. */
function placeKnobs() {
  const ends = boundary(neuron.w, neuron.b, X1, X2);
  const between = (t) => ends[0].map((v, i) => v + t * (ends[1][i] - v));
  knobs = ends && [between(0.15), between(0.85)];
}

function forget() {
  stop();
  knobs = null;
  take({ w: [0, 0], b: 0 }, true); // as chapter 1 begins
}

/** The reader drags a knob: the boundary goes through both, and the neuron stays as sure as it was. */
function drag(i, place) {
  const other = knobs[1 - i];
  if (Math.hypot(place[0] - other[0], place[1] - other[1]) < 0.3) return;
  stop();
  knobs[i] = place;
  take(through(...knobs, norm(neuron.w)), true);
}

function learn(steps) {
  for (let k = 0; k < steps && losses.length <= MOST; k++) {
    neuron = learning.step(neuron, lumps.train, rate);
    losses.push(learning.loss(neuron, lumps.train));
  }
  placeKnobs();
  update();
  if (losses.length > MOST || losses.at(-1) - best.loss < 1e-7) stop();
}

function stop() {
  clearInterval(timer);
  timer = null;
  view.play.text("▶ Learn").attr("aria-label", "Learn");
}

function play() {
  if (timer) return stop();
  view.play.text("❚❚ Pause").attr("aria-label", "Pause");
  if (losses.length > MOST) losses = losses.slice(-1);
  timer = calm.matches ? setInterval(learn, 1000, 30) : setInterval(learn, 1000 / 30, 1);
}

function drawPlane({ plot, width, height }) {
  x.range([0, width]);
  y.range([height, 0]);
  const { w, b } = neuron;
  shade(plot, { w, b, x, y, activation: sigmoid, points: SMOOTH });
  axes(plot, x, y, { width, height, xName: "x₁: radius, standardised", yName: "", xTicks: 6 });
  once(plot, "text", "rough onpaper").attr("x", 6).attr("y", 16).text("x₂: roughness, standardised");
  drawLumps(plot);
  once(plot, "text", "says0 onpaper c-real").attr("x", 6).attr("y", height - 8).attr("font-weight", 700).text("● benign");
  once(plot, "text", "says1 onpaper c-fake").attr("x", width - 6).attr("y", height - 8).attr("text-anchor", "end").attr("font-weight", 700).text("× malignant");
  level(plot, "boundary", { w, b, x, y });
  once(plot, "line", "boundary").attr("stroke", "var(--target)").attr("stroke-width", 3);
  drawKnobs(plot);
}

/** Lumps that the neuron is wrong about stand out. Four paths are quicker than 400 circles. */
function drawLumps(plot) {
  const right = learning.right(neuron, lumps.train);
  const at = (v) => v.toFixed(1);
  for (const malignant of [0, 1]) {
    for (const good of [true, false]) {
      const s = good ? 2.4 : 3.4;
      const chosen = lumps.train.x.filter((_, n) => lumps.train.y[n] === malignant && right[n] === good);
      const dot = ([u, v]) => `M${at(x(u))},${at(y(v))}h0`;
      const cross = ([u, v]) => `M${at(x(u) - s)},${at(y(v) - s)}l${2 * s},${2 * s}m0,${-2 * s}l${-2 * s},${2 * s}`;
      once(plot, "path", `lumps${malignant}${good ? "right" : "wrong"}`).attr("fill", "none")
        .attr("stroke", `var(--${malignant ? "fake" : "real"})`).attr("stroke-opacity", good ? 0.55 : 1)
        .attr("stroke-width", malignant ? (good ? 1.3 : 2.2) : 2.4 * s).attr("stroke-linecap", malignant ? "butt" : "round")
        .attr("d", chosen.map(malignant ? cross : dot).join(""));
    }
  }
}

/** The two knobs, and between them the arrow of the weights. */
function drawKnobs(plot) {
  plot.selectAll(".handle, .w").attr("display", knobs ? null : "none");
  if (!knobs) return;
  const middle = [0, 1].map((i) => (knobs[0][i] + knobs[1][i]) / 2);
  const tip = middle.map((v, i) => v + (0.9 * neuron.w[i]) / norm(neuron.w));
  arrow(plot, "w", [x(middle[0]), y(middle[1])], [x(tip[0]), y(tip[1])], "weights");
  for (const i of [0, 1]) {
    handle(plot, `knob${i}`, {
      label: `${i ? "second" : "first"} knob of the boundary`, role: "target", x, y, step: [0.1, 0.1],
      at: () => knobs[i],
      move: (u, v) => drag(i, [u, v]),
      text: (u, v) => `radius ${number(u, 1)}, roughness ${number(v, 1)}; right about ${learning.count(neuron, lumps.train)} of 400`,
    });
  }
}

function drawLosses({ plot, width, height }) {
  const steps = losses.length - 1;
  const at = scaleLinear([0, Math.max(40, steps)], [0, width]);
  const up = scaleLinear([0, Math.max(0.8, 1.05 * Math.max(...losses))], [height, 0]);
  axes(plot, at, up, { width, height, xName: "step", yName: "loss", xTicks: 4, yTicks: 3 });
  const floor = once(plot, "line", "least").attr("stroke", "var(--neutral)").attr("stroke-width", 2).attr("stroke-dasharray", "5 4");
  floor.attr("x2", width).attr("y1", up(best.loss)).attr("y2", up(best.loss));
  once(plot, "text", "floor onpaper c-neutral").attr("x", width - 4).attr("y", up(best.loss) + (height - up(best.loss) > 15 ? 13 : -6)).attr("text-anchor", "end").text("the least there is");
  once(plot, "path", "line curve").attr("stroke", "var(--gradient)").attr("d", line((_, k) => at(k), (v) => up(v))(losses));
  once(plot, "circle", "end").attr("r", 4.5).attr("fill", "var(--gradient)").attr("cx", at(steps)).attr("cy", up(losses.at(-1)));
}

/** The equation with its numbers, and how good the neuron is. */
function told() {
  const { w, b } = neuron;
  const signed = (v) => `${v < 0 ? "−" : "+"} <b>${number(Math.abs(v))}</b>`;
  const share = (part, of) => `<b>${number((100 * part) / of, 1)} %</b> of ${of}`;
  const [seen, fresh] = [learning.count(neuron, lumps.train), learning.count(neuron, lumps.test)];
  return [
    '<span class="equation"><span class="wide"><i>a</i> = <i>σ</i>(<i>w</i>₁<i>x</i>₁ + <i>w</i>₂<i>x</i>₂ + <i>b</i>)<br></span>',
    `<i>a</i> = <i>σ</i>(<span class="c-weights"><b>${number(w[0])}</b></span> <i>x</i>₁ <span class="c-weights">${signed(w[1])}</span> <i>x</i>₂ <span class="c-weights">${signed(b)}</span>)</span>`,
    `step ${losses.length - 1}: loss <b class="c-gradient">${number(losses.at(-1), 4)}</b>; the least there is: ${number(best.loss, 4)}<br>`,
    `right about ${share(seen, lumps.train.y.length)} lumps, ${share(fresh, lumps.test.y.length)} new ones`,
  ].join("");
}

function update() {
  view.plane.redraw();
  view.losses.redraw();
  const { w, b } = neuron;
  view.plane.describe(`400 lumps by radius and roughness, and the line where the neuron ${knobs ? `changes its mind: ${number(w[0])} x₁ + ${number(w[1])} x₂ + ${number(b)} = 0` : "would change its mind; it draws none here"}.`);
  view.losses.describe(`The loss for each step; it is now ${number(losses.at(-1), 3)}, and the least there is ${number(best.loss, 3)}.`);
  view.say(told());
}

function start({ least, ...packed }) {
  lumps = learning.unpack(packed);
  best = { w: least.slice(0, 2), b: least[2], loss: least[3] };
  losses = [learning.loss(neuron, lumps.train)];
  placeKnobs();
  const root = begin({ ...learning, boundary, through, lumps: () => lumps, best: () => best, now: () => ({ neuron, losses, rate }) },
    "Press Learn and watch the line. Then drag a knob to spoil it, and let it learn again.");
  const sides = root.append("div").attr("class", "stages");
  view = {};
  view.plane = stage(sides, { label: "", margin: { top: 8, left: 30, right: 8 }, height: (wide) => wide + 6, draw: drawPlane });
  const column = sides.append("div").attr("class", "stage");
  const row = controls(column);
  view.play = button(row, "▶ Learn", play).attr("class", "main");
  button(row, "One step", () => { stop(); learn(1); });
  button(row, "Forget", forget);
  slider(row, { label: "rate <i>η</i>", min: 0, max: RATES.length - 1, step: 1, value: RATES.indexOf(rate), format: (i) => String(RATES[i]), change: (i) => { rate = RATES[i]; } });
  view.say = readout(column);
  view.losses = stage(column, { label: "", margin: { left: 36, right: 12, bottom: 38 }, height: () => (window.innerWidth < 520 ? 116 : 170), draw: drawLosses });
  new IntersectionObserver(([entry]) => !entry.isIntersecting && stop()).observe(root.node());
  update();
}
load("tumours").then(start);
