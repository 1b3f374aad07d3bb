// The search itself, a script of its own: parts/search.js asks for it, and for the book's records, once somebody searches.
import { addressOf, engine } from "./engine.js";
import { attach } from "./view.js";

let ready = null;
const search = () => (ready ??= engine(window.bookSearchData)); // the records are there by then

window.bookSearch = {
  /** Let a field show answers: see view.js. */
  attach: (input, places, root) => attach(input, places, search(), root),
  /** The answers themselves, best first, with their addresses. */
  find: async (query) => (await search()).find(query).map((answer) => ({ ...answer, address: addressOf(answer.record) })),
};
