// Paper: dark ink, nothing folded, every picture.
const page = document.documentElement;
let restore = null;

function toPaper() {
  if (restore) return;
  const theme = page.dataset.theme;
  const folded = document.querySelectorAll("details:not([open])");
  page.dataset.theme = "light";
  for (const listing of document.querySelectorAll("pre")) { // a short one stays on one sheet
    listing.classList.toggle("long", listing.textContent.split("\n").length > 20);
  }
  for (const details of folded) details.open = true;
  for (const picture of document.querySelectorAll(":is(img, iframe)[loading=lazy]")) picture.loading = "eager";
  restore = () => {
    page.dataset.theme = theme;
    for (const details of folded) details.open = false;
  };
}

function toScreen() {
  restore?.();
  restore = null;
}

window.addEventListener("beforeprint", toPaper);
window.addEventListener("afterprint", toScreen);
matchMedia("print").addEventListener("change", (media) => (media.matches ? toPaper() : toScreen()));
