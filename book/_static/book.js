// What the pages do beyond showing themselves. Without it they are complete, and light.

// ---------- what scrolls sideways can be reached by keyboard ----------
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

function stopAt(box, kind) {
  if (box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX === "auto") {
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
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const box = kinds.has(target) ? target : target.parentElement;
    stopAt(box, kinds.get(box));
  }
});
for (const [selector, kind] of BOXES) {
  for (const box of document.querySelectorAll(selector)) kinds.set(box, kind);
}
for (const [box, kind] of kinds) {
  stopAt(box, kind);
  sizes.observe(box);
  if (box.firstElementChild) sizes.observe(box.firstElementChild); // it grows when its font comes
}

// ---------- paper: dark ink, nothing folded, every picture ----------
const page = document.documentElement;
let restore = null;

function toPaper() {
  if (restore) return;
  const theme = page.dataset.theme;
  const folded = document.querySelectorAll("details:not([open])");
  page.dataset.theme = "light";
  for (const details of folded) details.open = true;
  for (const picture of document.querySelectorAll("img[loading=lazy]")) picture.loading = "eager";
  restore = () => {
    page.dataset.theme = theme;
    for (const details of folded) details.open = false;
  };
}

function toScreen() {
  restore?.();
  restore = null;
}

window.addEventListener("beforeprint", toPaper);
window.addEventListener("afterprint", toScreen);
matchMedia("print").addEventListener("change", (media) => (media.matches ? toPaper() : toScreen()));
