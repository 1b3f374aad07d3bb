// The words of a text and of a question, brought to one form: "Normalizations" and "normalisation" meet.
import { stemmer } from "stemmer";

/** What is asked with a question but says nothing about its subject. */
const FILLERS = new Set(
  "a an and are as at be by can do does for from how i in is it of on or that the their there this to use used we what when where which why with you".split(" "),
);
const SIGNS = { "√": " sqrt ", "∂": " partial ", "∇": " nabla ", "∑": " sum ", "∏": " product ", "∫": " integral " };
const WORD = /\p{L}[\p{L}\p{N}']*(?:[_.][\p{L}\p{N}]+)*(?:[-–][\p{L}\p{N}]+(?:_[\p{L}\p{N}]+)*)*|\p{N}+(?:\.\p{N}+)*/gu;

/** Small letters without accents, signs as words. */
function plain(text) {
  return text
    .replace(/[√∂∇∑∏∫]/g, (sign) => SIGNS[sign])
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/['’′]/g, "'");
}

/** A word's parts: "log-sum-exp" gives "log", "sum" and "exp"; "nn.check_gradients" also "check_gradients". */
function parts(word) {
  const pieces = word.split(/[-–.]/).flatMap((piece) => [piece, ...(piece.includes("_") ? piece.split("_") : [])]);
  return pieces.filter((piece) => piece.length > 1 && piece !== word);
}

/**
 * The words under which a text is found: whole, and in parts.
 * @param {string} text
 * @returns {string[]}
 */
export function wordsOfText(text) {
  return (plain(text).match(WORD) ?? []).flatMap((word) => {
    if (!/[-–_.]/.test(word)) return [word];
    const joined = /[-–]/.test(word) ? [word.replace(/[-–]/g, "")] : []; // some write "logsumexp"
    return [word.replace(/–/g, "-"), ...joined, ...parts(word)];
  });
}

/**
 * The words of a question. An identifier and a label stay whole, other hyphens part words; fillers go, if anything is left.
 * @param {string} query
 * @returns {string[]}
 */
export function wordsOfQuery(query) {
  const words = (plain(query).match(WORD) ?? []).flatMap((word) => {
    if (/[_.]|^(eq|sec|ex|fig)-/.test(word)) return [word];
    return word.split(/[-–]/);
  });
  const telling = words.filter((word) => !FILLERS.has(word));
  return telling.length ? telling : words;
}

/**
 * A word without its ending, British and American spelling alike.
 * @param {string} word
 * @returns {string}
 */
export function stem(word) {
  if (!stems.has(word)) stems.set(word, word.length < 4 || /[^a-z']/.test(word) ? word : stemmer(asInBritain(word)));
  return stems.get(word);
}

const stems = new Map();

function asInBritain(word) {
  return word
    .replace(/'s?$/, "")
    .replace(/yz(e|ed|er|ing)/, "ys$1")
    .replace(/iz(e|ed|er|es|ing|ations?)$/, "is$1")
    .replace(/our$/, "or");
}

/**
 * The stems of a phrase, in order, fillers left out: what is compared with a heading.
 * @param {string} text
 * @returns {string}
 */
export function phrase(text) {
  return wordsOfQuery(text.replace(/[_.]/g, " ")).map(stem).join(" ");
}
