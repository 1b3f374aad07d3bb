// Files that a page brings only when they are asked for: equations of other chapters, symbols. They are
// scripts, since a page from a disk may not fetch; book/_ext/previews.py writes them.
export const root = new URL(document.documentElement.dataset.content_root ?? "./", location.href);
const coming = new Map();

/**
 * Bring a file, once.
 * @param {string} name such as "symbols/05-cnn"
 * @returns {Promise<object>} what it holds
 */
export function ask(name) {
  if (!coming.has(name)) {
    const script = document.createElement("script");
    script.src = new URL(`_static/${name}.js`, root);
    coming.set(name, new Promise((resolve, reject) => {
      script.onload = () => resolve(window.asked[name]);
      script.onerror = () => {
        coming.delete(name); // perhaps there is a connection the next time
        reject(new Error(`${name} did not come`));
      };
    }));
    document.head.append(script);
  }
  return coming.get(name);
}

/** The name of the page that an address leads to, such as "05-cnn" or "exercises/05-cnn". */
export function pageOf(address) {
  const { origin, pathname } = new URL(address, location.href);
  if (origin !== location.origin || !pathname.startsWith(root.pathname)) return null;
  return pathname.slice(root.pathname.length).replace(/(^|\/)$/, "$1index").replace(/\.html$/, "");
}

/** An element with attributes and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The line of a page in the side bar. */
export function lineOf(page) {
  return [...document.querySelectorAll(".course a.page")].find((link) => pageOf(link.href) === page);
}

/** What a line of the side bar says, such as "5. The convolutional neural network". */
export function titleOf(line) {
  return [...line.querySelectorAll("span")].map((part) => part.textContent.trim()).join(". ");
}
