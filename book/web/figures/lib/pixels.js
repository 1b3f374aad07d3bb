// Arrays of numbers as pictures.

/** The value of a colour's role in the present theme, as [r, g, b]. */
export function colour(role) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim();
  return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
}

/** Between two colours: t = 0 is `a`, t = 1 is `b`. */
export function mix(a, b, t) {
  return a.map((v, i) => Math.round(v + (b[i] - v) * Math.min(1, Math.max(0, t))));
}

/**
 * A picture of an array, as the address of an image: it can stand in an SVG, and in the still picture too.
 * @param {number[][]} rows the values
 * @param {function} paint value → [r, g, b]
 */
export function bitmap(rows, paint) {
  const canvas = document.createElement("canvas");
  canvas.height = rows.length;
  canvas.width = rows[0].length;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  rows.flatMap((row) => Array.from(row)).forEach((value, i) => image.data.set([...paint(value), 255], 4 * i));
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/** Call `redraw` when the page turns dark or light: bitmaps do not follow the style sheet by themselves. */
export function onTheme(redraw) {
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
