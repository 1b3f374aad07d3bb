// Numbers that a figure needs and that are too many for its script: fetched when they are wanted.

/**
 * @param {string} name the file beside the figure is `name.data.js`; it calls `figureData(value)`
 * @returns {Promise} of the value
 */
export function load(name) {
  const brought = window.figureStore?.[name]; // a notebook brings it with the figure
  if (brought) return Promise.resolve(brought);
  return new Promise((resolve, reject) => {
    window.figureData ??= (value) => document.currentScript.onfound(value); // several may be on their way
    const script = document.createElement("script"); // since a page that is opened from a disk may not fetch
    script.onfound = resolve;
    script.src = `${name}.data.js`;
    script.onerror = () => reject(new Error(`${name}.data.js could not be loaded.`));
    document.head.append(script);
  });
}

/** Bytes from base64, as a typed array: `floats("…", Int8Array)`. */
export function bytes(text, Kind = Uint8Array) {
  const raw = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Kind(raw.buffer);
}
