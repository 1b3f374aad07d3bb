// A kernel of nine numbers goes over a picture: what comes out, and the one sum at a place.
import { begin, choice, controls, menu, number, once, readout, stage } from "./lib/figure.js";
import { bytes, load } from "./lib/data.js";
import { conv2d, convolve2d, correlate2d, turned } from "./lib/images.js";
import { blank, paintable, stroke } from "./lib/paint.js";
import { bitmap, colour, mix, onTheme } from "./lib/pixels.js";
import { bound, kernels, total, window9 } from "./kernel/sums.js";

export const title = "A kernel over a picture that you paint";

const SIDE = 28;
const NAMES = { upright: "upright", level: "level", sharper: "sharper", blur: "blur" };

let picture = blank(SIDE);
let K = kernels.upright.map((row) => [...row]);
let flip = false;
let tool = "draw";
const cursor = { at: [14, 14], reach: 1 };

const functions = {
  convolve2d, correlate2d, window9, bound,
  kernel: (name) => kernels[name],
  conv2d: (...given) => Array.from(conv2d(...given).data),
};
const root = begin(functions, "Paint on the picture, and change the kernel’s nine numbers. The sum in the window is worked out.");
const board = root.append("div").attr("class", "board");
const cellOf = (name) => board.append("div").attr("class", name);
const square = { margin: { top: 24, right: 1, bottom: 26, left: 1 }, height: (w) => w + 48 };

const ground = stage(cellOf("tall"), {
  label: "", ...square,
  draw({ plot, width }) {
    once(plot, "text", "title").attr("x", 0).attr("y", -8).text("picture I");
    paintable(plot, "picture", {
      address: bitmap(picture, (v) => mix(colour("paper"), colour("input"), v)), size: width, side: SIDE, cursor, pointed,
      label: "Picture to paint on: the arrow keys move the window, Space paints the pixel in its middle, Delete wipes it.",
      pen: (from, to, wipes) => { stroke(picture, from, to, 0.5, wipes); pictures.value("own"); }, snap: true, tool: () => tool,
    });
  },
});

const answers = () => (flip ? convolve2d(picture, K, "same") : correlate2d(picture, K, "same"));
const map = stage(cellOf("tall last"), {
  label: "", ...square,
  draw({ plot, width }) {
    const most = bound(K) || 1;
    const paint = (v) => mix(colour("paper"), colour(v < 0 ? "fake" : "activation"), Math.abs(v) / most);
    once(plot, "text", "title").attr("x", 0).attr("y", -8).text(flip ? "answer S = I ∗ K" : "answer z = I ⋆ K");
    paintable(plot, "answer", { address: bitmap(answers(), paint), size: width, side: SIDE, cursor: { at: cursor.at, reach: 0 }, pointed });
    const scale = once(plot, "g", "scale").attr("transform", `translate(0,${width + 6})`);
    const shades = [Array.from({ length: 61 }, (_, i) => (most * (i - 30)) / 30)];
    once(scale, "image", "bitmap").attr("x", 34).attr("width", width - 68).attr("height", 12).attr("preserveAspectRatio", "none").attr("href", bitmap(shades, paint));
    once(scale, "text", "low").attr("y", 11).text(short(-most));
    once(scale, "text", "high").attr("x", width).attr("y", 11).attr("text-anchor", "end").text(short(most));
  },
});

const entries = cellOf("entries controls");
entries.append("p").text("kernel K");
const inputs = K.flat().map((value, k) =>
  entries.append("input").attr("type", "number").attr("step", "any").attr("min", -9).attr("max", 9).attr("required", "")
    .attr("aria-label", `K(${Math.floor(k / 3)}, ${k % 3})`)
    .on("input", function () {
      if (!this.checkValidity()) return; // unfinished: a lone minus, or nothing
      K[Math.floor(k / 3)][k % 3] = Number(this.value);
      chosen.value("own");
      update();
    })
    .on("keydown", function (event) {
      const way = { ArrowUp: 0.5, ArrowDown: -0.5 }[event.key];
      if (!way) return;
      event.preventDefault();
      this.value = Math.max(-9, Math.min(9, (Number(this.value) || 0) + way));
      this.dispatchEvent(new Event("input"));
    }));
const showKernel = () => inputs.forEach((input, k) => input.property("value", K.flat()[k]));

