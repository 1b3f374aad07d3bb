// What every live figure uses: the place to draw on, axes, controls, handles, a player.
import { axisBottom, axisLeft } from "d3-axis";
import { drag } from "d3-drag";
import { select } from "d3-selection";

/**
 * Take the still picture away and begin.
 * @param {object} functions the figure's mathematics; tests call it and compare with nnlearn
 * @param {string} hint what the reader can do, in one sentence
 * @returns the d3 selection of the figure's element
 */
export function begin(functions, hint) {
  window.figure = { functions };
  document.documentElement.dataset.live = "";
  const root = select("#figure").html("");
  root.append("p").attr("class", "hint").text(hint);
  return root;
}

/**
 * A place to draw on, drawn anew whenever its width changes.
 * @param root where to put it: the figure, or a `.stages` element that holds several side by side
 * @param {object} settings
 *   label: what is seen, for those who do not see it; height: function of the width (pixels);
 *   margin: {top, right, bottom, left}; draw: function of ({svg, plot, width, height}), the inner size
 * @returns {{redraw: function, describe: function}} call redraw when what is shown has changed
 */
export function stage(root, { label, height = (w) => 0.55 * w, margin = {}, draw }) {
  const m = { top: 24, right: 16, bottom: 40, left: 46, ...margin };
  const box = root.append("div").attr("class", "stage");
  const svg = box.append("svg").attr("role", "group").attr("aria-label", label);
  const plot = svg.append("g");
  let width = 0;
  const redraw = () => {
    if (width === 0) return;
    const tall = Math.round(height(width));
    svg.attr("viewBox", `0 0 ${width} ${tall}`).attr("height", tall);
    plot.attr("transform", `translate(${m.left},${m.top})`);
    draw({ svg, plot, width: width - m.left - m.right, height: tall - m.top - m.bottom });
  };
  const resized = () => {
    const now = Math.floor(box.node().getBoundingClientRect().width);
    if (now !== width) {
      width = now;
      redraw();
    }
  };
  resized();
  new ResizeObserver(resized).observe(box.node());
  return { redraw, describe: (text) => svg.attr("aria-label", text) };
}

/** The child of `parent` of this kind and class: the one that is there, or a new one. */
export function once(parent, kind, name) {
  const there = parent.select(`:scope > ${kind}.${name.split(" ").join(".")}`);
  return there.empty() ? parent.append(kind).attr("class", name) : there;
}

/** Axes with grid lines and names, at the left and below. */
export function axes(plot, x, y, { width, height, xName, yName, xTicks = 6, yTicks = 5 }) {
  const below = `translate(0,${height})`;
  once(plot, "g", "grid gx").attr("transform", below).call(axisBottom(x).ticks(xTicks).tickSize(-height).tickFormat(""));
  once(plot, "g", "grid gy").call(axisLeft(y).ticks(yTicks).tickSize(-width).tickFormat(""));
  once(plot, "g", "axis ax").attr("transform", below).call(axisBottom(x).ticks(xTicks));
  once(plot, "g", "axis ay").call(axisLeft(y).ticks(yTicks));
  once(plot, "text", "xname").attr("x", width).attr("y", height + 34).attr("text-anchor", "end").text(xName);
  once(plot, "text", "yname").attr("x", -36).attr("y", -10).text(yName);
}

/** The row that holds controls. */
export function controls(root) {
  return root.append("div").attr("class", "controls");
}

/**
 * A slider with its name and its value.
 * @param {object} settings label (HTML), min, max, step, value, format (value → text), change (called with the value)
 * @returns {{value: function}} value() reads it, value(v) sets it
 */
export function slider(row, { label, min, max, step, value, format = String, change }) {
  const control = row.append("label").attr("class", "control");
  control.append("span").html(label);
  const input = control.append("input").attr("type", "range");
  input.attr("min", min).attr("max", max).attr("step", step).property("value", value);
  const shown = control.append("output");
  const show = () => {
    const text = format(Number(input.property("value")));
    shown.text(text);
    input.attr("aria-valuetext", text);
  };
  input.on("input", () => {
    show();
    change(Number(input.property("value")));
  });
  show();
  return {
    value(v) {
      if (v === undefined) return Number(input.property("value"));
      input.property("value", v);
      show();
      return v;
    },
  };
}

/** A choice among few: label, options [[value, text], …], value, change (called with the value). */
export function choice(row, { label, options, value, change }) {
  const set = row.append("fieldset").attr("class", "control");
  set.append("legend").text(label);
  const group = `choice-${document.querySelectorAll("fieldset").length}`;
  for (const [option, text] of options) {
    const item = set.append("label");
    const input = item.append("input").attr("type", "radio").attr("name", group).attr("value", option);
    input.property("checked", option === value).on("change", () => change(option));
    item.append("span").html(text);
  }
}

