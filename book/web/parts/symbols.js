// An equation's number opens the list of its symbols, each with its meaning, out of the notation table.
import { ask, element, lineOf, pageOf, root } from "./asked.js";

const here = pageOf(location.href);
const rows = element("div", { class: "rows" });
const title = element("p", { class: "title", id: "symbols-title" });
const panel = element("div", { class: "symbols", popover: "auto", role: "dialog", tabindex: "0", "aria-labelledby": title.id }, title, rows);
let release = () => {};

function notation(chapter) {
  return element("a", { href: lineOf("notation")?.href ?? new URL("notation.html", root).href }, `chapter ${chapter}`);
}

function rowOf([chapter, symbol, meaning, code], own) {
  const term = element("dt");
  const words = element("dd");
  term.innerHTML = symbol; // out of the book's own table
  words.innerHTML = meaning;
  if (code) {
    const name = element("span", { class: "in-code" });
    name.innerHTML = code;
    words.append(name);
  }
  if (chapter !== own) words.append(element("span", { class: "from" }, "from ", notation(chapter)));
  return [term, words];
}

async function fill(label) {
  const known = await ask(`symbols/${here}`).catch(() => null);
  if (!known) return element("p", {}, "The list did not come. The page Notation has all symbols.");
  const found = (known.equations[label] ?? []).map((number) => known.rows[number]);
  if (!found.length) return element("p", {}, "None of its symbols stands in the notation table.");
  return element("dl", {}, ...found.flatMap((row) => rowOf(row, Number(here.slice(0, 2)))));
}

async function show(button, label, number) {
  title.textContent = `Symbols of ${number}`;
  const [content, keepBeside] = await Promise.all([fill(label), ask("beside")]);
  rows.replaceChildren(content);
  button.after(panel); // the next stop of the keyboard
  panel.showPopover();
  release = keepBeside(button.closest("div.math"), panel, "bottom-end"); // beside the equation, not over it
  panel.focus({ preventScroll: true });
}

function addTo(eqno) {
  const label = eqno.parentElement.id.replace(/^equation-/, "");
  const number = eqno.firstChild;
  if (number?.nodeType !== Node.TEXT_NODE) return;
  const text = number.textContent.trim();
  const name = `Equation ${text}: its symbols`;
  const button = element("button", { type: "button", "aria-label": name, title: "What its symbols mean", "aria-haspopup": "dialog" }, text);
  number.replaceWith(button);
  button.addEventListener("click", () => show(button, label, text));
}

if ("popover" in HTMLElement.prototype && /^\d\d-/.test(here ?? "")) {
  panel.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed") return;
    release();
    panel.remove();
  });
  for (const eqno of document.querySelectorAll('div.math[id^="equation-eq-"] > .eqno')) addTo(eqno);
}
