// What is made of page elements, the map and its legend, as a picture takes it: boxes and words where they stand.

import { draw } from "./elements.js";

/**
 * @param {HTMLElement} whole
 * @param {string} pieces selects the elements in it that have a colour or a text of their own
 * @param {HTMLElement} [scrolled] the box that it may be scrolled in
 */
export function elementPicture(whole, pieces, scrolled) {
  const { width, height } = whole.getBoundingClientRect();
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    async svg() {
      const drawing = draw("svg", { width, height });
      const before = scrolled?.scrollLeft;
      if (scrolled) scrolled.scrollLeft = 0; // what is pinned to the edge stands in its place
      const origin = whole.getBoundingClientRect();
      for (const piece of whole.querySelectorAll(pieces)) drawing.append(...drawn(piece, origin));
      if (scrolled) scrolled.scrollLeft = before;
      return new XMLSerializer().serializeToString(drawing);
    },
  };
}

function drawn(piece, origin) {
  const box = piece.getBoundingClientRect();
  const [x, y] = [box.x - origin.x, box.y - origin.y];
  const style = getComputedStyle(piece);
  const behind = plainColour(style.backgroundColor);
  const { width, height } = box;
  const pieces = behind.endsWith(", 0)") ? [] : [draw("rect", { x, y, width, height, fill: behind })]; // not if transparent
  if (!piece.textContent || piece.childElementCount) return pieces;
  const turned = style.writingMode !== "horizontal-tb";
  const left = ["start", "left"].includes(style.textAlign) && !turned;
  const text = draw("text", {
    "text-anchor": left ? "start" : "middle",
    "dominant-baseline": "central",
    "font-size": style.fontSize,
    "font-weight": style.fontWeight,
    "font-family": style.fontFamily,
    fill: plainColour(style.color),
    transform: `translate(${left ? x : x + width / 2} ${y + height / 2})${turned ? " rotate(-90)" : ""}`,
  });
  text.textContent = piece.textContent;
  return [...pieces, text];
}

/** A computed colour as every program reads it: a mixed one is computed as "color(srgb …)". */
export function plainColour(colour) {
  const mixed = colour.match(/^color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)/);
  return mixed ? `rgb(${mixed.slice(1, 4).map((share) => Math.round(255 * Number(share))).join(", ")})` : colour;
}
