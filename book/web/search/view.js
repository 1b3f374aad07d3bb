// Shows the answers under a search field, as it is typed in; arrow keys walk through them.
import { addressOf } from "./engine.js";
import { stem, wordsOfText } from "./words.js";

const SNIPPET = 170;
const PIECE = /[\p{L}\p{N}\p{M}][\p{L}\p{N}\p{M}_'’]*/gu;
const NAMES = { symbol: "Symbol", function: "Function", proof: "Test" };

/** Whether a piece of text is one of the words that were asked for, or begins with the last of them. */
function matcher(words) {
  const asked = new Set(words.flatMap((word) => [word, stem(word), ...word.split(/[_.-]/).filter((p) => p.length > 2)]));
  const last = words.at(-1) ?? "";
  return (piece) =>
    wordsOfText(piece).some((word) => asked.has(word) || asked.has(stem(word)) || (last.length > 2 && word.startsWith(last)));
}

/** The places of the words in a text: [begin, end] of each. */
function placesIn(text, matches) {
  return [...text.matchAll(PIECE)].filter(([piece]) => matches(piece)).map((m) => [m.index, m.index + m[0].length]);
}

/** The part of a text in which most of the words stand. */
function glance(text, places) {
  if (text.length <= SNIPPET) return [0, text.length];
  let best = [0, 0];
  for (const [begin] of places) {
    const different = new Set(places.filter(([b, e]) => b >= begin && e <= begin + SNIPPET - 40).map(([b, e]) => stem(text.slice(b, e).toLowerCase())));
    if (different.size > best[1]) best = [begin, different.size];
  }
  let from = Math.max(0, best[0] - 40);
  if (from) from = text.indexOf(" ", from) + 1;
  const to = text.lastIndexOf(" ", from + SNIPPET);
  return [from, text.length - from <= SNIPPET ? text.length : to];
}

/** A text with the words marked, and no more of it than a reader sees at a glance. */
function marked(text, matches, whole) {
  const places = placesIn(text, matches);
  const [from, to] = whole ? [0, text.length] : glance(text, places);
  const out = document.createDocumentFragment();
  let at = from;
  if (from) out.append("… ");
  for (const [begin, end] of places) {
    if (begin < from || end > to) continue;
    const mark = document.createElement("mark");
    mark.textContent = text.slice(begin, end);
    out.append(text.slice(at, begin), mark);
    at = end;
  }
  out.append(text.slice(at, to), to < text.length ? " …" : "");
  return out;
}

/** One answer: its title, which leads there, where that is, and what it says. */
function item({ record, page, words }, root) {
  const matches = matcher(words);
  const link = Object.assign(document.createElement("a"), { href: root + addressOf(record) });
  link.append(marked(record.title, matches, true));
  const place = Object.assign(document.createElement("span"), { className: "search-place" });
  const chapter = record.place ?? `${page.number ? `${page.number}. ` : ""}${page.title}`;
  place.textContent = [NAMES[record.kind], chapter].filter(Boolean).join(" · ");
  const entry = document.createElement("li");
  entry.append(link, " ", place);
  if (record.text) {
    const text = document.createElement("p");
    text.append(marked(record.text, matches, false));
    entry.append(text);
  }
  return entry;
}

/** Arrow keys go from the field through the answers and back; any letter goes on in the field. */
function walk(input, list) {
  const step = (from, by) => {
    const links = [...list.querySelectorAll("a")];
    const next = by === null ? null : links[links.indexOf(from) + by];
    (next ?? (by > 0 ? links.at(-1) : null) ?? input).focus();
  };
  input.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" || !list.querySelector("a")) return;
    event.preventDefault();
    list.querySelector("a").focus();
  });
  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      event.preventDefault();
      step(event.target, by);
    } else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey) {
      input.focus(); // the letter arrives there
    }
  });
}

/**
 * Let a field show answers.
 * @param {HTMLInputElement} input
 * @param {{list: HTMLElement, status: HTMLElement}} places where the answers stand, and how many they are
 * @param {Promise<{find: function(string): object[]}>} ready the search, once it is there
 * @param {string} root the way from this page to the folder of the pages
 */
export function attach(input, { list, status }, ready, root) {
  let latest = "";
  const show = async () => {
    const query = input.value.trim();
    if (query === latest) return;
    latest = query;
    if (!query) {
      list.replaceChildren();
      status.textContent = "";
      return;
    }
    const slow = setTimeout(() => (status.textContent = "Reading the book …"), 150);
    const { find } = await ready;
    clearTimeout(slow);
    if (query !== latest) return; // something else has been typed since
    const found = find(query);
    const walking = list.contains(document.activeElement); // a reader is there already
    list.replaceChildren(...found.map((answer) => item(answer, root)));
    if (walking) (list.querySelector("a") ?? input).focus();
    const count = found.length === 1 ? "One place" : `${found.length} places`;
    status.textContent = found.length ? `${count}, the best first` : `Nothing in the book says “${query}”.`;
  };
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 60);
  });
  walk(input, list);
  return show();
}
