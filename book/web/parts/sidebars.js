// The two side bars. On a wide screen the first is shut and opened; where there is no room for them,
// each opens as a dialog. (The theme's style sheet draws what has the side bar's classes.)
const WIDE = matchMedia("(min-width: 992px)");

/** Move all that is in one element, and its classes, to another. */
function move(from, to) {
  to.append(...from.childNodes);
  to.className = from.className;
  from.className = "";
}

function connect(button, dialog, bar, shutsWhenWide) {
  button.addEventListener("click", () => {
    if (shutsWhenWide && WIDE.matches) {
      bar.classList.toggle("pst-sidebar-hidden");
    } else {
      move(bar, dialog);
      dialog.showModal();
    }
  });
  dialog.addEventListener("click", ({ target }) => {
    // beside the dialog, or on a link within this page
    if (target === dialog || target.closest('a[href^="#"]')) dialog.close();
  });
  dialog.addEventListener("close", () => move(dialog, bar));
}

for (const [name, shutsWhenWide] of [["primary", true], ["secondary", false]]) {
  const [button, dialog, bar] = [`.${name}-toggle`, `#pst-${name}-sidebar-modal`, `#pst-${name}-sidebar`]
    .map((selector) => document.querySelector(selector));
  if (button && dialog && bar) connect(button, dialog, bar, shutsWhenWide);
}
