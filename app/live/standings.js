// How the curves of interventions look: the colour says what is known of them, dashes and a letter which one it is.

import { draw, make } from "./elements.js";

const LOOKS = {
  genuine: { colour: "text", dashes: ["", "12 3", "12 3 3 3"], width: 2 },
  spurious: { colour: "alert", dashes: ["7 4", "3 3", "7 3 2 3"], width: 2 },
  sham: { colour: "muted", dashes: ["2 3", "5 2", "1 5"], width: 1.2 },
  open: { colour: "lossDelta", dashes: ["10 3 2 3", "10 3 2 3 2 3", "4 3"], width: 2 },
};

/**
 * Colour (a name of the palette), dashes (as SVG has them) and width of a curve's line.
 * @param {object} curve
 * @param {object[]} curves all there are: those of one standing have other dashes each, as far as they go
 */
export function lookOf({ index, standing }, curves) {
  const { dashes, ...look } = LOOKS[standing] ?? LOOKS.open;
  const alike = curves.filter((curve) => curve.standing === standing && curve.index < index).length;
  return { ...look, dashes: dashes[alike % dashes.length] };
}

/** The letter of a curve, in the charts and in the table. */
export function letterOf({ index }) {
  return String.fromCharCode(65 + (index % 26));
}

/** A short piece of a curve's line, and its letter. */
export function swatchOf(curve, curves) {
  const { colour, dashes, width } = lookOf(curve, curves);
  const line = draw("line", { x1: 1, y1: 6, x2: 29, y2: 6, "stroke-width": width, "stroke-dasharray": dashes });
  line.style.stroke = `var(--rs-${colour.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)})`;
  const swatch = make("span", "rs-swatch");
  swatch.append(draw("svg", { width: 30, height: 12, viewBox: "0 0 30 12", "aria-hidden": "true" }, line), letterOf(curve));
  return swatch;
}
