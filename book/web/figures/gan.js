// A GAN on a line: both densities, the judge beside the best judge, and the value of the game, step by step.
import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import { axes, begin, choice, controls, handle, number, once, player, readout, stage } from "./lib/figure.js";
import { load } from "./lib/data.js";
import { sigmoid } from "./lib/functions.js";
import { best, density, divergence, generatorLoss, unpack, value, valueAtBest } from "./gan/game.js";

export const title = "A GAN’s training: densities, judge and value together";

const BEGIN = 4; // the recorded step that is shown first: the densities still differ, and the judge has noticed
const LOWEST = -1.6; // of the picture: an untrained judge may get less
const FAINT = 0.02; // where the heap of real and generated is thinner, D* is not drawn

const roomy = () => matchMedia("(min-width: 560px)").matches; // wider than a phone

let recorded = null;
let game = null; // one way to play, with `judged` and `ideal`: V of the judge and of the best judge at each step
let now = BEGIN;

const root = begin({ density, value, generatorLoss, best, divergence, valueAtBest, unpack, game: () => game },
  "Play the game, or drag the point along it. The judge’s line never gets above the best judge’s: what does it miss?");
const both = root.append("div").attr("class", "stages");
const x = scaleLinear([-4.5, 4.5], [0, 1]);
const y = scaleLinear([0, 1], [1, 0]);
const s = scaleLinear([0, 1], [0, 1]);
const v = scaleLinear([LOWEST, -1], [1, 0]);

function clip(svg, name, width, height) {
  const path = once(once(svg, "defs", "defs"), "clipPath", name).attr("id", name);
  once(path, "rect", "inside").attr("width", width).attr("height", height);
  return `url(#${name})`;
}

const picture = stage(both, {
  label: "", margin: { top: 44 }, height: () => (roomy() ? 258 : 214),
  draw({ svg, plot, width, height }) {
    x.range([0, width]);
    y.range([height, 0]);
    axes(plot, x, y, { width, height, xName: "x", yName: "", xTicks: 5 });
    legend(plot, [["real", "real"], ["generated", "fake"], ["D, the judge", "activation"], ["D*, the best (dashed)", "target"]]);
    if (!game) return;
    const { q, u } = game.frames[now];
    const inside = once(plot, "g", "inside").attr("clip-path", clip(svg, "picture", width, height));
    const at = (k) => x(game.x[k]);
    const hill = (name, role, masses) =>
      once(inside, "path", name).attr("fill", `var(--${role})`).attr("fill-opacity", 0.3).attr("stroke", `var(--${role})`).attr("stroke-width", 1.5)
        .attr("d", area((_, k) => at(k), y(0), (m) => y(m / game.width))(masses));
    hill("real", "real", game.p);
    hill("generated", "fake", q);
    const curve = (name, role, values, shown = () => true) =>
      once(inside, "path", `line ${name}`).attr("stroke", `var(--${role})`).attr("d", line((_, k) => at(k), (d) => y(d)).defined((_, k) => shown(k))(values));
    curve("judge", "activation", u.map(sigmoid)).attr("stroke-width", 2.5);
    curve("best", "target", best(game.p, q), (k) => (game.p[k] + q[k]) / 2 > FAINT * game.width).attr("stroke-dasharray", "5 4");
  },
});

/** Names of what is drawn, in their colours, above a plot; two in a row. */
function legend(plot, names) {
  names.forEach(([text, role], k) =>
    once(plot, "text", `name${k} c-${role}`).attr("x", k % 2 ? 84 : -36).attr("y", k < 2 ? -28 : -10).text(text));
}