const worked = stage(cellOf("window"), {
  label: "", margin: { top: 24, right: 1, bottom: 1, left: 1 }, height: (w) => Math.min(w, 168) * 0.8 + 25,
  draw({ plot, width }) {
    once(plot, "text", "title").attr("x", 0).attr("y", -8).text(flip ? "window × K turned" : "window × K");
    const [wide, tall] = [Math.min(width, 168) / 3, (Math.min(width, 168) * 0.8) / 3];
    window9(picture, K, cursor.at, flip).forEach(({ pixel, weight }, k) => {
      const cell = once(plot, "g", `product${k}`).attr("transform", `translate(${wide * (k % 3)},${tall * Math.floor(k / 3)})`);
      once(cell, "rect", "c-input").attr("width", wide).attr("height", tall).attr("fill-opacity", 0.04 + 0.14 * pixel).attr("stroke", "var(--weights)");
      once(cell, "text", "pixel c-input").attr("x", wide / 2).attr("y", tall / 2 - 4).attr("text-anchor", "middle").text(short(pixel));
      once(cell, "text", "weight c-weights").attr("x", wide / 2).attr("y", tall / 2 + 13).attr("text-anchor", "middle").text(`× ${short(weight)}`);
    });
  },
});

const row = controls(root);
const own = (text) => ["own", text, true];
const chosen = menu(row, { label: "kernel", options: [...Object.entries(NAMES), own("your own")], value: "upright", change: choose });
const pictures = menu(row, { label: "picture", options: [], value: "", change: show });
choice(row, { label: "pen", options: [["draw", "paints"], ["wipe", "wipes"]], value: tool, change: (t) => { tool = t; } });
choice(row, {
  label: "K lies", value: "stands",
  options: [["stands", "as it stands (⋆)"], ["turned", "turned (∗)"]], change: (way) => { flip = way === "turned"; update(); },
});
const say = readout(root);

/** A number without needless zeros. */
function short(value) {
  return number(value, 2).replace(/\.?0+$/, "");
}

function choose(name) {
  K = kernels[name].map((r) => [...r]);
  showKernel();
  update();
}

function pointed(at) {
  cursor.at = at;
  update();
}

/** What the turn does to this kernel. */
function turn() {
  const [now, then] = [K.flat(), turned(K).flat()];
  if (now.every((v, i) => v === then[i])) return "Turned by half a turn it is the same.";
  if (now.every((v, i) => v === -then[i])) return "Turned by half a turn it changes its sign, and so does every answer.";
  return "";
}

function update() {
  for (const part of [ground, map, worked]) part.redraw();
  const parts = window9(picture, K, cursor.at, flip).map((p) => p.product);
  const sum = total(parts);
  const [r, c] = cursor.at;
  const whole = total(K.flat());
  const shown = parts.map((v, i) => (i && v >= 0 ? "+ " : i ? "− " : v < 0 ? "−" : "") + short(Math.abs(v)));
  const rounded = Math.abs(total(parts.map((v) => Number(v.toFixed(2)))) - Number(sum.toFixed(2))) > 1e-9;
  const plain = Math.abs(whole) < 1e-12 ? "a plain surface becomes 0" : Math.abs(whole - 1) < 1e-12 ? "a plain surface stays as it is" : `a plain surface becomes ${short(whole)} times as bright`;
  ground.describe(`A picture of 28 by 28 pixels, with a window of 3 by 3 at row ${r}, column ${c}.`);
  worked.describe("The window’s nine pixels, each with the number of the kernel that multiplies it.");
  map.describe(`The answer at every pixel, from ${short(-bound(K))} to ${short(bound(K))}. At row ${r}, column ${c} it is ${short(sum)}.`);
  say(
    `row ${r}, column ${c}: ${shown.join(" ")} ${rounded ? "≈" : "="} <b class="c-${sum < 0 ? "fake" : "activation"}">${short(sum)}</b><br>` +
      `<i>K</i> sums to <b class="c-weights">${short(whole)}</b>: ${plain}. ${turn()}`,
    `row ${r}, column ${c}: pixel ${short(picture[r][c])}, answer ${short(sum)}`,
  );
}

let digits = [];
function show(name) {
  if (name === "own") return;
  picture = name === "empty" || name === "point" ? blank(SIDE) : digits[name].map((r) => [...r]);
  if (name === "point") picture[14][14] = 1;
  update();
}

showKernel();
update();
onTheme(update);
load("digits").then((found) => {
  // Brightness in hundredths, so that the products that are shown are those that are added.
  digits = found.map(({ pixels }) => {
    const values = Array.from(bytes(pixels), (v) => Math.round(v / 2.55) / 100);
    return Array.from({ length: SIDE }, (_, r) => values.slice(SIDE * r, SIDE * (r + 1)));
  });
  const right = found.flatMap(({ label, said }, i) => (label === said ? [[i, `a ${label}`]] : []));
  pictures.options([...right, ["point", "one pixel"], ["empty", "empty"], own("your own")]);
  pictures.value("3");
  cursor.at = [10, 16]; // where its left edge answers most
  show("3");
});
