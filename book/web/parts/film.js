// Films: animations that the reader plays, stops and steps through. None starts by itself, and none
// is loaded before the reader turns to it. book/_ext/films.py makes the pictures.

/** Make an element with properties; names with a hyphen become attributes. */
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Load a film's strip and cut it into frames: one below the other, column by column. */
async function load(picture) {
  const [count, rows] = [picture.dataset.frames, picture.dataset.rows].map(Number);
  const [width, height] = ["width", "height"].map((side) => Number(picture.getAttribute(side)));
  const strip = new Image();
  strip.src = picture.dataset.strip;
  await new Promise((done, failed) => Object.assign(strip, { onload: done, onerror: failed }));
  const whole = await createImageBitmap(strip); // decoded once; each cut of the image would decode it anew
  const cut = (_, i) => createImageBitmap(whole, Math.floor(i / rows) * width, (i % rows) * height, width, height);
  const frames = await Promise.all(Array.from({ length: count }, cut));
  whole.close();
  return frames;
}

function button(kind, label) {
  return make("button", { type: "button", className: `film-button ${kind}`, title: label, "aria-label": label });
}

/** Give a still picture its controls. */
function film(picture) {
  const last = Number(picture.dataset.frames) - 1;
  const pace = Number(picture.dataset.pace);
  let frames = null; // a promise of them, once the reader wants them
  let shown = last; // the still picture is the last frame
  let timer = 0;

  const screen = make("canvas", { width: picture.getAttribute("width"), height: picture.getAttribute("height"), hidden: true, "aria-hidden": "true" });
  const play = button("film-play", "Play");
  const back = button("film-back", "One frame back");
  const forth = button("film-forth", "One frame on");
  const scrubber = make("input", { type: "range", min: 1, max: last + 1, step: 1, "aria-label": "Frame" });
  const count = make("span", { className: "film-count", "aria-hidden": "true" });
  const controls = make("div", { className: "film-controls" }, play, back, scrubber, forth, count);
  const stage = make("div", { className: "film-screen" });
  const player = make("div", { className: "film-player", role: "group", "aria-label": "Film" }, stage, controls);
  picture.replaceWith(player);
  stage.append(picture, screen);

  function tell() {
    scrubber.value = shown + 1;
    scrubber.setAttribute("aria-valuetext", `frame ${shown + 1} of ${last + 1}`);
    count.textContent = `${shown + 1} of ${last + 1}`;
    back.disabled = shown === 0;
    forth.disabled = shown === last;
  }

  function want() {
    frames ??= load(picture).catch((error) => {
      frames = null; // the reader may try again
      throw error;
    });
    return frames;
  }

  /** Show a frame; when several are asked for while they load, the last one counts. */
  async function show(i) {
    shown = Math.min(Math.max(i, 0), last);
    tell();
    try {
      const all = await want();
      screen.getContext("2d").drawImage(all[shown], 0, 0);
      screen.hidden = false;
    } catch {
      stop();
      count.textContent = "not loaded";
    }
  }

  function mark(kind, label) {
    player.classList.toggle("film-playing", kind === "pause");
    play.title = label;
    play.setAttribute("aria-label", label);
  }

  function stop() {
    clearTimeout(timer);
    timer = 0;
    mark("play", "Play");
  }

  function go() {
    clearTimeout(timer);
    if (shown === last) return stop();
    timer = setTimeout(() => show(shown + 1).then(() => timer && go()), pace);
  }

  async function start() {
    timer = -1; // it plays from now on, also while it loads
    mark("pause", "Pause");
    await show(shown === last ? 0 : shown);
    if (timer) go();
  }

  const toggle = () => (timer ? stop() : start());
  const step = (by) => {
    stop();
    show(shown + by);
  };
  play.addEventListener("click", toggle);
  stage.addEventListener("click", toggle);
  back.addEventListener("click", () => step(-1));
  forth.addEventListener("click", () => step(1));
  scrubber.addEventListener("input", () => step(scrubber.value - 1 - shown));
  scrubber.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault(); // the page would scroll
    toggle();
  });
  for (const sign of ["pointerenter", "focusin"]) {
    player.addEventListener(sign, () => want().catch(() => {}), { once: true });
  }
  tell();
}

for (const picture of document.querySelectorAll("img.film")) film(picture);
