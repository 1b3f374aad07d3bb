// The marks of progress: in the side bar, on the pages of exercises, and the way back on the first page.
import { element, pageOf, root } from "./asked.js";
import { follow, recall, remember } from "./memory.js";

const lines = [...document.querySelectorAll(".course li[data-chapter]")];
const boxes = [...document.querySelectorAll("input[data-exercise]")];

/** How many of a chapter's exercises are done. */
export function doneIn(number) {
  return Object.keys(recall().done).filter((exercise) => exercise.startsWith(`${number}.`)).length;
}

function drawLine(line) {
  const [page, mark] = line.querySelectorAll("a");
  const share = recall().read[line.dataset.chapter]?.share ?? 0;
  page.querySelector(".ring").style.setProperty("--share", share);
  if (share > 0) page.title = `${Math.round(100 * share)} % of a first reading`;
  else page.removeAttribute("title");
  const { number, count } = mark.dataset;
  const done = doneIn(number);
  mark.style.setProperty("--share", done / count);
  mark.classList.toggle("begun", done > 0);
  const name = `Exercises of chapter ${number}, ${done ? `${done} of ${count} done` : count}`;
  mark.setAttribute("aria-label", name);
  mark.title = name;
}

/** On a page of exercises: a box for each, and a mark in the contents. */
function drawBox(box) {
  box.checked = box.dataset.exercise in recall().done;
  const id = box.closest("section").id;
  document.querySelector(`#pst-page-toc-nav a[href="#${CSS.escape(id)}"]`)?.classList.toggle("done", box.checked);
}

function tick({ target }) {
  remember(({ done }) => {
    const { [target.dataset.exercise]: before, ...others } = done;
    return { done: target.checked ? { ...others, [target.dataset.exercise]: true } : others };
  });
}

/** On the first page: on from where the reader left off. */
function drawWayBack(place, paragraph) {
  const { last } = recall();
  paragraph.remove();
  if (!last) return;
  const href = `${new URL(`${last.page}.html`, root)}#${last.part}`;
  const words = last.heading ? `${last.title}: ${last.heading}` : last.title;
  paragraph.replaceChildren("Continue at ", element("a", { href }, words));
  place.before(paragraph);
}

for (const box of boxes) box.addEventListener("change", tick);
const map = document.querySelector("[data-way-back], .course-map");
const paragraph = element("p", { class: "way-back" });
follow(() => {
  lines.forEach(drawLine);
  boxes.forEach(drawBox);
  if (map && pageOf(location.href) === "index") drawWayBack(map, paragraph);
});
