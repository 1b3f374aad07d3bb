// The generator of chapter 8's digits, forward only, with the running statistics of its batch normalisation.
import { conv2d, zeros } from "../lib/images.js";
import { dot, relu, sigmoid } from "../lib/functions.js";

/**
 * eq-conv-transpose for one example.
 * @param {object} x shape [H, W, F]
 * @param {object} K shape [P, Q, C, F]
 * @param {object} b shape [C]
 * @returns {object} shape [H', W', C], its sides by eq-transposed-size
 */
export function convTranspose2d(x, K, b, stride, padding) {
  const [H, W, F] = x.shape;
  const [P, Q, C] = K.shape;
  const y = zeros((H - 1) * stride + P - 2 * padding, (W - 1) * stride + Q - 2 * padding, C);
  const [rows, columns] = y.shape;
  const [pixels, kernels] = [x.data, K.data];
  for (let k = 0; k < y.data.length; k++) y.data[k] = b.data[k % C];
  for (let i = 0; i < H; i++) for (let j = 0; j < W; j++) {
    const pixel = (i * W + j) * F;
    for (let m = 0; m < P; m++) for (let n = 0; n < Q; n++) {
      const r = i * stride + m - padding;
      const t = j * stride + n - padding;
      if (r < 0 || r >= rows || t < 0 || t >= columns) continue; // cut off
      for (let c = 0; c < C; c++) {
        const kernel = ((m * Q + n) * C + c) * F;
        let sum = 0;
        for (let f = 0; f < F; f++) sum += pixels[pixel + f] * kernels[kernel + f];
        y.data[(r * columns + t) * C + c] += sum;
      }
    }
  }
  return y;
}

const each = ({ shape, data }, f) => ({ shape, data: data.map(f) });

/** The layer `name` of batch normalisation, in inference, and relu behind it. */
function normalised(x, arrays, name, eps) {
  const [gamma, beta, mean, variance] = ["gamma", "beta", "mean", "variance"].map((part) => arrays[`${name}.${part}`].data);
  const scale = gamma.map((g, c) => g / Math.sqrt(variance[c] + eps));
  return each(x, (v, k) => {
    const c = k % scale.length;
    return relu((v - mean[c]) * scale[c] + beta[c]);
  });
}

/**
 * What the generator draws.
 * @param {object} arrays name → {shape, data}, from `unpack`
 * @param {number} eps of the batch normalisation
 * @param {ArrayLike<number>} z the noise
 * @returns {number[][]} 28 rows of 28 values in (0, 1)
 */
export function generate(arrays, eps, z) {
  const [W, b] = [arrays["0.W"].data, arrays["0.b"].data];
  let x = zeros(7, 7, 32); // nn.Unflatten
  for (let k = 0; k < b.length; k++) x.data[k] = b[k] + dot(z, W.subarray(k * z.length, (k + 1) * z.length));
  x = normalised(x, arrays, "2", eps);
  x = normalised(conv2d(x, arrays["4.K"], arrays["4.b"], 1), arrays, "5", eps);
  x = normalised(convTranspose2d(x, arrays["7.K"], arrays["7.b"], 2, 1), arrays, "8", eps);
  const { shape: [rows, columns], data } = each(convTranspose2d(x, arrays["10.K"], arrays["10.b"], 2, 1), sigmoid);
  return Array.from({ length: rows }, (_, r) => Array.from(data.subarray(r * columns, (r + 1) * columns)));
}
