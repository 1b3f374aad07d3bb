// What the book remembers of its reader: in this browser, on this device, and sent nowhere.
const KEY = "equation-by-equation";
const NOTHING = { read: {}, done: {}, last: null, keys: true };
let kept = { ...NOTHING };

/** What is remembered: parts read by page, exercises done, the last place, whether single keys are on. */
export function recall() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    if (found && typeof found === "object") kept = { ...NOTHING, ...found };
  } catch {} // refused, or damaged: then what this page knows
  return kept;
}

function keep(value) {
  kept = value;
  try {
    localStorage.setItem(KEY, JSON.stringify(value));
  } catch {} // refused, or full: then it is for this page
  dispatchEvent(new Event("remembered"));
}

/** Change what is remembered; another window of the book may have changed it meanwhile. */
export function remember(change) {
  keep({ ...recall(), ...change(recall()) });
}

/** Forget the reader's way; whether single keys are on is a setting, and stays. */
export function forget() {
  keep({ ...NOTHING, keys: recall().keys });
}

/** Call a function now and whenever something is remembered, here or in another window. */
export function follow(draw) {
  addEventListener("remembered", draw);
  addEventListener("storage", ({ key }) => (key === KEY || key === null) && draw());
  draw();
}
