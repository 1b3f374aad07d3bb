// The generator of digits, asked at any place of a plane through its noise.
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { bytes, load } from "./lib/data.js";
import { begin, button, controls, handle, number, once, readout, slider, stage } from "./lib/figure.js";
import { bitmap, colour, mix, onTheme } from "./lib/pixels.js";
import { normal } from "./lib/random.js";
import { layers, softmax, unpack } from "./draw/network.js";
import { convTranspose2d, generate } from "./latent/generator.js";
import { correlation, noise, plane, walk } from "./latent/plane.js";

export const title = "What the generator draws at the places of a plane";

const [SIDE, REACH, CELLS] = [28, 12, 9];
const LENGTHS = [2, 4, 6, 8, 10, 12];

let generator = null; // its arrays, once they are there
let reader = null; // the CNN of chapter 5
let about = null;
let round = 0; // which plane
let where = null;
let at = [0, 0];
let seen = null; // what is drawn at `at`: the picture, its row of lengths, ten probabilities, a correlation
let map = blank(CELLS, CELLS);

function blank(down, across) {
  return Array.from({ length: down * SIDE }, () => Array(across * SIDE).fill(0));
}

/** Pictures laid side by side. */
const sideBySide = (pictures) => pictures[0].map((_, r) => pictures.flatMap((picture) => picture[r]));
const draw = (a, b) => generate(generator, about.eps, noise(where, a, b));
const ink = (v) => mix(colour("paper"), colour("fake"), v);
const typical = () => Math.sqrt(about?.latent ?? 64); // the length of a draw of so many numbers, nearly always

const root = begin(
  { plane, noise, walk, correlation, convTranspose2d, generate: (stored, eps, all) => {
    const arrays = unpack(stored);
    return all.map((z) => generate(arrays, eps, z));
  } },
  "Move the point over the plane: along a ray z gets longer, around the circle it turns. Which of the two changes the digit?",
);
const both = root.append("div").attr("class", "stages");
const x = scaleLinear([-REACH, REACH], [0, 1]);
const y = scaleLinear([-REACH, REACH], [1, 0]);

const field = stage(both, {
  label: "", margin: { top: 2, right: 2, bottom: 2, left: 2 }, height: (w) => Math.min(w, matchMedia("(min-width: 560px)").matches ? 340 : 290),
  draw({ plot, height }) {
    x.range([0, height]);
    y.range([height, 0]);
    once(plot, "image", "map").attr("width", height).attr("height", height).attr("href", bitmap(map, (v) => ink(Math.round(8 * v) / 8))).attr("opacity", 0.55);
    once(plot, "rect", "edge").attr("width", height).attr("height", height).attr("fill", "none").attr("stroke", "var(--grid)");
    once(plot, "circle", "draws").attr("cx", x(0)).attr("cy", y(0)).attr("r", x(typical()) - x(0)).attr("fill", "none")
      .attr("stroke", "var(--neutral)").attr("stroke-dasharray", "5 4").attr("stroke-width", 1.5);
    if (!where) return;
    const path = line((p) => x(p[0]), (p) => y(p[1]));
    once(plot, "path", "line straight").attr("stroke", "var(--ink)").attr("stroke-width", 1).attr("d", path(walk(where, false)));
    once(plot, "path", "line turned").attr("stroke", "var(--ink)").attr("d", path(walk(where, true)));
    where.ends.forEach(([a, b], k) => {
      once(plot, "circle", `end e${k}`).attr("cx", x(a)).attr("cy", y(b)).attr("r", 4).attr("fill", "var(--ink)");
      name(once(plot, "text", `z z${k}`), `z${"₀₁"[k]}`, x(a) + 7, y(b) - 6);
    });
    const corner = typical() * Math.SQRT1_2;
    name(once(plot, "text", "length"), "length √64", x(-corner), y(-corner) + 16, "middle");
    once(plot, "line", "ray").attr("x1", x(0)).attr("y1", y(0)).attr("x2", x(at[0])).attr("y2", y(at[1])).attr("stroke", "var(--input)").attr("stroke-width", 2);
    handle(plot, "noise", {
      label: "z, a place in the plane", role: "input", x, y, step: [0.5, 0.5],
      at: () => at, move: (a, b) => go(a, b),
      text: (a, b) => `${number(a, 1)} along, ${number(b, 1)} up, length ${number(Math.hypot(a, b), 1)}`,
    });
  },
});

