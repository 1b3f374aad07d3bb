// The CNN of chapter 5, forward only.
import { bytes } from "../lib/data.js";
import { conv2d, flat, maxPool2d } from "../lib/images.js";

/**
 * The network's arrays from what draw.data.js holds: whole numbers times the scale of their filter or neuron.
 * @param {object} stored name → {shape, float32} or {shape, axis, int8, scales}
 * @returns {object} name → {shape, data}
 */
export function unpack(stored) {
  const arrays = {};
  for (const [name, { shape, axis, float32, int8, scales }] of Object.entries(stored)) {
    const numbers = float32 ? bytes(float32, Float32Array) : bytes(int8, Int8Array);
    const data = Float64Array.from(numbers);
    if (int8) {
      const factor = bytes(scales, Float32Array);
      const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1); // how many entries stand under one index of the axis
      // fround: the product as a float32, as nnlearn has it
      for (let i = 0; i < data.length; i++) data[i] = Math.fround(data[i] * factor[Math.floor(i / inner) % shape[axis]]);
    }
    arrays[name] = { shape, data };
  }
  return arrays;
}

const relu = ({ shape, data }) => ({ shape, data: data.map((v) => (v > 0 ? v : 0)) });

/**
 * What each layer makes of a picture.
 * @param {object} arrays from `unpack`
 * @param {number[][]} picture 28 rows of 28 values in [0, 1]
 * @returns {object} relu1, pooled1, relu2, pooled2: {shape: [H, W, C], data}; logits: ten numbers
 */
export function layers(arrays, picture) {
  const relu1 = relu(conv2d(flat(picture, 1), arrays["0.K"], arrays["0.b"], 2));
  const pooled1 = maxPool2d(relu1, 2);
  const relu2 = relu(conv2d(pooled1, arrays["3.K"], arrays["3.b"]));
  const pooled2 = maxPool2d(relu2, 2);
  const { shape: [outputs, inputs], data: W } = arrays["8.W"]; // behind the dropout, which does nothing here
  const logits = Array.from(arrays["8.b"].data);
  for (let k = 0; k < outputs; k++) for (let i = 0; i < inputs; i++) logits[k] += W[k * inputs + i] * pooled2.data[i];
  return { relu1, pooled1, relu2, pooled2, logits };
}

/** eq-softmax, from the largest logit, so that nothing overflows. */
export function softmax(logits) {
  const top = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - top));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((v) => v / sum);
}
