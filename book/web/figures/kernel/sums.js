// The chapter's kernels, and the sum of nine products at one place of a picture.
import { turned } from "../lib/images.js";

const ROW = [1, 2, 1];
const UPRIGHT = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]];
/** The chapter's kernels; its blur with three numbers in a row. */
export const kernels = {
  upright: UPRIGHT,
  level: UPRIGHT[0].map((_, c) => UPRIGHT.map((row) => row[c])),
  sharper: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
  blur: ROW.map((a) => ROW.map((b) => (a * b) / 16)),
};

/** The nine products at a place, row by row: the pixels of the window, the numbers that lie on them, and the products. */
export function window9(picture, K, [row, column], flip) {
  const lying = flip ? turned(K) : K;
  return lying.flatMap((numbers, m) => numbers.map((weight, n) => {
    const pixel = picture[row + m - 1]?.[column + n - 1] ?? 0; // outside its frame a picture is 0
    return { pixel, weight, product: pixel * weight };
  }));
}

/** The sum of numbers. */
export const total = (numbers) => numbers.reduce((a, b) => a + b, 0);
/** No answer to a picture with values from 0 to 1 is further from 0. */
export const bound = (K) => Math.max(total(K.flat().filter((v) => v > 0)), -total(K.flat().filter((v) => v < 0)));