const course = stage(both, {
  label: "", margin: { top: 44 }, height: () => (roomy() ? 258 : 190),
  draw({ svg, plot, width, height }) {
    const last = game ? game.frames.at(-1).step : 1;
    s.domain([0, last]).range([0, width]);
    v.domain([LOWEST, game ? Math.max(...game.ideal) + 0.05 : -1]).range([height, 0]);
    axes(plot, s, v, { width, height, xName: "step", yName: "", xTicks: 4, yTicks: 4 });
    once(plot, "text", "name0 c-activation").attr("x", -36).attr("y", -28).text("V of the judge");
    once(plot, "text", "name1 c-target").attr("x", -36).attr("y", -10).text("V of the best judge, 2 JSD − log 4 (dashed)");
    if (!game) return;
    const end = -Math.log(4);
    const inside = once(plot, "g", "inside").attr("clip-path", clip(svg, "course", width, height));
    const to = (k) => s(game.frames[k].step);
    once(inside, "path", "missed").attr("fill", "var(--gradient)").attr("opacity", 0.15)
      .attr("d", area((_, k) => to(k), (_, k) => v(game.judged[k]), (d) => v(d))(game.ideal));
    once(inside, "line", "end").attr("x2", width).attr("y1", v(end)).attr("y2", v(end)).attr("stroke", "var(--neutral)").attr("stroke-width", 1.5).attr("stroke-dasharray", "2 3");
    const curve = (name, role, values) =>
      once(inside, "path", `line ${name}`).attr("stroke", `var(--${role})`).attr("d", line((_, k) => to(k), (d) => v(d))(values));
    curve("judged", "activation", game.judged);
    curve("ideal", "target", game.ideal).attr("stroke-dasharray", "5 4").attr("stroke-width", 1.5);
    once(plot, "text", "log4 c-neutral").attr("x", width).attr("y", v(end) + 17).attr("text-anchor", "end")
      .attr("stroke", "var(--paper)").attr("stroke-width", 4).attr("paint-order", "stroke").text("−log 4: equal densities");
    once(plot, "line", "now").attr("x1", to(now)).attr("x2", to(now)).attr("y2", height).attr("stroke", "var(--ink)").attr("stroke-width", 1).attr("opacity", 0.5);
    handle(plot, "step", {
      label: "step of the training", role: "activation", x: s, y: v, step: [recorded.every, 0],
      at: () => [game.frames[now].step, Math.max(LOWEST, game.judged[now])],
      move: (step) => steps.go(Math.round(step / recorded.every)),
      text: (step) => `step ${step}, V ${number(game.judged[now], 3)}, best ${number(game.ideal[now], 3)}`,
    });
  },
});

const row = controls(root);
let steps = null;
const ways = root.append("div").attr("class", "controls");
const say = readout(root);

function choose(way) {
  game = unpack(recorded, way);
  game.judged = game.frames.map(({ q, u }) => value(game.p, q, u));
  game.ideal = game.frames.map(({ q }) => valueAtBest(game.p, q));
  update();
}

function update() {
  const { step, q, u } = game.frames[now];
  const [got, ideal, apart] = [game.judged[now], game.ideal[now], divergence(game.p, q)];
  picture.redraw();
  course.redraw();
  picture.describe(`At step ${step}: the densities of the data and of the generator, and what the judge and the best judge say along the line.`);
  course.describe(`The value of the game over ${game.frames.at(-1).step} steps, for the judge and for the best judge, above the line at minus log 4.`);
  say(
    `Step ${step}: the judge gets <i>V</i> = <b class="c-activation">${number(got, 3)}</b>. The best judge would get 2 JSD − log 4 = 2 · ${number(apart, 3)} − ` +
      `${number(Math.log(4), 3)} = <b>${number(ideal, 3)}</b>; this judge misses <b class="c-gradient">${number(ideal - got, 3)}</b>. ` +
      `The generator’s loss is <b class="c-fake">${number(generatorLoss(q, u), 3)}</b>, at the end of the game log 2 = ${number(Math.log(2), 3)}.`,
  );
}

say("The recorded games are on their way.");
document.documentElement.dataset.busy = ""; // the still picture waits until it is gone
load("gan").then((data) => {
  recorded = data;
  const names = Object.keys(recorded.ways);
  choose(names[0]);
  steps = player(row, { steps: game.frames.length, fps: 8, name: "picture", value: now, show: (k) => { now = k; update(); } });
  choice(ways, { label: "the judge learns:", options: names.map((name) => [name, { "a slow judge": "ten times as slowly" }[name] ?? "as fast as the generator"]), value: names[0], change: choose });
  delete document.documentElement.dataset.busy;
}).catch((error) => say(error.message));