/** Text that can be read before pictures. */
function name(text, words, left, top, anchor = "start") {
  text.attr("x", left).attr("y", top).attr("text-anchor", anchor).attr("stroke", "var(--paper)").attr("stroke-width", 4)
    .attr("paint-order", "stroke").attr("font-weight", 700).text(words);
}

const side = stage(both, {
  label: "", margin: { top: 22, right: 2, bottom: 2, left: 2 },
  height: (w) => 24 + 0.44 * Math.min(w, 380) + 48 + Math.min(w, 380) / LENGTHS.length,
  draw({ plot, width }) {
    const wide = Math.min(width, 380);
    const big = 0.44 * wide;
    const frame = (g, w, h) => once(g, "rect", "edge").attr("width", w).attr("height", h).attr("fill", "none").attr("stroke", "var(--neutral)");
    once(plot, "text", "drawn c-fake").attr("y", -8).attr("font-weight", 700).text("G draws");
    once(plot, "image", "digit").attr("width", big).attr("height", big).attr("href", bitmap(seen?.picture ?? blank(1, 1), ink));
    frame(plot, big, big);
    bars(once(plot, "g", "bars").attr("transform", `translate(${big + 34},0)`), wide - big - 80, big);
    const row = once(plot, "g", "row").attr("transform", `translate(0,${big + 26})`);
    const one = wide / LENGTHS.length;
    once(row, "text", "says").attr("y", -7).text("the same direction, z of length");
    once(row, "image", "pictures").attr("width", wide).attr("height", one).attr("href", bitmap(seen?.row ?? blank(1, LENGTHS.length), ink));
    LENGTHS.forEach((length, k) => {
      const typicalOne = length === typical();
      once(row, "text", `l${k}`).attr("x", one * (k + 0.5)).attr("y", one + 14).attr("text-anchor", "middle").attr("font-weight", typicalOne ? 700 : null)
        .text(typicalOne ? "8 = √64" : length);
    });
    frame(row, wide, one);
  },
});

/** What the CNN reads: ten probabilities. */
function bars(g, width, height) {
  const tall = height / 10;
  const best = seen ? seen.says.indexOf(Math.max(...seen.says)) : -1;
  once(g, "text", "title2").attr("x", -14).attr("y", -8).text("the CNN reads");
  for (let digit = 0; digit < 10; digit++) {
    const p = seen?.says[digit] ?? 0;
    const bar = once(g, "g", `bar${digit}`).attr("transform", `translate(0,${tall * digit})`).attr("font-weight", digit === best ? 700 : null);
    once(bar, "text", "digit").attr("x", -14).attr("y", tall / 2 + 5).text(digit);
    once(bar, "rect", "track").attr("y", 2).attr("width", width).attr("height", tall - 4).attr("fill", "var(--faint)");
    once(bar, "rect", "c-activation").attr("y", 2).attr("width", width * p).attr("height", tall - 4);
    once(bar, "text", "share").attr("x", width + 5).attr("y", tall / 2 + 5).text(seen ? `${number(100 * p, 0)} %` : "");
  }
}

