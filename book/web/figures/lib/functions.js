// The mathematics that several figures share. Each has its twin in nnlearn, and a test compares them.

/** eq-sigmoid, without overflow. */
export function sigmoid(z) {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z));
}

/** The slope of the sigmoid from its value a. */
export const sigmoidSlope = (a) => a * (1 - a);

/** log(1 + exp(z)), without overflow. */
export const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

export const relu = (z) => Math.max(0, z);

export const tanh = Math.tanh;

/** The sum of products of two lists of numbers. */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
