// In the frame of a live figure: take the page's theme, tell the page how high the figure is, and
// fetch the figure's script when a reader comes near. Until then the still picture stands there.
const name = document.currentScript.dataset.figure; // none where a notebook brings the figure whole
const root = document.documentElement;

/** What says whether the page around is dark: a page of the book, or JupyterLab; a page from a disk may not look. */
function surroundings() {
  try {
    const { documentElement, body } = window.parent.document;
    return [documentElement, body].find((e) => e.dataset.theme || e.dataset.jpThemeLight) ?? null;
  } catch {
    return null;
  }
}

const around = surroundings();
const dark = matchMedia("(prefers-color-scheme: dark)");
function takeTheme() {
  const { theme, jpThemeLight } = around?.dataset ?? {};
  const lab = jpThemeLight && (jpThemeLight === "true" ? "light" : "dark");
  root.dataset.theme = theme ?? lab ?? (dark.matches ? "dark" : "light");
}
takeTheme();
if (around) new MutationObserver(takeTheme).observe(around, { attributeFilter: ["data-theme", "data-jp-theme-light"] });
dark.addEventListener("change", takeTheme);

const main = document.getElementById("figure");
function tellHeight() {
  const height = main.getBoundingClientRect().height + 2;
  const live = !name || root.dataset.live !== undefined;
  window.parent.postMessage({ figureHeight: height, live }, "*"); // a page of the book listens: parts/live.js
  if (!name && window.frameElement) window.frameElement.style.height = `${Math.ceil(height)}px`;
}
new ResizeObserver(tellHeight).observe(main);
addEventListener("message", ({ data, source }) => {
  if (source === window.parent && data?.tellHeight) tellHeight(); // a page that listens only now asks
});

const seen = new IntersectionObserver(
  (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    const script = document.createElement("script");
    script.src = `${name}.js`;
    document.head.append(script);
  },
  { rootMargin: "150px" },
);
if (name) seen.observe(main);
