// What is remembered, for the reader to see and to clear; and the results of the checks that
// `python -m nnlearn.exercises check` keeps beside the reader's notebooks, taken over from their file.
import { element, titleOf } from "./asked.js";
import { showKeys } from "./keys.js";
import { follow, forget, recall, remember } from "./memory.js";
import { doneIn } from "./rings.js";
import { window_ } from "./windows.js";

function table() {
  const rows = [...document.querySelectorAll(".course li[data-chapter]")].map((line) => {
    const [page, { dataset }] = line.querySelectorAll("a");
    const share = recall().read[line.dataset.chapter]?.share ?? 0;
    return element("tr", {},
      element("th", { scope: "row" }, titleOf(page)),
      element("td", {}, `${Math.round(100 * share)} %`),
      element("td", {}, `${doneIn(dataset.number)} of ${dataset.count}`));
  });
  const head = ["Chapter", "First reading", "Exercises"].map((name) => element("th", { scope: "col" }, name));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}

/** Take over the exercises that the last checks found right. */
async function takeOver(file, status) {
  try {
    const found = Object.entries(JSON.parse(await file.text()));
    const right = found.filter(([number, { state }]) => /^\d+\.\d+$/.test(number) && state === "right");
    remember(({ done }) => ({ done: { ...done, ...Object.fromEntries(right.map(([number]) => [number, true])) } }));
    status.textContent = `${right.length} exercises of ${file.name} are right, and ticked.`;
  } catch {
    status.textContent = `${file.name} is not what a check writes: .nnlearn-exercises.json was expected.`;
  }
}

function show() {
  const status = element("p", { role: "status" });
  const shown = element("div", {});
  const draw = () => shown.isConnected && shown.replaceChildren(table());
  const file = element("input", { type: "file", accept: ".json,application/json" });
  file.addEventListener("change", () => file.files[0] && takeOver(file.files[0], status));
  const clear = element("button", { type: "button" }, "Forget all of it");
  clear.addEventListener("click", () => {
    forget();
    status.textContent = "Forgotten.";
  });
  window_("Your progress",
    element("p", {}, "This browser remembers it on this device, and sends it nowhere."),
    shown,
    element("label", { class: "file" }, "Take over what your checks found right, from the file ", element("code", {}, ".nnlearn-exercises.json"), " beside your notebooks: ", file),
    status, clear);
  follow(draw);
}

const bar = document.querySelector(".course");
if (bar) {
  const progress = element("button", { type: "button" }, "Your progress");
  const keys = element("button", { type: "button" }, "Keys");
  progress.addEventListener("click", show);
  keys.addEventListener("click", showKeys);
  bar.after(element("div", { class: "course-tools" }, progress, keys));
}
