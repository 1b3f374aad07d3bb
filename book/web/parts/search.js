// Brings what the search needs, once somebody searches: `search.js`, which ranks and shows (book/web/search),
// and `search-data.js`, the book's records. As scripts, since a page from a disk may not fetch.
const root = document.documentElement.dataset.content_root ?? "./";
const dialog = document.querySelector("#pst-search-dialog");
const page = document.querySelector("#search-results");
let loaded = null;

function script(address) {
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement("script"), { src: root + address, onload: resolve });
    element.onerror = () => reject(new Error(`${address} did not come`));
    document.head.append(element);
  });
}

function load() {
  loaded ??= Promise.all([script("search-data.js"), script("_static/search.js")]);
  return loaded;
}

/** The list of answers below a field, and the line that says how many. */
function placesAfter(form, list) {
  const status = Object.assign(document.createElement("p"), { className: "search-status" });
  status.setAttribute("role", "status");
  form.after(status);
  if (!list.isConnected) status.after(list);
  return { list, status };
}

async function start(form, list) {
  const input = form.querySelector("input[type=search]");
  const places = placesAfter(form, list);
  places.status.textContent = "";
  try {
    await load();
    await window.bookSearch.attach(input, places, root);
  } catch (error) {
    places.status.textContent = `The search cannot start: ${error.message}.`;
    loaded = null;
  }
}

if (dialog) {
  const form = dialog.querySelector("form");
  const list = Object.assign(document.createElement("ul"), { className: "search" });
  dialog.setAttribute("aria-label", "Search the book");
  form.addEventListener("focusin", () => start(form, list), { once: true }); // the dialog is open
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // it would clear the field first
    dialog.close();
  });
  dialog.addEventListener("click", ({ target }) => target.closest("li a") && dialog.close()); // perhaps a place on this page
}

if (page) {
  const form = page.parentElement.querySelector("form");
  const input = form.querySelector("input[type=search]");
  input.value = new URLSearchParams(location.search).get("q") ?? "";
  form.addEventListener("submit", (event) => {
    event.preventDefault(); // the answers are there already
    page.querySelector("a")?.focus();
  });
  input.addEventListener("input", () => {
    const address = new URL(location.href);
    address.searchParams.set("q", input.value);
    if (location.protocol !== "file:") history.replaceState(null, "", address); // a link to these answers
  });
  input.focus();
  const begin = () => start(form, page.querySelector("ul"));
  if (input.value) begin();
  else input.addEventListener("input", begin, { once: true });
}
