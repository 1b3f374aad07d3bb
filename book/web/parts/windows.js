// A small window over the page: the list of keys, and what is remembered.
import { element } from "./asked.js";

/**
 * Open a dialog; Escape, its button, and a click beside it shut it.
 * @param {string} title
 * @param {...Node} content
 * @returns {HTMLDialogElement}
 */
export function window_(title, ...content) {
  const heading = element("p", { class: "title", id: "window-title" }, title);
  const shut = element("button", { type: "button", class: "shut" }, "Close");
  const dialog = element("dialog", { class: "window", "aria-labelledby": heading.id }, heading, ...content, shut);
  shut.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
