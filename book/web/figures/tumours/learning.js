// The mathematics of chapter 1's neuron and its lumps: how it is wrong, and how it learns. No drawing here.
import { bytes } from "../lib/data.js";
import { sigmoid, softplus } from "../lib/functions.js";
import { weightedSum } from "../lib/neuron.js";

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

/**
 * The lumps as chapter 1 has them: eq-standardise by the training lumps.
 * @param {object} data what book/web/data/tumours.py wrote
 * @returns {{train: {x, y}, test: {x, y}}} x: pairs of radius and roughness; y: 1 malignant, 0 benign
 */
export function unpack({ columns, units, malignant, train }) {
  const scaled = columns.map((text, i) => {
    const values = Array.from(bytes(text, Uint16Array), (v) => v / units[i]);
    const middle = mean(values.slice(0, train));
    const deviation = Math.sqrt(mean(values.slice(0, train).map((v) => (v - middle) ** 2)));
    return values.map((v) => (v - middle) / deviation);
  });
  const x = scaled[0].map((v, n) => [v, scaled[1][n]]);
  const y = Array.from(malignant, Number);
  const part = (from, to) => ({ x: x.slice(from, to), y: y.slice(from, to) });
  return { train: part(0, train), test: part(train) };
}

/** eq-neuron-loss in the form of eq-neuron-loss-logit: the mean of softplus(z) − y z. */
export function loss({ w, b }, { x, y }) {
  return mean(x.map((xn, n) => {
    const z = weightedSum(w, xn, b);
    return softplus(z) - y[n] * z;
  }));
}

/** eq-neuron-gradient: the mean error times each input. */
export function gradient({ w, b }, { x, y }) {
  const slopes = { dw: [0, 0], db: 0 };
  x.forEach((xn, n) => {
    const error = (sigmoid(weightedSum(w, xn, b)) - y[n]) / x.length; // eq-neuron-error
    slopes.dw = slopes.dw.map((v, i) => v + error * xn[i]);
    slopes.db += error;
  });
  return slopes;
}

/** eq-neuron-step: one step of gradient descent. */
export function step(neuron, lumps, rate) {
  const { dw, db } = gradient(neuron, lumps);
  return { w: neuron.w.map((v, i) => v - rate * dw[i]), b: neuron.b - rate * db };
}

/** Which lumps the neuron is right about: it says "malignant" where z > 0. */
export const right = ({ w, b }, { x, y }) => x.map((xn, n) => (weightedSum(w, xn, b) > 0 ? 1 : 0) === y[n]);

/** How many it is right about. */
export const count = (neuron, lumps) => right(neuron, lumps).filter(Boolean).length;

/** So many steps one after the other; for tests. */
export function descend(neuron, lumps, rate, steps) {
  const path = [neuron];
  for (let k = 0; k < steps; k++) path.push(step(path[k], lumps, rate));
  return path;
}
