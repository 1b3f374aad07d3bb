// Which texts stand out too little from their ground: contrast below 4.5 (WCAG 2.1, AA).
() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.map((x) => x / 255).map((x) =>
      x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour.length >= 3 && (colour.length < 4 || colour[3] > 0.5)) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const texts = [
    "article p", "article li", "article code", "article pre span", "article figcaption *",
    "article td", "article th", "article h1", "article h2", "article a:not(.headerlink)", "article summary",
    "article .katex", "nav a", ".eqno",
  ].join(", ");
  const faint = new Set();
  for (const element of document.querySelectorAll(texts)) {
    const text = element.textContent.trim();
    if (!text || element.closest(".headerlink") || !element.getClientRects().length) continue;
    const pair = [parse(getComputedStyle(element).color).slice(0, 3), ground(element)]
      .map(luminance).sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) {
      faint.add(`${ratio.toFixed(2)} ${element.tagName}.${element.className} ${text.slice(0, 30)}`);
    }
  }
  return [...faint].slice(0, 10);
}
