// A recurrent network with random weights, and how much of a gradient it lets back through time.
// A matrix is a list of rows, each a Float64Array. W_xh is the identity, b_h and h₀ are 0, as in the chapter's measurement.
import { normal } from "../lib/random.js";
import { dot } from "../lib/functions.js";

const matrix = (rows, columns, entry) =>
  Array.from({ length: rows }, (_, i) => Float64Array.from({ length: columns }, (_, j) => entry(i, j)));
const transposed = (A) => matrix(A[0].length, A.length, (i, j) => A[j][i]);
const scaled = (A, factor) => A.map((row) => row.map((v) => v * factor));
const squares = (A) => A.reduce((sum, row) => sum + dot(row, row), 0);

/** out ← out + a · row. */
function addTo(out, a, row) {
  for (let j = 0; j < out.length; j++) out[j] += a * row[j];
}

function product(A, B) {
  return A.map((row) => {
    const out = new Float64Array(B[0].length);
    row.forEach((a, k) => addTo(out, a, B[k]));
    return out;
  });
}

/** The largest absolute eigenvalue, by Gelfand's formula ‖Aᵏ‖^(1/k) at k = 2⁴⁰, reached by squaring. */
export function spectralRadius(A) {
  let [power, logarithm] = [A, 0]; // A to the k-th is power · exp(k · logarithm)
  for (let times = 0; times <= 40; times++) {
    const norm = Math.sqrt(squares(power));
    if (norm === 0) return 0;
    logarithm += Math.log(norm) / 2 ** times;
    if (times < 40) power = product(scaled(power, 1 / norm), scaled(power, 1 / norm));
  }
  return Math.exp(logarithm);
}

/** Rows of length 1 at right angles to each other, from the rows of A: Gram and Schmidt, twice for the last digits. */
function orthogonalised(A) {
  const rows = [];
  for (const given of A) {
    let row = given;
    for (const q of [...rows, ...rows]) {
      const along = dot(q, row);
      row = row.map((v, i) => v - along * q[i]);
    }
    const length = Math.sqrt(dot(row, row));
    rows.push(row.map((v) => v / length));
  }
  return rows;
}

/** A matrix of spectral radius 1, of normal numbers ("normal") or "orthogonal", and its largest singular value s. */
export function unitMatrix(kind, H, seed) {
  const A = matrix(H, H, normal(seed));
  const W = kind === "orthogonal" ? orthogonalised(A) : scaled(A, 1 / spectralRadius(A));
  return { W, s: Math.sqrt(spectralRadius(product(transposed(W), W))) };
}

/** That matrix times r: its radius and s are r times as large. */
export function withRadius({ W, s }, r) {
  return { W: scaled(W, r), radius: r, s: s * r };
}

/** The inputs: T steps of H normal numbers of deviation 1. */
export const noise = (T, H, seed) => matrix(T, H, normal(seed));

/** h₁, h₂, … of eq-rnn with tanh: hₜ = tanh(W hₜ₋₁ + xₜ). */
export function states(W, x) {
  const h = [];
  let before = new Float64Array(W.length);
  for (const now of x) {
    const last = before;
    before = now.map((input, i) => Math.tanh(dot(W[i], last) + input));
    h.push(before);
  }
  return h;
}

/** σ'(z) told from the state: tanh' = 1 − h². */
export const slopes = (h) => h.map((row) => row.map((v) => 1 - v * v));

/**
 * The largest singular value, by the power method on AᵀA: 40 steps, or fewer where no digit of the value
 * changes that could be seen. `v` is where they begin, and is left where they end.
 */
export function largestSingularValue(A, v = Float64Array.from(A, (_, i) => 1 + (i % 7))) {
  let value = 0;
  for (let i = 0; i < 40; i++) {
    const before = value;
    const length = Math.sqrt(dot(v, v));
    const image = A.map((row) => dot(row, v) / length);
    value = Math.sqrt(dot(image, image));
    if (value === 0) return 0;
    v.fill(0);
    A.forEach((row, k) => addTo(v, image[k] / value, row));
    if (Math.abs(value - before) <= 1e-5 * value) break;
  }
  return value;
}

/**
 * What is left of a gradient of length 1 at h_T when it arrives at h_t, for t = T, T − 1, …, 1.
 * @param {object} recurrence W, which is W_hh, its spectral radius and its largest singular value s
 * @param {Float64Array[]} h the states
 * @returns {{mean, largest, bound, law}} lists that begin with 1 at t = T: the root of the mean square length over
 *   all directions; the largest length; ∏ s γⱼ of eq-gradient-bound; ∏ r · rms(slopes) of eq-rms-slope
 */
export function lengths({ W, radius, s }, h) {
  const out = { mean: [1], largest: [1], bound: [1], law: [1] };
  // The road is (∂h_T/∂h_t)ᵀ, so that one more step back is a product from the left: eq-rnn-jacobian.
  let road = matrix(W.length, W.length, (i, j) => Number(i === j));
  const direction = Float64Array.from(W, (_, i) => 1 + (i % 7));
  const back = transposed(W);
  for (let j = h.length - 1; j > 0; j--) {
    const slope = h[j].map((v) => 1 - v * v);
    road = product(back, road.map((row, i) => row.map((v) => v * slope[i])));
    out.mean.push(Math.sqrt(squares(road) / W.length));
    out.largest.push(largestSingularValue(road, direction));
    out.bound.push(out.bound.at(-1) * s * Math.max(...slope));
    out.law.push(out.law.at(-1) * radius * Math.sqrt(dot(slope, slope) / W.length));
  }
  return out;
}
