// The reader draws a digit, and the CNN of chapter 5 says which: ten probabilities, and what each layer makes of it.
import { scaleLinear } from "d3-scale";
import { begin, button, choice, controls, number, once, readout, stage } from "./lib/figure.js";
import { bytes, load } from "./lib/data.js";
import { channel } from "./lib/images.js";
import { blank, paintable, stroke } from "./lib/paint.js";
import { bitmap, colour, mix, onTheme } from "./lib/pixels.js";
import { likeMnist } from "./draw/centre.js";
import { layers, softmax, unpack } from "./draw/network.js";

export const title = "The chapter’s network reads a digit that you draw";

const SIDE = 28;
const PEN = 1.1; // radius: a line is 2.2 pixels wide, measured where it is half dark
const LAYERS = { relu1: "relu", pooled1: "pooled", relu2: "relu", pooled2: "pooled" };

let picture = blank(SIDE);
let probabilities = null;
let network = null; // its arrays, once they are there
let about = null; // what its data script measured
let example = null; // the test digit that is shown, until the reader draws on it
let maps = null;
let tool = "draw";
let centred = true;
let layersShown = false;
const cursor = { at: [14, 14], reach: 0 };

const functions = {
  likeMnist,
  softmax,
  stroke: (picture, ...line) => { stroke(picture, ...line); return picture; },
  logits: (stored, images) => images.map(((arrays) => (image) => layers(arrays, image).logits)(unpack(stored))),
};
const root = begin(functions, "Draw a digit. Then draw something that is no digit: the network answers with a digit all the same.");
const board = root.append("div").attr("class", "board");
const cellOf = (name) => board.append("div").attr("class", name);
const given = () => (centred ? likeMnist(picture) : picture);
const ink = (v) => mix(colour("paper"), colour("input"), v);

const pad = stage(cellOf("pad"), {
  label: "", margin: { top: 24, right: 1, bottom: 1, left: 1 }, height: (w) => w + 23,
  draw({ plot, width }) {
    once(plot, "text", "title").attr("y", -8).text("draw here");
    paintable(plot, "drawing", {
      address: bitmap(picture, ink), size: width, side: SIDE, cursor, tool: () => tool,
      label: "Picture to draw on: the arrow keys move the pen, hold Space to draw, Delete to wipe.",
      pen: (from, to, wipes) => { stroke(picture, from, to, PEN, wipes); example = null; dirty = true; },
      pointed: (at) => { cursor.at = at; later(); },
    });
    plot.select(".cursor").classed("keys", true);
  },
});

const seen = stage(cellOf("seen"), {
  label: "", margin: { top: 24, right: 1, bottom: 1, left: 1 }, height: (w) => w + 23,
  draw({ plot, width }) {
    once(plot, "text", "title").attr("y", -8).text("it is given");
    once(plot, "image", "bitmap").attr("width", width).attr("height", width).attr("href", bitmap(given(), ink));
    once(plot, "rect", "edge").attr("width", width).attr("height", width).attr("fill", "none").attr("stroke", "var(--neutral)");
    const middle = (14.5 * width) / SIDE; // of pixel (14, 14), where the centre of mass is put
    once(plot, "path", "middle").attr("d", `M${middle},1V${width - 1}M1,${middle}H${width - 1}`)
      .attr("stroke", "var(--neutral)").attr("stroke-dasharray", "2 4").attr("display", centred ? null : "none");
  },
});

const bars = stage(cellOf("bars"), {
  label: "", margin: { top: 24, right: 66, bottom: 4, left: 18 }, height: () => (matchMedia("(min-width: 560px)").matches ? 295 : 188),
  draw({ plot, width, height }) {
    const x = scaleLinear([0, 1], [0, width]);
    const tall = height / 10;
    const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    once(plot, "text", "title").attr("x", -18).attr("y", -8).text("it says");
    for (let digit = 0; digit < 10; digit++) {
      const p = probabilities?.[digit] ?? 0;
      const bar = once(plot, "g", `bar${digit}`).attr("transform", `translate(0,${tall * digit})`).attr("font-weight", digit === best ? 700 : null);
      once(bar, "text", "digit").attr("x", -18).attr("y", tall / 2 + 5).text(digit);
      once(bar, "rect", "track").attr("y", 2).attr("width", width).attr("height", tall - 4).attr("fill", "var(--faint)");
      once(bar, "rect", "c-activation").attr("y", 2).attr("width", x(p)).attr("height", tall - 4);
      once(bar, "text", "share").attr("x", width + 6).attr("y", tall / 2 + 5).text(probabilities ? percent(p) : "");
    }
  },
});

/** All channels of a layer in one picture, a line of paper between them. */
function mosaic({ shape: [H, W, C], ...rest }, across) {
  const down = Math.ceil(C / across);
  const rows = Array.from({ length: down * (H + 1) - 1 }, () => Array(across * (W + 1) - 1).fill(null));
  for (let c = 0; c < C; c++) {
    const [top, left] = [Math.floor(c / across) * (H + 1), (c % across) * (W + 1)];
    channel({ shape: [H, W, C], ...rest }, c).forEach((line, i) => line.forEach((v, j) => { rows[top + i][left + j] = v; }));
  }
  return rows;
}

