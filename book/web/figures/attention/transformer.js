// A Transformer that reads letters, forward only: blocks of attention and a small network, pre-norm.
import { softmax } from "../draw/network.js";

export const ALPHABET = "abcdefghijklmnopqrstuvwxyz.";
export const LONGEST = 14; // letters that are read; the network has learned places for two more
const EPS = 1e-5; // of layer normalization
const FOLDED = { ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", ı: "i" };

/** What the network can read of a text: small letters a to z, accents and dots taken off, at most `LONGEST`. */
export function clean(text) {
  const small = text.toLowerCase().replace(/[^a-z]/g, (sign) => FOLDED[sign] ?? sign);
  return small.normalize("NFD").replace(/[^a-z]/g, "").slice(0, LONGEST);
}

/** The numbers of a line's letters, behind the point that begins every name. */
export const codes = (line) => Array.from(`.${line}`, (letter) => ALPHABET.indexOf(letter));

/** y = W x + b. */
function dense({ shape: [outputs, inputs], data: W }, { data: b }, x) {
  return Array.from({ length: outputs }, (_, i) => {
    let sum = b[i];
    for (let j = 0; j < inputs; j++) sum += W[i * inputs + j] * x[j];
    return sum;
  });
}

const add = (x, y) => x.map((v, i) => v + y[i]);
const row = ({ shape: [, width], data }, i) => Array.from(data.subarray(i * width, (i + 1) * width));

export function layerNorm({ data: gamma }, { data: beta }, x) {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
  return x.map((v, i) => (gamma[i] * (v - mean)) / Math.sqrt(variance + EPS) + beta[i]);
}

/** eq-gelu */
export const gelu = (z) => 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)));

/**
 * Attention of one head, where each place looks at itself and at what came before: eq-attention-weights, eq-attention.
 * @param {number[][]} q, k, v one list for each place
 * @returns {{weights: number[][], o: number[][]}} weights[t][s]: how much place t looks at place s
 */
export function attend(q, k, v) {
  const size = q[0].length;
  const score = (query, key) => query.reduce((sum, a, i) => sum + a * key[i], 0) / Math.sqrt(size);
  const weights = q.map((query, t) => softmax(k.map((key, s) => (s <= t ? score(query, key) : -Infinity)))); // eq-causal-mask
  const o = weights.map((p) => v[0].map((_, i) => p.reduce((sum, share, s) => sum + share * v[s][i], 0)));
  return { weights, o };
}

/** One block: x + attention, then x + network. `find(name)` gives its arrays. */
function block(find, heads, x) {
  const qkv = x.map((vector) => dense(find("0.1.W_qkv"), find("0.1.b_qkv"), layerNorm(find("0.0.gamma"), find("0.0.beta"), vector)));
  const width = x[0].length;
  const size = width / heads;
  const found = Array.from({ length: heads }, (_, h) => {
    const [q, k, v] = [0, 1, 2].map((part) => qkv.map((all) => all.slice(part * width + h * size, part * width + (h + 1) * size)));
    return attend(q, k, v);
  });
  const seen = x.map((vector, t) => add(vector, dense(find("0.1.W_o"), find("0.1.b_o"), found.flatMap(({ o }) => o[t]))));
  const y = seen.map((vector) => {
    const hidden = dense(find("1.1.W"), find("1.1.b"), layerNorm(find("1.0.gamma"), find("1.0.beta"), vector)).map(gelu);
    return add(vector, dense(find("1.3.W"), find("1.3.b"), hidden));
  });
  return { y, weights: found.map(({ weights }) => weights) };
}

/**
 * Read a line.
 * @param {object} arrays from `unpack`: nn.Sequential(Embedding, PositionalEncoding, TransformerBlock, …, LayerNorm, Dense)
 * @param {number} heads of each block
 * @param {string} line as `clean` gives it
 * @returns {{weights: number[][][][], next: number[][]}} weights[block][head][t][s]; next[t]: 27 probabilities of what follows place t.
 *   Place 0 is the point that begins the name.
 */
export function read(arrays, heads, line) {
  let x = codes(line).map((code, t) => add(row(arrays["0.W"], code), row(arrays["1.P"], t)));
  const weights = [];
  let layer = 2;
  for (; `${layer}.0.1.W_qkv` in arrays; layer++) {
    const number = layer;
    const found = block((name) => arrays[`${number}.${name}`], heads, x);
    x = found.y;
    weights.push(found.weights);
  }
  const last = (vector) => layerNorm(arrays[`${layer}.gamma`], arrays[`${layer}.beta`], vector);
  return { weights, next: x.map((vector) => softmax(dense(arrays[`${layer + 1}.W`], arrays[`${layer + 1}.b`], last(vector)))) };
}
