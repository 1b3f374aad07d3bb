// Makes the documents of the EPUB, one of each page: what `make epub` packs. It runs in the page that
// browser.py opens, after pages.js; `book` says which pages, in which order.
async (book) => {
  const file = (name) => `${name.replaceAll("/", "-")}.xhtml`;
  const names = new Set(book.pages.map((page) => page.name));
  const pictures = new Map(); // name in the EPUB -> path in the built book
  const figures = new Map(); // the same for live figures, which become pictures

  /** Keep of each formula the MathML, with its TeX as the words for who has no MathML. */
  function mathematics(article) {
    for (const formula of article.querySelectorAll(".katex")) {
      formula.replaceWith(...formula.querySelectorAll("math"), ...formula.querySelectorAll(".punctuation"));
    }
    for (const math of article.querySelectorAll("math")) {
      const tex = math.querySelector("annotation");
      if (!tex) continue;
      math.setAttribute("alttext", tex.textContent);
      math.querySelector("semantics").replaceWith(math.querySelector("semantics").firstElementChild);
    }
    let stacked; // an operator may hold only text, but KaTeX puts \overset{w}{=} and \bmod into one
    while ((stacked = article.querySelector("mo > *")?.parentElement)) {
      stacked.replaceWith(pages.make(`<math><mrow>${stacked.innerHTML}</mrow></math>`).firstElementChild);
    }
    for (const mark of article.querySelectorAll(":is(msub, msup, msubsup, munder, mover, munderover) > mo")) {
      if (mark.textContent === "\u2061") mark.remove(); // KaTeX puts one too many after \max in an index
    }
  }

  /** Let pictures point into the EPUB, and take them down. */
  function pack(article) {
    const local = (address) => decodeURIComponent(address.slice(pages.root.length));
    for (const picture of article.querySelectorAll("img")) {
      const path = local(picture.src);
      const name = `images/${path.split("/").pop()}`;
      pictures.set(name, path);
      picture.setAttribute("src", name);
      for (const key of ["loading", "decoding", ...Object.keys(picture.dataset).map((k) => `data-${k}`)]) picture.removeAttribute(key);
    }
    for (const frame of article.querySelectorAll("iframe")) {
      const path = local(frame.src);
      const name = `images/${path.split("/").pop().replace(/\.html$/, ".png")}`;
      figures.set(name, path);
      const picture = pages.make("<img>");
      picture.src = name;
      picture.alt = frame.title;
      frame.replaceWith(picture);
    }
  }

  const text = (heading) => {
    const copy = heading.cloneNode(true);
    copy.querySelectorAll("annotation, .katex-html").forEach((element) => element.remove());
    return copy.textContent.trim().replace(/\s+/g, " ");
  };

  const documents = [];
  for (const { name, part, deep } of book.pages) {
    const article = await pages.article(name, names, (other, id) => file(other) + (id && `#${id}`));
    const sections = [...article.querySelectorAll("h2")].filter((h) => deep && h.parentElement.id);
    const headings = sections.map((h) => ({ title: text(h), id: h.parentElement.id }));
    const title = text(article.querySelector("h1"));
    mathematics(article);
    pack(article);
    article.querySelectorAll('[role="doc-biblioentry"]').forEach((entry) => entry.removeAttribute("role")); // EPUB has given it up
    article.querySelectorAll("details").forEach((details) => (details.open = false)); // first try, then look
    const body = new XMLSerializer().serializeToString(article);
    documents.push({ name, file: file(name), part, title, headings, body });
  }
  return { documents, pictures: Object.fromEntries(pictures), figures: Object.fromEntries(figures) };
}
