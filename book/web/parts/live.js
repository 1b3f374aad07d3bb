// A live figure stands in a frame of its own, and tells how high it is.
window.addEventListener("message", ({ data, source }) => {
  if (typeof data?.figureHeight !== "number") return;
  for (const frame of document.querySelectorAll("iframe.live")) {
    if (frame.contentWindow !== source) continue;
    // On a screen styles/live-heights.css keeps the room of the figure to come; on paper the still picture stays.
    const name = data.live ? "height" : "--still";
    frame.style.removeProperty("--still");
    frame.style.setProperty(name, `${Math.ceil(data.figureHeight)}px`);
  }
});
// A frame that was there first has told nobody: ask. One that is not there yet will tell by itself.
for (const frame of document.querySelectorAll("iframe.live")) frame.contentWindow?.postMessage({ tellHeight: true }, "*");
