// Convolution and what goes with it. An array of pictures' channels is {shape: [H, W, C], data}, row by row, channels last.

/** An array of zeros. */
export function zeros(...shape) {
  return { shape, data: new Float64Array(shape.reduce((a, b) => a * b)) };
}

/** eq-output-size with stride 1. */
export const outputSize = (side, size, padding) => side + 2 * padding - size + 1;

/**
 * eq-conv2d for one example, stride 1: correlation with F kernels, plus a bias.
 * @param {object} x shape [H, W, C]
 * @param {object} K shape [P, Q, C, F]; the kernels are not turned
 * @param {object|null} b shape [F]
 * @param {number|number[]} padding rows and columns of zeros on either side; a pair is [rows, columns]
 * @returns {object} shape [H', W', F]
 */
export function conv2d(x, K, b = null, padding = 0) {
  const [H, W, C] = x.shape;
  const [P, Q, channels, F] = K.shape;
  if (C !== channels) throw new RangeError(`conv2d: x has ${C} channels, K has ${channels}; the same was expected.`);
  const [p, q] = Array.isArray(padding) ? padding : [padding, padding];
  const z = zeros(outputSize(H, P, p), outputSize(W, Q, q), F);
  const [pixels, weights, sums] = [x.data, K.data, z.data];
  for (let i = 0, at = 0; i < z.shape[0]; i++) {
    for (let j = 0; j < z.shape[1]; j++, at += F) {
      for (let m = Math.max(0, p - i); m < P && i + m - p < H; m++) {
        for (let n = Math.max(0, q - j); n < Q && j + n - q < W; n++) {
          const pixel = ((i + m - p) * W + j + n - q) * C;
          for (let c = 0, k = (m * Q + n) * C * F; c < C; c++, k += F) {
            const value = pixels[pixel + c];
            if (value !== 0) for (let f = 0; f < F; f++) sums[at + f] += value * weights[k + f];
          }
        }
      }
      if (b) for (let f = 0; f < F; f++) sums[at + f] += b.data[f];
    }
  }
  return z;
}

/** eq-max-pool with windows of `size` that do not overlap; what remains at the end is left out. */
export function maxPool2d(x, size) {
  const [H, W, C] = x.shape;
  const y = zeros(Math.floor(H / size), Math.floor(W / size), C);
  y.data.fill(-Infinity);
  for (let r = 0; r < y.shape[0] * size; r++) {
    for (let t = 0; t < y.shape[1] * size; t++) {
      const to = (Math.floor(r / size) * y.shape[1] + Math.floor(t / size)) * C;
      const from = (r * W + t) * C;
      for (let c = 0; c < C; c++) if (x.data[from + c] > y.data[to + c]) y.data[to + c] = x.data[from + c];
    }
  }
  return y;
}

/** A picture or kernel turned by half a turn: R K of eq-flip. */
export const turned = (rows) => rows.map((row) => [...row].reverse()).reverse();

/** One picture, given by its rows, as an array with further axes of length one. */
export function flat(rows, ...axes) {
  return { shape: [rows.length, rows[0].length, ...axes], data: Float64Array.from(rows.flat()) };
}

/** The rows of one channel. */
export function channel({ shape: [H, W, C], data }, c = 0) {
  return Array.from({ length: H }, (_, i) => Array.from({ length: W }, (_, j) => data[(i * W + j) * C + c]));
}

/**
 * eq-convolution, computed as the correlation with the turned kernel (eq-flip).
 * @param {number[][]} I the picture, zero outside
 * @param {number[][]} K the kernel
 * @param {string} mode "full", "same" or "valid": as nn.convolve2d and SciPy have them
 * @returns {number[][]}
 */
export function convolve2d(I, K, mode = "full") {
  const [[H, W], [P, Q]] = [I, K].map((rows) => [rows.length, rows[0].length]);
  const full = channel(conv2d(flat(I, 1), flat(turned(K), 1, 1), null, [P - 1, Q - 1]));
  const kept = {
    full: (h, p) => [0, h + p - 1],
    same: (h, p) => [Math.floor((p - 1) / 2), h],
    valid: (h, p) => [Math.min(h, p) - 1, Math.abs(h - p) + 1],
  }[mode];
  if (!kept) throw new RangeError(`convolve2d: mode is "${mode}"; "full", "same" or "valid" was expected.`);
  const [[top, rows], [left, columns]] = [kept(H, P), kept(W, Q)];
  return full.slice(top, top + rows).map((row) => row.slice(left, left + columns));
}

/** eq-cross-correlation in the frame of the picture: zeros around it, the kernel as it stands. */
export const correlate2d = (I, K, mode = "same") => convolve2d(I, turned(K), mode);
