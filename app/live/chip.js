// The chip that names a state: a colour, and the same shape as the state's points in the charts.

import { write } from "./elements.js";

/** Tone and shape of each state. */
export const STATES = {
  clean: ["clean", "●"],
  entangled: ["entangled", "✕"],
  "effect lost": ["lost", "▼"],
  broken: ["broken", "□"],
  unresolved: ["unresolved", "○"],
};
/** Shape of each tone. */
export const SHAPES = { ...Object.fromEntries(Object.values(STATES)), flagged: "◇" };

/** Tone (a colour of explore.css) of the state of a row. */
export function toneOf(state) {
  return STATES[state]?.[0] ?? "pending";
}

/**
 * Show a chip.
 * @param {HTMLElement} chip
 * @param {string} text
 * @param {string} tone clean, entangled, lost, broken, unresolved, flagged, pending or failed
 */
export function showChip(chip, text, tone) {
  chip.dataset.tone = tone;
  chip.dataset.shape = SHAPES[tone] ?? "";
  write(chip, text);
}
