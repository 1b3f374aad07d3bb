// The cell as the chapter draws it: what flows is as wide as it is large.
import { number, once } from "../lib/figure.js";

/** The size of the drawing. */
export const [WIDTH, HEIGHT] = [340, 290];
const [ROAD, VALVES, TOP] = [86, 170, 224];
const GATES = { f: [92, "f", "forget"], i: [150, "i", "input"], candidate: [216, "C̃", "candidate"], o: [280, "o", "output"] };

/** Text with an index, such as C with t − 1 below it. */
export function symbol(text, letter, index, after = "") {
  text.text(null);
  text.append("tspan").attr("font-style", "italic").text(letter);
  text.append("tspan").attr("dy", 4).attr("font-size", "0.72em").attr("font-style", "italic").text(index);
  if (after) text.append("tspan").attr("dy", -4).text(after);
}

function arrow(g, name, points, width, role = "ink", backward = false) {
  const [[x0, y0], [x1, y1]] = points.slice(-2);
  const length = Math.hypot(x1 - x0, y1 - y0);
  const [u, v] = [(x1 - x0) / length, (y1 - y0) / length];
  const head = 7 + width / 2;
  const side = 4 + width / 2;
  const [bx, by] = [x1 - head * u, y1 - head * v];
  const line = [...points.slice(0, -1), [bx + 1.5 * u, by + 1.5 * v]];
  once(g, "path", `flow ${name}`).attr("d", `M${line.join("L")}`).attr("fill", "none").attr("stroke", `var(--${role})`)
    .attr("stroke-width", width).attr("stroke-dasharray", backward ? "6 3" : null);
  once(g, "path", `head ${name}`).attr("d", `M${x1},${y1}L${bx - side * v},${by + side * u}L${bx + side * v},${by - side * u}Z`).attr("fill", `var(--${role})`);
}

function circle(g, name, x, y, sign) {
  const at = once(g, "g", `operation ${name}`).attr("transform", `translate(${x},${y})`);
  once(at, "circle", "round").attr("r", 12).attr("fill", "var(--paper)").attr("stroke", "var(--neutral)").attr("stroke-width", 1.8);
  once(at, "text", "sign").attr("text-anchor", "middle").attr("y", 5).attr("font-size", 15).text(sign);
}

function box(g, name, x, y, role, letter, index, value, level = null) {
  const at = once(g, "g", `box ${name}`).attr("transform", `translate(${x},${y})`);
  once(at, "rect", "paper").attr("x", -25).attr("y", -20).attr("width", 50).attr("height", 40).attr("rx", 6).attr("fill", "var(--paper)");
  if (level) {
    const [from, to] = level.map((v) => 18 - 36 * v);
    once(at, "rect", "level").attr("x", -23).attr("width", 46).attr("y", Math.min(from, to)).attr("height", Math.abs(to - from))
      .attr("fill", `var(--${role})`).attr("opacity", 0.3);
  }
  once(at, "rect", "edge").attr("x", -25).attr("y", -20).attr("width", 50).attr("height", 40).attr("rx", 6).attr("fill", "none")
    .attr("stroke", `var(--${role})`).attr("stroke-width", 1.8);
  symbol(once(at, "text", "letter").attr("text-anchor", "middle").attr("y", -3), letter, index);
  once(at, "text", "value").attr("text-anchor", "middle").attr("y", 15).text(number(value));
}

/**
 * Draw it for one step.
 * @param g a group; a unit of the drawing is a pixel where it is 340 wide
 * @param {object} now f, i, o, candidate, before (the state before), C, h, dC, dBefore (what goes back to the state before), most (the largest dC of all steps),
 *   and whether the step is the `first` one, and the `last`, where the loss is
 */
export function diagram(g, now) {
  const { f, i, o, candidate, before, C, h, dC, dBefore, most, last } = now;
  const wide = (v) => 1.2 + 5.5 * Math.min(1, Math.abs(v));
  const back = (d) => (most > 0 ? wide(d / most) : 1.2);
  const news = i * candidate;
  const valve = "weights";
  arrow(g, "keep", [[56, ROAD], [80, ROAD]], wide(before));
  arrow(g, "kept", [[104, ROAD], [171, ROAD]], wide(f * before));
  arrow(g, "on", [[195, ROAD], [290, ROAD]], wide(C));
  arrow(g, "news", [[183, VALVES - 12], [183, ROAD + 12]], wide(news));
  arrow(g, "bend", [[262, ROAD], [262, 106]], wide(Math.tanh(C)));
  arrow(g, "show", [[262, 132], [262, VALVES - 12]], wide(Math.tanh(C)));
  arrow(g, "shown", [[274, VALVES], [290, VALVES]], wide(h));
  arrow(g, "f", [[92, TOP], [92, ROAD + 12]], wide(f), valve);
  arrow(g, "i", [[150, TOP], [175, VALVES + 9]], wide(i), valve);
  arrow(g, "candidate", [[216, TOP], [191, VALVES + 9]], wide(candidate), valve);
  arrow(g, "o", [[276, TOP], [264, VALVES + 12]], wide(o), valve);
  arrow(g, "dC", [[315, 44], [190, 44]], back(dC), "gradient", true);
  arrow(g, "dBefore", [[176, 44], [34, 44]], back(dBefore), "gradient", true);
  const loss = once(g, "g", "loss").attr("display", last ? null : "none");
  arrow(loss, "dh", [[330, VALVES - 21], [330, ROAD + 21]], back(dC), "gradient", true);
  circle(g, "forget", 92, ROAD, "×");
  circle(g, "add", 183, ROAD, "+");
  circle(g, "write", 183, VALVES, "×");
  circle(g, "read", 262, VALVES, "×");
  const tanh = once(g, "g", "tanh").attr("transform", "translate(262,119)");
  once(tanh, "rect", "edge").attr("x", -20).attr("y", -13).attr("width", 40).attr("height", 26).attr("rx", 6).attr("fill", "var(--paper)")
    .attr("stroke", "var(--neutral)").attr("stroke-width", 1.8);
  once(tanh, "text", "sign").attr("text-anchor", "middle").attr("y", 5).text("tanh");
  box(g, "before", 30, ROAD, "activation", "C", now.first ? "0" : "t−1", before);
  box(g, "state", 315, ROAD, "activation", "C", "t", C);
  box(g, "hidden", 315, VALVES, "activation", "h", "t", h);
  for (const [name, [x, letter, says]] of Object.entries(GATES)) {
    const level = name === "candidate" ? [0.5, 0.5 + now[name] / 2] : [0, now[name]];
    box(g, name, x, TOP + 20, valve, letter, "t", now[name], level);
    once(g, "text", `says ${name}`).attr("x", x).attr("y", TOP + 55).attr("text-anchor", "middle").attr("font-size", 12).text(says);
  }
  const gradient = (name, x, anchor) => once(g, "text", `gradient ${name}`).attr("x", x).attr("y", 28).attr("text-anchor", anchor).classed("c-gradient", true);
  symbol(gradient("dC", 338, "end"), "dC", "t", ` = ${number(dC, 3)}`);
  symbol(gradient("dBefore", 6, "start"), "dC", now.first ? "0" : "t−1", ` = ${number(dBefore, 3)}`);
}
