// Makes one long page of the book's pages: what `make pdf` prints. It runs in the page that
// browser.py opens, after pages.js; `book` says which pages, in which order, and what the title page says.
async (book) => {
  const { make } = pages;
  const anchor = (name, id = "") => name.replaceAll("/", "-") + (id && `--${id}`);
  const names = new Set(book.pages.map((page) => page.name));

  /** Give every name of a page its page's prefix, so that none occurs twice in the book. */
  function rename(article, name) {
    const ids = new Map();
    for (const element of article.querySelectorAll("[id]")) {
      ids.set(element.id, anchor(name, element.id));
      element.id = ids.get(element.id);
    }
    for (const element of article.querySelectorAll("[aria-labelledby], [aria-describedby], [headers], svg *")) {
      for (const { name: key, value } of [...element.attributes]) {
        const own = (id) => ids.get(id) ?? id;
        if (/^(aria-(labelled|described)by|headers)$/.test(key)) element.setAttribute(key, value.split(" ").map(own).join(" "));
        else if (/url\(#/.test(value)) element.setAttribute(key, value.replace(/url\(#([^)]+)\)/g, (_, id) => `url(#${own(id)})`));
        else if (key === "xlink:href" && value[0] === "#") element.setAttribute(key, `#${own(value.slice(1))}`);
      }
    }
  }

  /** Let the drawn symbols of a formula be read aloud: a PDF holds no MathML. */
  function mathematics(article) {
    for (const formula of article.querySelectorAll(".katex:has(> .katex-html)")) {
      formula.querySelector(".katex-mathml")?.remove();
      formula.querySelector(".katex-html").removeAttribute("aria-hidden");
    }
  }

  /** Take a page, ready to stand among the others. */
  async function printed(name) {
    const found = await pages.article(name, names, (other, id) => `#${anchor(other, id)}`);
    for (const listing of found.querySelectorAll("pre")) { // a short one stays on one sheet
      listing.classList.toggle("long", listing.textContent.split("\n").length > 20);
    }
    mathematics(found);
    rename(found, name);
    found.id = anchor(name);
    return found;
  }

  /** Give a live figure, which lies still on paper, its height; or its words, if it has no picture. */
  async function still(frame) {
    while (frame.contentDocument?.readyState !== "complete" || frame.contentDocument.URL === "about:blank") {
      await new Promise((again) => setTimeout(again, 20));
    }
    const figure = frame.contentDocument.querySelector("#figure");
    if (figure?.childElementCount) frame.style.height = `${Math.ceil(figure.getBoundingClientRect().height) + 2}px`;
    else frame.replaceWith(make(`<p class="on-screen">On screen this figure answers the reader. ${frame.title}</p>`));
  }

  const solutions = make('<article class="bd-article" id="solutions" data-deep><section><h1>Hints and solutions</h1></section></article>');

  /** Move an exercise page's hints and solutions to the end of the book. */
  function setApart(exercises) {
    const subject = exercises.querySelector("h1").textContent.replace("Exercises: ", "");
    const chapter = make(`<section id="solutions-${exercises.id}"><h2>${subject[0].toUpperCase()}${subject.slice(1)}</h2></section>`);
    for (const heading of exercises.querySelectorAll("h2")) {
      const folded = heading.parentElement.querySelectorAll(":scope > details");
      if (!folded.length) continue;
      const [here, there] = [heading.parentElement.id, `${heading.parentElement.id}--answer`];
      chapter.append(make(`<h3 id="${there}"><a href="#${here}">${heading.innerHTML}</a></h3>`), ...folded);
      heading.parentElement.append(make(`<p class="see-answer"><a href="#${there}">Hint and solution on page <span class="page-of"></span></a></p>`));
    }
    if (chapter.childElementCount > 1) solutions.firstElementChild.append(chapter);
  }

  /** List the pages, and the sections of chapters, with their numbers. */
  function contents(articles) {
    const list = make('<nav class="book-contents" aria-label="Contents"><h1>Contents</h1><ol></ol></nav>');
    const lines = list.lastElementChild;
    for (const piece of articles) {
      if (piece.dataset.part) lines.append(make(`<li class="part">${piece.dataset.part}</li>`));
      for (const heading of piece.querySelectorAll("deep" in piece.dataset ? "h1, h2" : "h1")) {
        const main = heading.tagName === "H1";
        const level = main && !piece.id.startsWith("exercises-") ? 1 : 2;
        const to = main ? piece.id : heading.parentElement.id;
        const line = make(`<li class="level-${level}"><a href="#${to}"><span></span><span class="page-of"></span></a></li>`);
        line.querySelector("span").append(...heading.cloneNode(true).childNodes);
        line.querySelectorAll("span [id]").forEach((element) => element.removeAttribute("id"));
        line.querySelectorAll("span a").forEach((link) => link.replaceWith(...link.childNodes));
        lines.append(line);
      }
    }
    return list;
  }

  const articles = [];
  for (const { name, part, deep } of book.pages) {
    const piece = await printed(name);
    if (part) piece.dataset.part = part;
    if (deep) piece.dataset.deep = "";
    if (name.startsWith("exercises/")) setApart(piece);
    articles.push(piece);
  }
  if (solutions.firstElementChild.childElementCount > 1) {
    const end = articles.findIndex((piece) => piece.dataset.part === book.reference);
    if (end >= 0) {
      solutions.dataset.part = book.reference; // the part begins with them
      delete articles[end].dataset.part;
    }
    articles.splice(end < 0 ? articles.length : end, 0, solutions);
  }

  const heads = articles.map((piece, i) => {
    piece.style.page = `piece${i}`;
    const title = piece.querySelector("h1").cloneNode(true);
    title.querySelectorAll(".katex").forEach((e) => e.remove());
    return `@page piece${i} { @top-left { content: ${JSON.stringify(title.textContent.trim())}; } }`;
  });
  document.head.append(make(`<style>${book.style}\n${heads.join("\n")}</style>`));
  document.title = book.title;
  document.documentElement.dataset.theme = "light";
  document.documentElement.dataset.mode = "light";
  const frame = make('<div class="bd-main"><div class="bd-content"><div class="bd-article-container"></div></div></div>');
  frame.querySelector(".bd-article-container").append(contents(articles), ...articles);
  document.body.replaceChildren(make(book.front), frame);

  await Promise.all([...document.querySelectorAll("iframe.live")].map(still));
  const headings = [...document.body.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((heading) => {
    const copy = heading.cloneNode(true);
    copy.querySelectorAll("annotation, .katex-html").forEach((element) => element.remove());
    return copy.textContent.trim().replace(/\s+/g, " ");
  });
  await document.fonts.ready;
  await Promise.all([...document.images].map((picture) => picture.decode()));
  const ids = new Set([...document.querySelectorAll("[id]")].map((element) => element.id));
  const links = [...document.querySelectorAll('a[href^="#"]')].map((link) => decodeURIComponent(link.hash.slice(1)));
  const wide = [...document.querySelectorAll(".bd-article :is(pre, .katex-display, figure, table, img)")];
  const cut = wide.filter((box) => box.clientWidth && box.scrollWidth > box.clientWidth + 1);
  return {
    headings,
    broken: [...new Set(links.filter((id) => !ids.has(id)))],
    cut: cut.map((box) => `${box.closest("article").id}: ${box.textContent.trim().slice(0, 60)}`),
  };
}