const controlRow = controls(root);
const degrees = () => (Math.round((Math.atan2(at[1], at[0]) * 180) / Math.PI) + 360) % 360;
const polar = (length, angle) => go(length * Math.cos((angle * Math.PI) / 180), length * Math.sin((angle * Math.PI) / 180));
const turn = slider(controlRow, { label: "direction", min: 0, max: 359, step: 3, value: 0, format: (v) => `${v}°`, change: (v) => polar(reach.value(), v) });
const reach = slider(controlRow, { label: "length of <i>z</i>", min: 0, max: REACH, step: 0.1, value: 8, format: (v) => number(v, 1), change: (v) => polar(v, turn.value()) });
button(controlRow, "Another plane", () => {
  round++;
  if (generator) setPlane();
});
const say = readout(root);

/** Go to a place; a little later, if the reader moves faster than the network draws. */
let waiting = false;
function go(a, b) {
  at = [a, b];
  if (Math.hypot(a, b) > 0.01) turn.value(degrees());
  reach.value(Math.min(REACH, Math.hypot(a, b)));
  if (waiting || !generator) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    update();
  });
}

function update() {
  const length = Math.hypot(...at);
  const [u, v] = length > 0.01 ? at.map((k) => k / length) : [1, 0];
  const picture = draw(...at);
  const along = LENGTHS.map((l) => draw(l * u, l * v));
  const says = softmax(layers(reader, picture).logits);
  seen = { picture, says, row: sideBySide(along), like: correlation(picture, along[LENGTHS.indexOf(8)]) };
  field.redraw();
  side.redraw();
  const best = says.indexOf(Math.max(...says));
  field.describe(`A plane through the noise z, ${CELLS} by ${CELLS} digits that the generator draws there, and the circle of the length ${typical()}. The point is at length ${number(length, 1)}.`);
  side.describe(`A drawn digit that the CNN reads as ${best}, and six digits in the same direction, z of length ${LENGTHS.join(", ")}.`);
  say(
    `‖<i>z</i>‖ = <b class="c-input">${number(length, 1)}</b>; draws have about √${about.latent} = ${typical()}. The CNN of chapter 5 reads <b>${best}</b> ` +
      `(${number(100 * says[best], 0)} %). With <i>z</i> of length ${typical()} in the same direction: correlation of the pixels <b class="c-fake">${number(seen.like)}</b>.`,
  );
}

/** Lay a plane: through the ends of the chapter's two walks at first, then through new draws. */
function setPlane() {
  const next = normal(round);
  const draws = about.ends[round] ?? [0, 1].map(() => Array.from({ length: about.latent }, next));
  where = plane(...draws);
  map = blank(CELLS, CELLS);
  go(...walk(where, false, 2)[1]); // the middle of the straight walk
  const mine = round;
  let line = 0;
  const later = () => {
    if (mine !== round) return;
    const place = (k) => (2 * REACH * (k + 0.5)) / CELLS - REACH;
    const pictures = Array.from({ length: CELLS }, (_, k) => draw(place(k), -place(line)));
    map.splice(line * SIDE, SIDE, ...sideBySide(pictures));
    field.redraw();
    if (++line < CELLS) setTimeout(later); // a row at a time, so that the point can be moved meanwhile
    else delete document.documentElement.dataset.busy;
  };
  later();
}

onTheme(() => {
  field.redraw();
  side.redraw();
});
say("The generator is on its way.");
document.documentElement.dataset.busy = ""; // the still picture waits until it is gone

/** The draws of the chapter's walks: pairs of lists. */
function pairs(numbers, size) {
  const lists = Array.from({ length: numbers.length / size }, (_, k) => Array.from(numbers.subarray(k * size, (k + 1) * size)));
  return lists.flatMap((list, k) => (k % 2 ? [] : [[list, lists[k + 1]]]));
}

load("draw")
  .then((value) => {
    reader = unpack(value.arrays);
    return load("latent");
  })
  .then((value) => {
    about = { ...value, ends: pairs(bytes(value.ends, Float32Array), value.latent) };
    generator = unpack(value.arrays);
    setPlane();
  })
  .catch((error) => say(error.message));
