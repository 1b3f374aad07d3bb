// Light, dark, or as the system is: the button goes round, the browser remembers.
// The page's first script (book/_ext/pages.py) sets the same two attributes before anything is drawn.
const page = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function show(mode) {
  page.dataset.mode = mode;
  page.dataset.theme = mode === "auto" ? (dark.matches ? "dark" : "light") : mode;
}

function remember(mode) {
  try {
    localStorage.setItem("mode", mode);
    localStorage.setItem("theme", page.dataset.theme);
  } catch {} // a browser may refuse: then it is for this page
}

for (const button of document.querySelectorAll(".theme-switch-button")) {
  button.addEventListener("click", () => {
    const round = dark.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
    const mode = round[(round.indexOf(page.dataset.mode) + 1) % 3];
    show(mode);
    remember(mode);
  });
}
dark.addEventListener("change", () => show(page.dataset.mode));
