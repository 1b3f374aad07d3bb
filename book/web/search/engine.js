// Finds and ranks the records that book/_ext/search_index.py collected. It knows nothing of pages.
import MiniSearch from "minisearch";
import { phrase, stem, wordsOfQuery, wordsOfText } from "./words.js";

/** How much a word counts by where it stands. */
const FIELDS = { title: 6, defined: 5, names: 3, chapter: 0.6, formulas: 0.5, text: 1 };
/** Where an answer is looked for first: a section explains; others repeat, list or ask. */
const KINDS = { section: 1, symbol: 0.4, function: 0.4, equation: 0.4, term: 0.3, page: 0.4, exercise: 0.3, proof: 0.1 };
const AT_MOST = 30;

/** How well a place answers a question that is, word for word, its title, what it is first to define, or a part of these. */
const FIT = { title: 4, first: 2.5, again: 1.8, part: 1.5 };
/** One letter, or a sign that no English word has: somebody asks for a symbol. */
const SYMBOL = /^\p{L}$|[_^\u0370-\u03ff\u2200-\u22ff]/u;

/** Greek letters by their names, in the order of Unicode (where the sigma at a word's end stands before the other). */
const GREEK = Object.fromEntries(
  "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho final sigma tau upsilon phi chi psi omega"
    .split(" ")
    .map((name, i) => [name, String.fromCodePoint(0x3b1 + i)]),
);

/** For every group of words that mean the same, their phrases. */
function groupsOf(synonyms) {
  return synonyms.map((words) => ({ words, phrases: words.map(phrase) }));
}

/**
 * What a section is about: its words, with those of the same meaning, and how well each phrase fits.
 * @param {{names: Set<string>, words: Set<string>}} known what earlier sections are called, and define: the first is where a word is explained
 */
function subjects(record, groups, known) {
  const words = [];
  const fits = new Map();
  const add = (text, fit) => {
    const key = phrase(text);
    fits.set(key, Math.max(fit, fits.get(key) ?? 0));
    return key;
  };
  const take = (text, fit) => {
    const key = add(text, fit);
    for (const group of groups) {
      const same = group.phrases.includes(key);
      if (!same && !` ${key} `.includes(` ${group.phrases[0]} `)) continue;
      for (const other of group.words) {
        if (phrase(other) === key) continue;
        words.push(other);
        add(other, same ? fit : FIT.part);
      }
    }
  };
  take(record.title, FIT.title);
  for (const name of record.called) {
    words.push(name);
    take(name, known.names.has(phrase(name)) ? FIT.first : FIT.title);
    known.names.add(phrase(name));
  }
  for (const text of record.defines) {
    words.push(text);
    take(text, known.words.has(phrase(text)) ? FIT.again : FIT.first);
  }
  record.defines.forEach((text) => known.words.add(phrase(text)));
  return { words, fits };
}

/** How well a place fits the whole question: 1 if not at all. A symbol fits if it is written just so. */
function fitOf(record, fits, query, asked) {
  if (record.kind === "symbol") {
    return SYMBOL.test(query) && record.title.split(/[,;] /).includes(query.trim()) ? FIT.first : 1;
  }
  if (!fits || !asked) return 1;
  if (fits.has(asked)) return fits.get(asked);
  const words = asked.split(" ");
  let best = 1;
  for (const [key, fit] of fits) {
    const inside = key.split(" ");
    if (!words.every((word) => inside.includes(word))) continue;
    best = Math.max(best, inside.length === words.length ? fit : FIT.part); // in another order: the same
  }
  return best;
}

/** A record as it is indexed. */
function prepared(record, id, chapter, about) {
  return {
    id,
    kind: record.kind,
    title: record.title,
    defined: about.words?.join(" · ") ?? "",
    names: record.names ?? "",
    chapter,
    formulas: record.formulas ?? "",
    text: record.text ?? "",
  };
}

/** The words of a question, each as it stands or by its stem. */
function questionOf(words) {
  return words.map((word) => ({ combineWith: "OR", queries: [...new Set([word, stem(word)])] }));
}

/**
 * A search over the book. It is made in small pieces, so that the page goes on answering.
 * @param {{pages: object[], synonyms: string[][], records: object[]}} data what search_index.py wrote
 * @returns {Promise<{find: function(string): object[]}>}
 */
export async function engine(data) {
  const pages = new Map(data.pages.map((page) => [page.name, page]));
  const groups = groupsOf(data.synonyms);
  const known = { names: new Set(), words: new Set() };
  const about = data.records.map((record) => (record.kind === "section" ? subjects(record, groups, known) : {}));
  const index = new MiniSearch({
    fields: Object.keys(FIELDS),
    storeFields: ["kind"],
    tokenize: wordsOfText,
    processTerm: (word) => [...new Set([word, stem(word)])],
  });
  const documents = data.records.map((record, id) => prepared(record, id, pages.get(record.page).title, about[id]));
  await index.addAllAsync(documents, { chunkSize: 40 });

  /**
   * The records that answer a question, best first. The name of a Greek letter asks for the letter.
   * @param {string} typed
   * @returns {{record: object, page: object, words: string[], score: number}[]}
   */
  function find(typed) {
    const query = GREEK[typed.trim().toLowerCase()] ?? typed;
    const words = wordsOfQuery(query);
    if (!words.length) return [];
    const asked = phrase(query);
    const options = {
      boost: FIELDS,
      tokenize: (text) => [text],
      processTerm: (term) => term,
      prefix: (term) => term.length > 1,
      fuzzy: (term) => (term.length > 4 && !/[\d_.]/.test(term) ? 0.2 : false),
      bm25: { k: 1.2, b: 0.3, d: 0.5 }, // a long section is no worse a section
      weights: { fuzzy: 0.15, prefix: 0.3 },
      boostDocument: (id, term, { kind }) => KINDS[kind],
    };
    let found = index.search({ combineWith: "AND", queries: questionOf(words) }, options);
    if (!found.length) found = index.search({ combineWith: "OR", queries: questionOf(words) }, options);
    return found
      .map(({ id, score }) => ({ id, score: score * fitOf(data.records[id], about[id].fits, query, asked) }))
      .sort((a, b) => b.score - a.score || a.id - b.id)
      .slice(0, AT_MOST)
      .map(({ id, score }) => ({ record: data.records[id], page: pages.get(data.records[id].page), words, score }));
  }

  return { find };
}

/**
 * Where a record stands, from the folder of the pages.
 * @param {object} record
 */
export function addressOf(record) {
  return `${record.page}.html${record.anchor ? `#${record.anchor}` : ""}`;
}
