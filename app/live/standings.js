// How the curves of interventions look: by what is known of them, and never by colour alone.

import { draw } from "./elements.js";

const LOOKS = {
  genuine: { colour: "text", dash: "solid", strokes: "", width: 2 },
  spurious: { colour: "alert", dash: "dash", strokes: "7 4", width: 2 },
  sham: { colour: "muted", dash: "dot", strokes: "2 3", width: 1.2 },
  open: { colour: "lossDelta", dash: "dashdot", strokes: "7 3 2 3", width: 2 },
};

/** Colour (a name of the palette), dash and width of a curve's line. */
export function lookOf({ standing }) {
  return LOOKS[standing] ?? LOOKS.open;
}

/** A short piece of a curve's line. */
export function swatchOf(curve) {
  const { colour, strokes, width } = lookOf(curve);
  const variable = `var(--rs-${colour.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)})`;
  const line = draw("line", { x1: 1, y1: 6, x2: 29, y2: 6, "stroke-width": width, "stroke-dasharray": strokes });
  line.style.stroke = variable;
  const swatch = draw("svg", { width: 30, height: 12, viewBox: "0 0 30 12", "aria-hidden": "true", class: "rs-swatch" }, line);
  return swatch;
}
