// Ctrl+K, or ⌘K, and the side bar's field open the search: a dialog, or the field of the search page.
const dialog = document.getElementById("pst-search-dialog");
const field = document.querySelector("main form.bd-search input");
const apple = /Mac|iPhone|iPad/.test(navigator.platform);

function open() {
  if (field) {
    field.focus();
    field.select();
  } else if (dialog.open) {
    dialog.close();
  } else {
    dialog.showModal();
  }
}

if (dialog) {
  addEventListener("keydown", (event) => {
    const asked = apple ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
    if (!asked || event.shiftKey || event.altKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    open();
  });
  for (const button of document.querySelectorAll(".search-button__button")) button.addEventListener("click", open);
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  if (apple) for (const key of document.querySelectorAll(".kbd-shortcut__modifier:first-child")) key.textContent = "⌘";
}
if (field && location.hash === "") field.focus({ preventScroll: true });
