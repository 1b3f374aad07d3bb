// Where a small window stands: below or above what it belongs to, never over the edge of the screen.
// A script of its own, `_static/beside.js`, which comes with the first window: see asked.js.
import { autoUpdate, computePosition, flip, offset, shift, size } from "@floating-ui/dom";

/**
 * Keep a popover beside an element while it is open.
 * @param {Element} anchor
 * @param {HTMLElement} popover
 * @param {string} placement such as "bottom-start"
 * @returns {() => void} ends it
 */
function keepBeside(anchor, popover, placement) {
  const room = size({
    padding: 8,
    apply: ({ availableHeight }) => popover.style.setProperty("--room", `${Math.max(120, availableHeight)}px`),
  });
  const middleware = [offset(6), flip({ padding: 8 }), shift({ padding: 8 }), room];
  return autoUpdate(anchor, popover, async () => {
    const { x, y } = await computePosition(anchor, popover, { strategy: "fixed", placement, middleware });
    Object.assign(popover.style, { left: `${x}px`, top: `${y}px` });
  });
}

(window.asked ??= {}).beside = keepBeside;
