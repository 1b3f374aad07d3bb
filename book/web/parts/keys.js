// The keyboard: J and K go from heading to heading, N and P from page to page, / to the search, D changes
// light and dark, ? shows this list. Single keys can hurt who speaks to the computer, or types by mistake:
// the list turns them off, and the browser remembers it.
import { element } from "./asked.js";
import { window_ } from "./windows.js";
import { recall, remember } from "./memory.js";

const WRITING = "input, textarea, select, [contenteditable], [role=slider], [role=application], [role=textbox], iframe, canvas";
const KEYS = [
  ["j", "J", "next section", () => toHeading(1)],
  ["k", "K", "section before", () => toHeading(-1)],
  ["n", "N", "next page", () => document.querySelector(".prev-next-area .right-next")?.click()],
  ["p", "P", "page before", () => document.querySelector(".prev-next-area .left-prev")?.click()],
  ["/", "/", "search", () => document.querySelector(".search-button__button")?.click()],
  ["d", "D", "light, dark, or as the system is", () => document.querySelector(".theme-switch-button")?.click()],
  ["?", "?", "this list", showKeys],
];

/** Go to the next heading below, or above, what stands at the top of the screen. */
function toHeading(step) {
  const edge = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
  const headings = [...document.querySelectorAll(".bd-article :is(h1, h2, h3)")];
  const distance = (heading) => heading.getBoundingClientRect().top - edge;
  const heading = step > 0 ? headings.find((h) => distance(h) > 8) : headings.findLast((h) => distance(h) < -8);
  if (!heading) return;
  heading.scrollIntoView();
  heading.tabIndex = -1; // the Tab key goes on from here
  heading.focus({ preventScroll: true });
}

export function showKeys() {
  const list = element("dl", { class: "keys" }, ...KEYS.flatMap(([, shown, what]) => [
    element("dt", {}, element("kbd", {}, shown)),
    element("dd", {}, what),
  ]));
  const box = element("input", { type: "checkbox" });
  box.checked = recall().keys;
  box.addEventListener("change", () => remember(() => ({ keys: box.checked })));
  const setting = element("label", {}, box, " Single keys do this. (Remembered on this device.)");
  const always = element("p", {}, "Always: Ctrl+K or ⌘K for the search, Escape shuts what has opened, and the number of an equation, reached with Tab, shows its symbols.");
  window_("Keys", list, setting, always);
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
  if (!recall().keys || document.querySelector("dialog[open]") || event.target.closest?.(WRITING)) return;
  const known = KEYS.find(([key]) => key === event.key.toLowerCase());
  if (!known) return;
  event.preventDefault();
  known[3]();
});