const layerBox = root.append("div").attr("class", "layers").property("hidden", true);
const layerStages = Object.entries(LAYERS).map(([name, does]) => stage(layerBox, {
  label: "", margin: { top: 20, right: 0, bottom: 0, left: 0 }, height: (w) => w + 20,
  draw({ plot, width }) {
    if (!maps) return;
    const [H, , C] = maps[name].shape;
    const most = Math.max(...maps[name].data) || 1;
    const [paper, high] = [colour("faint"), colour("activation")];
    const paint = (v) => (v === null ? colour("paper") : mix(paper, high, v / most));
    const rows = mosaic(maps[name], C > 16 ? 6 : 4);
    const wide = width * (rows[0].length / Math.max(rows.length, rows[0].length));
    once(plot, "text", "name").attr("y", -6).text(`${does}: ${C} of ${H} × ${H}`);
    once(plot, "image", "bitmap").attr("width", wide).attr("height", (wide * rows.length) / rows[0].length).attr("href", bitmap(rows, paint));
  },
}));

const row = controls(root);
choice(row, { label: "pen", options: [["draw", "draws"], ["wipe", "wipes"]], value: tool, change: (t) => { tool = t; } });
button(row, "Clear", () => { picture = blank(SIDE); example = null; answer(); });
const toggle = (text, state, change) => {
  const made = button(row, text, () => {
    change();
    made.attr("aria-pressed", state());
    answer();
  }).attr("aria-pressed", state());
};
toggle("Centre it as MNIST does", () => centred, () => { centred = !centred; });
toggle("Show the layers", () => layersShown, () => { layersShown = !layersShown; layerBox.property("hidden", !layersShown); });
const samples = root.append("div").attr("class", "controls samples");
const say = readout(root);

/** Never 100 %: a softmax is not certain. */
function percent(p) {
  if (p > 0.9999) return "> 99.99 %";
  if (p > 0.995) return `${number(Math.floor(10000 * p) / 100, 2)} %`;
  return `${number(100 * p, p < 0.1 ? 1 : 0)} %`;
}

let loading;
let waiting = false;
let dirty = false;
/** Answer once before the next picture on the screen, however often the pen has moved. */
function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    if (dirty) answer();
    else pad.redraw();
    dirty = false;
  });
}

/** The network's weights come when they are first needed. */
async function answer() {
  if (!network) {
    show();
    try {
      about = await (loading ??= load("draw"));
    } catch (error) {
      say(error.message);
      return;
    }
    network = unpack(about.arrays);
  }
  const blankPage = picture.every((line) => line.every((v) => v === 0));
  maps = layers(network, given());
  probabilities = blankPage ? null : softmax(maps.logits);
  show();
}

function show() {
  for (const part of [pad, seen, bars, ...layerStages]) part.redraw();
  const what = example ? `test digit ${example.index}, a ${example.label}` : "your drawing";
  pad.describe(`The picture to draw on: ${what}.`);
  seen.describe(`What the network is given: ${centred ? "the drawing, scaled to 20 by 20 pixels and centred" : "the drawing as it is"}.`);
  layerStages.forEach((part, k) => part.describe(`Feature maps of layer ${k + 1}.`));
  const facts = about
    ? `<br>Its ${about.parameters.toLocaleString("en")} parameters, rounded to 8 bits, read ${number(100 * about.right, 2)} % of ${about.testDigits.toLocaleString("en")} test digits right (not rounded: ${number(100 * about.rightUnrounded, 2)} %).`
    : "";
  if (!probabilities) {
    bars.describe("No answer yet.");
    say(`The page is empty.${facts}`, "The page is empty.");
    return;
  }
  const order = probabilities.map((p, digit) => [p, digit]).sort((a, b) => b[0] - a[0]);
  const [[p, first], [q, second]] = order;
  bars.describe(`The ten probabilities: ${order.slice(0, 3).map(([share, digit]) => `${digit}: ${percent(share)}`).join(", ")}.`);
  const truth = !example ? "" : example.label === first ? ` It is a ${example.label}.` : ` It is a <b>${example.label}</b>.`;
  const words = `It says <b class="c-activation">${first}</b> with ${percent(p).replace(">", "more than")}, then ${second} with ${percent(q)}.${truth}`;
  say(words + facts, words.replace(/<[^>]*>/g, ""));
}

function take(digit) {
  example = digit;
  picture = digit.picture.map((line) => [...line]);
  answer();
}

const images = [];
function offer(digits) {
  const wrong = digits.filter((d) => d.said !== d.label).length;
  samples.append("p").text(`Or take a test digit. The last ${wrong} it reads wrong.`);
  for (const digit of digits) {
    const made = button(samples, "", () => take(digit)).attr("class", "sample").attr("aria-label", `test digit ${digit.index}, a ${digit.label}`);
    made.classed("wrong", digit.said !== digit.label);
    images.push([made.append("img").attr("class", "bitmap").attr("alt", ""), digit]);
  }
}
function paintSamples() {
  for (const [image, digit] of images) image.attr("src", bitmap(digit.picture, ink));
}

show();
onTheme(() => { show(); paintSamples(); });
load("digits").then((found) => {
  const digits = found.map((digit) => {
    const values = Array.from(bytes(digit.pixels), (v) => v / 255);
    return { ...digit, picture: Array.from({ length: SIDE }, (_, r) => values.slice(SIDE * r, SIDE * (r + 1))) };
  });
  offer(digits);
  paintSamples();
  if (picture.some((line) => line.some((v) => v > 0))) return; // the reader was faster
  example = digits.find((d) => d.said !== d.label && Math.max(...d.probabilities) < 0.7);
  picture = example.picture.map((line) => [...line]);
  probabilities = example.probabilities;
  show();
});
