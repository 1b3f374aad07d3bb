// How the makers of MNIST prepared a digit: size and place, and nothing else.
//
// "The original black and white (bilevel) images from NIST were size normalized to fit in a 20x20 pixel box while preserving
// their aspect ratio. [...] the images were centered in a 28x28 image by computing the center of mass of the pixels, and
// translating the image so as to position this point at the center of the 28x28 field." Y. LeCun, C. Cortes, C. Burges,
// The MNIST database, http://yann.lecun.com/exdb/mnist/; the same in lecun1998, section III.A.
// In the package's digits the centre of the field is pixel (14, 14), and they were moved by whole pixels: a test finds them unchanged.

const BOX = 20;
const MIDDLE = 14;

/** First and last index of the rows with ink, and of the columns; null if there is none. */
export function extent(picture) {
  const marked = (count, ink) => Array.from({ length: count }, (_, i) => i).filter(ink);
  const rows = marked(picture.length, (r) => picture[r].some((v) => v > 0));
  const columns = marked(picture[0].length, (c) => picture.some((row) => row[c] > 0));
  return rows.length ? [rows[0], rows.at(-1), columns[0], columns.at(-1)] : null;
}

/** The centre of mass of the ink, [row, column]. */
export function centreOfMass(picture) {
  let [mass, down, across] = [0, 0, 0];
  picture.forEach((row, r) => row.forEach((v, c) => { mass += v; down += r * v; across += c * v; }));
  return [down / mass, across / mass];
}

/** Means over stretches: row k says how much each of `from` pixels, starting at `first`, lies in pixel k of `to`. */
function shares(first, from, to, total) {
  const width = from / to;
  return Array.from({ length: to }, (_, k) =>
    Array.from({ length: total }, (_, i) => {
      const overlap = Math.min(first + (k + 1) * width, i + 1) - Math.max(first + k * width, i);
      return Math.max(0, overlap) / width;
    }));
}

/**
 * Scale the ink to a box of 20 × 20, its longer side 20, and move it by whole pixels so that its centre of mass is in the middle.
 * A pixel of the result is the mean over the area that it covers; ink that comes to lie outside is lost.
 * @param {number[][]} picture 28 rows of 28 values
 * @returns {number[][]} the same shape; without ink, the same picture
 */
export function likeMnist(picture) {
  const found = extent(picture);
  if (!found) return picture;
  const [top, bottom, left, right] = found;
  const [tall, wide] = [bottom - top + 1, right - left + 1];
  const scale = BOX / Math.max(tall, wide);
  const [height, width] = [tall, wide].map((v) => Math.max(1, Math.round(v * scale)));
  const down = shares(top, tall, height, picture.length);
  const across = shares(left, wide, width, picture[0].length);
  const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  const narrow = picture.map((row) => across.map((share) => dot(share, row)));
  const small = down.map((share) => across.map((_, c) => share.reduce((sum, v, r) => sum + v * narrow[r][c], 0)));
  const [r0, c0] = centreOfMass(small).map((v) => Math.round(MIDDLE - v));
  return picture.map((row, r) => row.map((_, c) => small[r - r0]?.[c - c0] ?? 0));
}
