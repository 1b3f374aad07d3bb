// Where the reader is: the part that is being read stands out in the list of contents, the header
// has a line under it once the page has moved, and who turns back is offered the way to the top.
const links = new Map(); // of each heading, the link that leads to it
for (const link of document.querySelectorAll('#pst-page-toc-nav a[href^="#"]')) {
  const part = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (part) links.set(part.querySelector("h1, h2, h3, h4") ?? part, link);
}

function mark(link) {
  for (const other of links.values()) {
    other.classList.toggle("active", other === link);
    other.closest(".toc-entry").classList.toggle("active", other.closest(".toc-entry").contains(link));
    if (other === link) other.setAttribute("aria-current", "true");
    else other.removeAttribute("aria-current");
  }
}

const reading = new IntersectionObserver((entries) => {
  const last = entries.filter((entry) => entry.isIntersecting).at(-1);
  if (last) mark(links.get(last.target));
}, { rootMargin: "0px 0px -70% 0px" });
for (const heading of links.keys()) reading.observe(heading);

const top = document.querySelector(".sbt-scroll-pixel-helper");
if (top) {
  new IntersectionObserver(([entry]) => {
    document.body.classList.toggle("scrolled", entry.boundingClientRect.y < 0);
  }).observe(top);
}

const button = document.getElementById("pst-back-to-top");
let before = 0;
if (button) {
  button.addEventListener("click", () => scrollTo(0, 0));
  addEventListener("scroll", () => {
    if (Math.abs(scrollY - before) < 8) return;
    button.style.display = scrollY < before && scrollY > innerHeight ? "block" : "none";
    before = scrollY;
  }, { passive: true });
}
