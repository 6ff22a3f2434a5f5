// Notes within a chart, put where they cover the fewest points.

import { note } from "./figure-parts.js";

const LETTER = 6.2; // pixels of a note's text
const LINE = 15;
const POINT = 7; // around a point

/**
 * A note at the first of some places where it covers no point, or else where it covers the fewest.
 * @param {string} text
 * @param {string} colour
 * @param {{places: object[], seam: string}} where each place with Plotly's x, y, xanchor and yanchor; the colour around
 *   the letters where lines cross them
 * @param {Array<[number, number]>} points of a curve, in the same units as the places
 * @param {(x: number, y: number) => [number, number]} pixels where a point is, to the right and upwards
 */
export function clearNote(text, colour, { places, seam }, points, pixels) {
  const marks = along(points.map(([x, y]) => pixels(x, y)));
  const counts = places.map((place) => marks.filter((mark) => covers(place, text, pixels, mark)).length);
  const fewest = Math.min(...counts);
  const made = note(text, colour, places[counts.indexOf(fewest)]);
  return { ...made, font: { ...made.font, shadow: Array(4).fill(`0 0 3px ${seam}`).join(", ") } };
}

function covers({ x, y, xanchor, yanchor }, text, pixels, [across, up]) {
  const [right, above] = pixels(x, y);
  const left = xanchor === "right" ? right - LETTER * text.length : right;
  const bottom = yanchor === "top" ? above - LINE : above;
  return (
    across > left - POINT &&
    across < left + LETTER * text.length + POINT &&
    up > bottom - POINT &&
    up < bottom + LINE + POINT
  );
}

/** The points, and some in between that stand for the line. */
function along(points) {
  const between = points.slice(1).flatMap(([x, y], at) => {
    const [before, below] = points[at];
    return [0.25, 0.5, 0.75].map((share) => [before + share * (x - before), below + share * (y - below)]);
  });
  return [...points, ...between];
}
