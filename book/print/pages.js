// What the PDF and the EPUB share: the book's pages, fetched, and freed of what only a screen shows.
// It runs in the page that browser.py opens, and leaves its functions as `globalThis.pages`.
() => {
  const root = location.origin + location.pathname.replace(/[^/]*$/, "");
  const online = document.querySelector('link[rel="canonical"]')?.href.replace(/[^/]*$/, "");
  const SCREEN = "script, noscript, audio, iframe:not(.live), .headerlink, .copybtn, .exercise-done, details.hide";

  /** Make an element of HTML text. */
  function make(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html.trim();
    return holder.content.firstElementChild;
  }

  /** Where a link leads: to the name and the anchor of one of the pages `names`, or to an address. */
  function target(href, page, names) {
    const url = new URL(href, page);
    if (!url.href.startsWith(root)) return { address: url.href };
    const path = url.pathname.slice(new URL(root).pathname.length);
    const name = path.replace(/\.html$/, "");
    if (names.has(name)) return { name, id: decodeURIComponent(url.hash.slice(1)) };
    return { address: online ? online + path + url.hash : null };
  }

  /** Fetch a page; give its article, every picture and frame of it with its whole address. */
  async function article(name, names, address) {
    const page = `${root}${name}.html`;
    const answer = await fetch(page);
    if (!answer.ok) throw new Error(`${page}: ${answer.status}`);
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("article.bd-article");
    found.querySelectorAll(SCREEN).forEach((element) => element.remove());
    for (const picture of found.querySelectorAll("img, iframe")) {
      picture.loading = "eager";
      picture.src = new URL(picture.getAttribute("src"), page).href;
      picture.removeAttribute("srcset");
    }
    for (const link of found.querySelectorAll("a[href]")) {
      const to = target(link.getAttribute("href"), page, names);
      const href = to.name ? address(to.name, to.id) : to.address;
      if (href) link.setAttribute("href", href);
      else link.removeAttribute("href"); // its text stays
    }
    for (const details of found.querySelectorAll("details")) details.open = true;
    return found;
  }

  globalThis.pages = { root, make, article };
}
