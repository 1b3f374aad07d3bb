// What scrolls sideways can be reached by keyboard.
// A box gets a tab stop and a name while it is wider than its place, on a phone above all.
const BOXES = [
  ["div.math > .katex-display", "Equation"],
  [".bd-article pre", "Code"],
  [".cell_output pre", "Output"],
  [".cell_output div.output", "Output"],
  [".bd-article figure", ""], // a figure has the name of its caption
  [".bd-article .pst-scrollable-table-container, .bd-article table.indextable", "Table"],
];

function nameOf(box, kind) {
  const number = box.parentElement.querySelector(":scope > .eqno")?.textContent.match(/\(.*\)/);
  return `${kind}${number ? ` ${number[0]}` : ""}, scrolls sideways`;
}

function scrolls(box) {
  return box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX === "auto";
}

function stopAt(box, kind, stops) {
  if (stops) {
    box.tabIndex = 0;
    if (!kind) return;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", nameOf(box, kind));
  } else if (box.hasAttribute("tabindex")) {
    box.removeAttribute("tabindex");
    if (!kind) return;
    box.removeAttribute("role");
    box.removeAttribute("aria-label");
  }
}

const kinds = new Map();
for (const [selector, kind] of BOXES) {
  for (const box of document.querySelectorAll(selector)) kinds.set(box, kind);
}

/** First all is measured, then all is changed: else the page would be laid out once for each box. */
function look(boxes) {
  const found = boxes.map((box) => [box, scrolls(box)]);
  for (const [box, stops] of found) stopAt(box, kinds.get(box), stops);
}

// What is far away is not laid out, so it has no size yet, and the browser tells of none. So all boxes are
// looked at while the browser has nothing else to do, a few at a time, at first and when the window gets
// another width; and a box that changes by itself, as when its font comes, is looked at when it does.
const sizes = new ResizeObserver((entries) => {
  look([...new Set(entries.map(({ target }) => (kinds.has(target) ? target : target.parentElement)))]);
});
const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 30));
const root = document.documentElement;
let waiting = [];
let width = 0;

function lookAtAll() {
  if (innerWidth === width) return; // on a phone the height changes with every scroll
  width = innerWidth;
  root.dataset.boxes = "waiting";
  if (!waiting.length) whenIdle(lookOn);
  waiting = [...kinds.keys()];
}

function lookOn() {
  const until = performance.now() + 5; // milliseconds: a phone needs four times as many
  while (waiting.length && performance.now() < until) look([waiting.shift()]);
  if (waiting.length) whenIdle(lookOn);
  else root.dataset.boxes = "seen";
}

for (const box of kinds.keys()) {
  sizes.observe(box);
  if (box.firstElementChild) sizes.observe(box.firstElementChild);
}
window.addEventListener("resize", lookAtAll);
requestAnimationFrame(() => setTimeout(lookAtAll)); // once the page is drawn: to ask for a width lays it out
