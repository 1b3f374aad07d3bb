// The index of equations: a field and a choice of the chapter leave those that are looked for, and each
// equation is drawn when it comes near. Without JavaScript all are there, in plain letters.
import { ask, element, pageOf } from "./asked.js";

const NEAR = "400px";
const entries = [...document.querySelectorAll(".bd-article .equation.container, .bd-article div.equation")];

/** Small letters without accents, so that "frechet" finds "Fréchet". */
const plain = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");

/** Put the drawn equation, which its chapter holds, in the place of the plain letters. */
async function draw(entry) {
  const link = entry.querySelector('a[href*="#equation-eq-"]');
  const found = (await ask(`previews/${pageOf(link.href)}`))[link.hash.slice("#equation-".length)];
  if (!found) return;
  const box = entry.querySelector(".formula");
  const inert = document.createElement("template"); // what the book's own build has written
  inert.innerHTML = found.drawn;
  box.replaceChildren(inert.content);
  box.classList.add("is-drawn");
  const equation = box.querySelector(".katex-display");
  if (equation && equation.scrollWidth > equation.clientWidth + 1) {
    equation.tabIndex = 0; // it scrolls: the keyboard reaches it
    equation.setAttribute("role", "group");
    equation.setAttribute("aria-label", `Equation ${found.number}, scrolls sideways`);
  }
}

function drawWhenNear() {
  const seen = new IntersectionObserver((changes) => {
    for (const { isIntersecting, target } of changes) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      draw(target).catch(() => {}); // then the plain letters stay
    }
  }, { rootMargin: NEAR });
  for (const entry of entries) seen.observe(entry);
}

function headingOf(section) {
  const heading = section.querySelector("h2").cloneNode(true);
  heading.querySelector(".headerlink")?.remove();
  return heading.textContent.trim();
}

function filter() {
  const sections = [...new Set(entries.map((entry) => entry.closest("section")))];
  const texts = new Map(entries.map((entry) => [entry, plain(entry.textContent)]));
  const field = element("input", { type: "search", id: "filter-words", class: "form-control", autocomplete: "off", spellcheck: "false" });
  const choice = element("select", { id: "filter-chapter", class: "form-select" }, element("option", { value: "" }, "all chapters"));
  sections.forEach((section, at) => choice.append(element("option", { value: at }, headingOf(section))));
  const count = element("p", { role: "status", class: "filter-count" });
  const bar = element(
    "form", { class: "filter", role: "search", "aria-label": "Equations" },
    element("label", { for: field.id }, "Words, labels, functions"), field,
    element("label", { for: choice.id }, "Chapter"), choice, count,
  );
  const apply = () => {
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    const wanted = choice.value === "" ? null : sections[choice.value];
    let left = 0;
    for (const section of sections) {
      const inside = entries.filter((entry) => section.contains(entry));
      let here = 0;
      for (const entry of inside) {
        entry.hidden = Boolean(wanted && section !== wanted) || !words.every((word) => texts.get(entry).includes(word));
        here += !entry.hidden;
      }
      section.hidden = here === 0;
      left += here;
    }
    count.textContent = left === entries.length ? `${left} equations` : `${left} of ${entries.length} equations`;
  };
  bar.addEventListener("submit", (event) => event.preventDefault());
  bar.addEventListener("input", apply);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !field.value) return;
    event.preventDefault();
    field.value = "";
    apply();
  });
  document.querySelector(".filter-place").append(bar);
  apply();
}

if (entries.length && pageOf(location.href) === "equations") {
  filter();
  drawWhenNear();
}
