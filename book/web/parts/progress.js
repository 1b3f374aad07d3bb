// How far the reader is in this chapter. A part is read when most of its paragraphs, equations and
// pictures have been on the screen for a second each: who jumps to the end has not read what is between.
import { pageOf, titleOf } from "./asked.js";
import { follow, recall, remember } from "./memory.js";

const DWELL = 1000; // milliseconds
const MOST = 0.8;
const here = pageOf(location.href);
const line = document.querySelector('.course li[data-chapter] > a.page[aria-current="page"]');
const time = document.querySelector(".reading-time");
const first = time?.textContent;

/** The parts of the chapter in their order: id, element, minutes, mark in the contents. */
function partsOfPage() {
  const chapter = document.querySelector("article > section");
  const parts = [{ id: chapter.id, section: chapter, minutes: Number(time.dataset.beginning), counts: true }];
  for (const mark of document.querySelectorAll("#pst-page-toc-nav .minutes")) {
    const id = decodeURIComponent(mark.parentElement.querySelector("a").hash.slice(1));
    const section = document.getElementById(id);
    if (section) parts.push({ id, section, mark, label: mark.textContent, minutes: Number(mark.dataset.minutes), counts: !("star" in mark.dataset) });
  }
  return parts;
}

/** Call a function when a part has been read. */
function watch(part, whenRead) {
  const blocks = [...part.section.children].filter((child) => !child.matches("section, script") && child.getClientRects().length);
  const timers = new Map();
  let left = Math.ceil(MOST * blocks.length);
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      clearTimeout(timers.get(target));
      if (isIntersecting) timers.set(target, setTimeout(seen, DWELL, target));
    }
  });
  function seen(block) {
    if (document.hidden) return;
    observer.unobserve(block);
    left -= 1;
    if (left === 0) {
      observer.disconnect();
      whenRead();
    }
  }
  for (const block of blocks) observer.observe(block);
}

const sum = (parts) => parts.reduce((total, { minutes }) => total + minutes, 0);

function draw(parts) {
  const ids = new Set(recall().read[here]?.parts);
  for (const { id, mark, label } of parts) {
    if (!mark) continue;
    mark.classList.toggle("read", ids.has(id));
    mark.textContent = ids.has(id) ? "read" : label;
  }
  const left = sum(parts.filter(({ id, counts }) => counts && !ids.has(id)));
  if (ids.size === 0) time.textContent = first;
  else time.textContent = left ? `About ${left} minutes left` : "First reading done";
}

function start() {
  const parts = partsOfPage();
  const all = sum(parts.filter(({ counts }) => counts));
  const title = titleOf(line);

  function read(part) {
    remember(({ read }) => {
      const ids = [...new Set([...(read[here]?.parts ?? []), part.id])].filter((id) => parts.some((known) => known.id === id));
      const share = sum(parts.filter(({ id, counts }) => counts && ids.includes(id))) / all;
      return { read: { ...read, [here]: { parts: ids, share: Math.round(100 * share) / 100 } }, last: place() };
    });
  }

  /** Where the reader is: the last part whose beginning is in the upper part of the screen, or above. */
  function place() {
    const begun = parts.filter(({ section }) => section.getBoundingClientRect().top < innerHeight / 3);
    const { id, section } = begun.at(-1) ?? parts[0];
    const heading = section.querySelector("h1, h2, h3, h4").cloneNode(true);
    for (const hidden of heading.querySelectorAll(".headerlink, .katex-html, annotation")) hidden.remove();
    return { page: here, title, part: id, heading: begun.length > 1 ? heading.textContent.trim() : "" };
  }

  const known = new Set(recall().read[here]?.parts);
  for (const part of parts) if (!known.has(part.id)) watch(part, () => read(part));
  follow(() => draw(parts));
  addEventListener("pagehide", () => {
    if (recall().read[here]) remember(() => ({ last: place() }));
  });
}

if (line && time) start();