/**
 * A list to choose one from.
 * @param {object} settings label; options [[value, text], …], where a third entry `true` keeps one out of the list until it is
 *   set; value; change (called with the value)
 * @returns {{value: function, options: function}} value() reads it, value(v) sets it; options(list) puts others in their place
 */
export function menu(row, { label, options, value, change }) {
  const control = row.append("label").attr("class", "control");
  control.append("span").text(label);
  const list = control.append("select").on("change", () => change(list.property("value")));
  const fill = (entries) => {
    list.html("");
    for (const [option, text, kept] of entries) list.append("option").attr("value", option).property("hidden", kept === true).text(text);
  };
  fill(options);
  list.property("value", value);
  return { value: (v) => (v === undefined ? list.property("value") : list.property("value", v) && v), options: fill };
}

/** A button; its text can be changed later by `.text(…)`. */
export function button(row, text, click) {
  return row.append("button").attr("type", "button").text(text).on("click", click);
}

/**
 * A point that the reader moves: with the mouse, a finger, or the arrow keys (with Shift ten times as far).
 * @param {object} settings label; role (a colour's role); at: () → [x, y] in data units; x, y: scales, or null where it
 *   does not move; step: [dx, dy]; move: called with (x, y) in data units; text: (x, y) → what is said of its place
 * @returns {{place: function}} call place after a redraw
 */
export function handle(plot, name, { label, role, at, x, y, step, move, text }) {
  const g = once(plot, "g", `handle ${name}`);
  const clamp = (scale, v) => Math.min(Math.max(...scale.domain()), Math.max(Math.min(...scale.domain()), v));
  const place = () => {
    const [u, v] = at();
    g.attr("transform", `translate(${x(u)},${y(v)})`).attr("aria-valuetext", text(u, v)).attr("aria-valuenow", u);
  };
  const go = (u, v) => move(clamp(x, u), clamp(y, v));
  if (g.select("circle").empty()) {
    g.append("circle").attr("class", "reach").attr("r", 22);
    g.append("circle").attr("r", 8).attr("class", `c-${role}`);
    g.attr("tabindex", 0).attr("role", "slider").attr("aria-label", label);
  }
  g.call(
    drag()
      .container(() => plot.node())
      .on("drag", (event) => go(x.invert(event.x), y.invert(event.y)))
      .subject(() => ({ x: x(at()[0]), y: y(at()[1]) })),
  );
  g.on("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    const [u, v] = at();
    go(u + far * way[0] * step[0], v + far * way[1] * step[1]);
  });
  place();
  return { place };
}

/**
 * Play, pause, one step on or back, and a slider over all steps. Nothing moves before it is asked to.
 * @param {object} settings steps: how many; fps; show: called with the step's index; name: what a step is called
 * @returns {{go: function, stop: function}}
 */
export function player(row, { steps, fps = 12, show, name = "step", value = 0 }) {
  let now = value;
  let timer = null;
  const toggle = button(row, "▶ Play", () => (timer ? stop() : play())).attr("aria-label", "Play");
  button(row, "◀", () => go(now - 1)).attr("aria-label", `One ${name} back`);
  button(row, "▶|", () => go(now + 1)).attr("aria-label", `One ${name} on`);
  const format = (i) => `${name} ${i} of ${steps - 1}`;
  const bar = slider(row, { label: `<span class="sr">${name}</span>`, min: 0, max: steps - 1, step: 1, value, format, change: (i) => go(i) });
  function move(i) {
    now = Math.max(0, Math.min(steps - 1, i));
    bar.value(now);
    show(now);
  }
  function go(i) {
    stop();
    move(i);
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    toggle.text("▶ Play").attr("aria-label", "Play");
  }
  function play() {
    if (now === steps - 1) move(0);
    toggle.text("❚❚ Pause").attr("aria-label", "Pause");
    timer = setInterval(() => (now < steps - 1 ? move(now + 1) : stop()), 1000 / fps);
  }
  new IntersectionObserver(([entry]) => !entry.isIntersecting && stop()).observe(row.node());
  return { go, stop };
}

/** A line of text below, that is also read aloud when the reader rests. Call it with HTML. */
export function readout(root) {
  const seen = root.append("p").attr("class", "readout");
  const heard = root.append("p").attr("class", "sr").attr("aria-live", "polite");
  let timer;
  return (html, spoken) => {
    seen.html(html);
    clearTimeout(timer);
    timer = setTimeout(() => heard.text(spoken ?? seen.node().textContent), 600);
  };
}

/** A number with so many digits behind the point, and a real minus sign. */
export function number(value, digits = 2) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}
