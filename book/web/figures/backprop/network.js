// The 2–2–1 network of chapter 3, forwards and backwards, one small step after the other. No drawing here.

/** What the reader may change, as the chapter's sheet of paper has it. */
export const PAPER = {
  x1: 1, x2: 2, w11: 1, w12: 0.5, w21: -1, w22: 0.5, w31: 0.5, w32: -2, b1: 0, b2: -1, b3: 0.3, t: 3,
};

/** The leaky ReLU with slope 0.1 (eq-leaky-relu), and its slope; at zero it is 0.1, as in nnlearn. */
export const phi = (z) => (z > 0 ? z : 0.1 * z);
export const slope = (z) => (z > 0 ? 1 : 0.1);

/**
 * The steps of eq-worked-network and then of eq-worked-gradients, in an order in which each uses only what
 * the steps before it have found. A step: what it finds; of which function; from what; why.
 * In `from`, a name with d before it is a gradient: dz1 is ∂L/∂z₁.
 */
export const STEPS = [
  { of: "z1", f: (v) => v.w11 * v.x1 + v.w12 * v.x2 + v.b1, from: "w11·x1 + w12·x2 + b1", why: "the weighted sum" },
  { of: "z2", f: (v) => v.w21 * v.x1 + v.w22 * v.x2 + v.b2, from: "w21·x1 + w22·x2 + b2", why: "the weighted sum" },
  { of: "a1", f: (v) => phi(v.z1), from: "φ(z1)", why: (v) => passes(v.z1) },
  { of: "a2", f: (v) => phi(v.z2), from: "φ(z2)", why: (v) => passes(v.z2) },
  { of: "y", f: (v) => v.w31 * v.a1 + v.w32 * v.a2 + v.b3, from: "w31·a1 + w32·a2 + b3", why: "the output is a weighted sum" },
  { of: "L", f: (v) => (v.y - v.t) ** 2, from: "(y − t)²", why: "the loss" },
  { of: "dy", f: (v) => 2 * (v.y - v.t), from: "2·(y − t)", why: "the square" },
  ...[1, 2].map((i) => ({ of: `dw3${i}`, f: (v) => v.dy * v[`a${i}`], from: `dy·a${i}`, why: "y is linear in it" })),
  { of: "db3", f: (v) => v.dy, from: "dy", why: "y is linear in it" },
  ...[1, 2].map((i) => ({ of: `da${i}`, f: (v) => v.dy * v[`w3${i}`], from: `dy·w3${i}`, why: `y is linear in a${i}` })),
  ...[1, 2].map((i) => ({ of: `dz${i}`, f: (v) => v[`da${i}`] * slope(v[`z${i}`]), from: `da${i}·φ′(z${i})`, why: (v) => comes(v[`z${i}`]) })),
  ...[1, 2].flatMap((i) => [
    ...[1, 2].map((j) => ({ of: `dw${i}${j}`, f: (v) => v[`dz${i}`] * v[`x${j}`], from: `dz${i}·x${j}`, why: `z${i} is linear in it` })),
    { of: `db${i}`, f: (v) => v[`dz${i}`], from: `dz${i}`, why: `z${i} is linear in it` },
  ]),
  ...[1, 2].map((j) => ({ of: `dx${j}`, f: (v) => v.dz1 * v[`w1${j}`] + v.dz2 * v[`w2${j}`], from: `dz1·w1${j} + dz2·w2${j}`, why: "two uses add" })),
];
const passes = (z) => (z > 0 ? "positive: it passes" : "not positive: a tenth passes");
const comes = (z) => (z > 0 ? "φ lets all of it through" : "φ lets a tenth of it through");

/** All values and gradients, by name; the gradient by q is called dq. */
export function network(given) {
  const values = { ...given };
  for (const { of, f } of STEPS) values[of] = f(values);
  return values;
}

/** The slope of the loss by one of the given numbers, measured: eq-central-difference. */
export function measured(given, name, h = 1e-5) {
  const loss = (change) => network({ ...given, [name]: given[name] + change }).L;
  return (loss(h) - loss(-h)) / (2 * h);
}
