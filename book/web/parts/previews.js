// A reference to an equation or a figure shows it: under the mouse, under the keyboard's focus, and
// under a finger, whose second tap follows the link. Equations of this page are copied from it,
// those of another chapter come when they are asked for.
import { ask, element, lineOf, pageOf, titleOf } from "./asked.js";

const REFERENCES = 'a.reference.internal:is([href*="#equation-eq-"], [href^="#fig-"])';
const WAIT = 150; // milliseconds before it opens under a mouse, and a little more before it shuts
const here = pageOf(location.href);

const drawing = element("div", { class: "drawing" });
const source = element("p", { id: "preview-source" });
const preview = element("div", { class: "preview", popover: "manual" }, drawing, source);
let open = null; // the link whose preview is seen
let asked = null; // what is on its way: {link}
let timer = 0;
let finger = false;
let release = () => {};

/** A copy that nothing else on the page can be taken for. */
function copyOf(node) {
  const copy = node.cloneNode(true);
  for (const part of [copy, ...copy.querySelectorAll("[id], [tabindex], [role], [aria-label], [loading]")]) {
    for (const name of ["id", "tabindex", "role", "aria-label", "loading"]) part.removeAttribute(name);
  }
  return copy;
}

function headingOf(node) {
  const heading = node.closest("section")?.querySelector(":is(h1, h2, h3, h4)").cloneNode(true);
  heading?.querySelector(".headerlink")?.remove();
  return heading ? [...heading.childNodes] : [];
}

function fromThisPage(target) {
  if (target.matches("figure")) {
    const picture = target.querySelector("img");
    const caption = target.querySelector(".caption-number")?.textContent.trim();
    return picture && { drawn: [copyOf(picture)], what: caption ?? "Figure", where: headingOf(target) };
  }
  const drawn = target.querySelector(":scope > .katex-display");
  const number = target.querySelector(":scope > .eqno")?.textContent.match(/\([\d.]+\)/)?.[0];
  return drawn && number && { drawn: [copyOf(drawn)], what: `Equation ${number}`, where: headingOf(target) };
}

async function fromAnother(page, label) {
  const found = (await ask(`previews/${page}`))[label];
  if (!found) return null;
  const inert = document.createElement("template"); // what the book's own build has written
  inert.innerHTML = `${found.drawn}<p>${found.where}</p>`;
  const where = inert.content.lastChild;
  where.remove();
  const line = lineOf(page);
  const chapter = line ? [`, ${titleOf(line)}`] : [];
  return { drawn: [...inert.content.childNodes], what: `Equation ${found.number}`, where: [...where.childNodes, ...chapter] };
}

async function contentOf(link) {
  const page = pageOf(link.href);
  const id = decodeURIComponent(link.hash.slice(1));
  if (page !== here) return fromAnother(page, id.replace(/^equation-/, ""));
  const target = document.getElementById(id);
  return target && fromThisPage(target);
}

/** A wide equation is drawn smaller, so that most are seen whole. */
function fit() {
  drawing.style.fontSize = "";
  const box = drawing.querySelector(".katex-display");
  if (box && box.scrollWidth > box.clientWidth) {
    drawing.style.fontSize = `${Math.max(0.6, box.clientWidth / box.scrollWidth)}em`;
  }
}

function shut() {
  clearTimeout(timer);
  asked = null;
  if (!open) return;
  release();
  open.removeAttribute("aria-describedby");
  preview.hidePopover();
  open = null;
}

async function show(link) {
  clearTimeout(timer);
  if (open === link || asked?.link === link) return;
  shut();
  const mine = (asked = { link });
  const [found, keepBeside] = await Promise.all([contentOf(link), ask("beside")]).catch(() => []); // then a link is a link
  if (asked !== mine) return; // the reader has gone on
  asked = null;
  if (!found || !link.isConnected) return;
  drawing.replaceChildren(...found.drawn);
  const there = element("a", { href: link.href }, found.what);
  source.replaceChildren(there, " in ", ...found.where);
  if (!preview.isConnected) (document.querySelector("main") ?? document.body).append(preview);
  preview.showPopover();
  fit();
  release = keepBeside(link, preview, "bottom-start");
  link.setAttribute("aria-describedby", source.id);
  open = link;
}

function start() {
  const link = ({ target }) => (target instanceof Element ? target.closest(REFERENCES) : null);
  document.addEventListener("pointerdown", (event) => {
    finger = event.pointerType === "touch";
    if (open && !link(event) && !preview.contains(event.target)) shut();
  });
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const over = link(event);
    clearTimeout(timer);
    if (over) timer = setTimeout(() => show(over), WAIT);
    else if (!preview.contains(event.target)) timer = setTimeout(() => open?.matches(":focus-visible") || shut(), 2 * WAIT);
  });
  document.addEventListener("focusin", (event) => {
    const on = link(event);
    if (on?.matches(":focus-visible")) show(on);
    else if (!preview.contains(event.target)) shut();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && shut());
  document.addEventListener("click", (event) => {
    const on = link(event);
    if (on && finger && open !== on && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      const follow = () => on.isConnected && open !== on && location.assign(on.href);
      show(on).then(follow); // nothing to show: then the first tap follows it
    } else if (on || preview.contains(event.target)) {
      shut();
    }
  });
}

// On the index of equations the equation stands above each reference to it.
if ("popover" in HTMLElement.prototype && here !== "equations") start();
