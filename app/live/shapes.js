// The legend of the charts: what the shapes of points and the thinner lines are.

import { STATES } from "./chip.js";
import { make } from "./elements.js";
import { flagOf } from "./health.js";
import { measured } from "./snapshot.js";

/** What a picture takes of the legend (map-picture.js). */
export const PIECES = "span";

/**
 * Show the shape of every state, and of what else occurs.
 * @param {HTMLElement} element
 * @param {object|null} snapshot
 */
export function showShapes(element, snapshot) {
  const texts = shapesOf(snapshot);
  const shown = [...element.children].map((item) => item.textContent);
  if (shown.join() !== texts.join()) element.replaceChildren(...texts.map((text) => make("span", "", text)));
}

/** The legend's entries, each a sign and its meaning. */
export function shapesOf(snapshot) {
  const rows = snapshot ? measured(snapshot) : [];
  return [
    ...Object.entries(STATES).map(([state, [, shape]]) => entry(shape, state)),
    ...(rows.some(flagOf) ? [entry("◇", "not to be relied on")] : []),
    ...(rows.some((row) => row.shams?.length) ? [entry("──", "shams")] : []),
    ...(snapshot?.band?.length ? [entry("┄┄", "band over the whole curve")] : []),
  ];
}

/** A sign that stays with its meaning. */
function entry(sign, meaning) {
  return `${sign} ${meaning}`.replaceAll(" ", "\u00a0");
}
