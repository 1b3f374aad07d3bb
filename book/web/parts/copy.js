// A button at each listing copies it. It is made when its listing comes near: some pages have 300.
async function copy(listing) {
  try {
    await navigator.clipboard.writeText(listing.textContent);
    return true;
  } catch { // a browser may refuse: the old way
    getSelection().selectAllChildren(listing);
    return document.execCommand("copy");
  }
}

function addButton(listing) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copybtn";
  button.title = "Copy";
  button.setAttribute("aria-label", "Copy this code");
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  button.append(said);
  button.addEventListener("click", async () => {
    const done = await copy(listing);
    said.textContent = done ? "Copied" : "Selected: press Ctrl+C";
    button.classList.toggle("success", done);
    setTimeout(() => {
      said.textContent = "";
      button.classList.remove("success");
    }, 1500);
  });
  listing.after(button);
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    addButton(target);
  }
}, { rootMargin: "400px" });
for (const listing of document.querySelectorAll("div.highlight > pre")) near.observe(listing);
