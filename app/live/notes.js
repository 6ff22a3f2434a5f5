// Notes within a chart, put where they cover the fewest points.

import { note } from "./figure-parts.js";

const LETTER = 6.2; // pixels of a note's text
const LINE = 15;
const LETTER_OFF = 11; // from a point to the letter of its curve
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
  return seamed(note(text, colour, places[counts.indexOf(fewest)]), seam);
}

/** A note with a seam around its letters. */
function seamed(made, seam, size = made.font.size) {
  const corners = ["1px 1px", "1px -1px", "-1px 1px", "-1px -1px"]; // without a blur, which takes long to draw
  return { ...made, font: { ...made.font, size, shadow: corners.map((corner) => `${corner} 0 ${seam}`).join(", ") } };
}

/**
 * The letters of curves, each above or below that point of its curve where it is furthest from all lines and letters.
 * @param {Array<{letter: string, colour: string, points: Array<[number, number]>}>} curves
 * @param {(x: number, y: number) => [number, number]} pixels where a point is, to the right and upwards
 * @param {[number, number]} size of the chart inside, px
 * @param {object} place what all notes have: axes, the `seam` around the letters, pixels to `avoid` besides
 */
export function letterNotes(curves, pixels, size, { seam, avoid = [], ...axes }) {
  const taken = [...avoid, ...curves.flatMap(({ points }) => along(points.map(([x, y]) => pixels(x, y))))];
  return curves.flatMap(({ letter, colour, points }) => {
    let best = null;
    for (const [x, y] of points) {
      const [across, up] = pixels(x, y);
      for (const shift of [LETTER_OFF, -LETTER_OFF]) {
        const at = [across, up + shift];
        if (at.some((value, axis) => value < LETTER || value > size[axis] - LETTER)) continue;
        const free = Math.min(...taken.map((other) => Math.hypot(other[0] - at[0], other[1] - at[1])));
        if (!best || free > best.free) best = { free, at, x, y, shift };
      }
    }
    if (!best) return [];
    taken.push(best.at);
    const made = note(`<b>${letter}</b>`, colour, { ...axes, x: best.x, y: best.y, yanchor: "middle", yshift: best.shift });
    return [seamed(made, seam, 12)];
  });
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
