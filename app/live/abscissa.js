// The axis across the charts: strengths side by side, or each strength at the loss of its degraded network.

import { axis, plain, ticks, title } from "./figure-parts.js";
import { measured } from "./snapshot.js";

/** Below this width, in pixels, titles are those of a telephone. */
export const NARROW = 520;

/**
 * @typedef {object} Abscissa
 * @property {string} mode "strength" or "loss"
 * @property {[number, number]} whole the range when nothing is zoomed
 * @property {(row: object) => number|null} at where a row is
 * @property {number} half of the width of a lonely point's interval
 * @property {(position: number) => number|null} place where a position of the dial is; between strengths on a straight line
 * @property {(x: number) => number} nearest the strength (by index) that is nearest to a place
 * @property {(palette: object, width: number, span: number[]) => object} axis Plotly's axis, `width` px wide inside
 * @property {(regime: [number, number]) => [number, number]} span of neighbouring strengths
 */

/** @returns {Abscissa} */
export function abscissa(snapshot, mode) {
  return mode === "loss" ? byLoss(snapshot) : byStrength(snapshot);
}

function byStrength(snapshot) {
  const last = Math.max(snapshot?.rows.length ?? 1, 1) - 1;
  const whole = [-0.5, last + 0.5];
  return {
    mode: "strength",
    whole,
    at: (row) => row.index,
    half: 0.12,
    place: (position) => position,
    nearest: (x) => Math.max(0, Math.min(last, Math.round(x))),
    span: ([first, end]) => [first - 0.5, end + 0.5],
    axis: (palette, width, span) =>
      axis(palette, {
        ...ticks(snapshot?.axis.ticks ?? [], width / (span[1] - span[0])),
        range: whole,
        title: title(axisTitle(snapshot, width), palette.muted, 8),
      }),
  };
}

function byLoss(snapshot) {
  const rows = (snapshot ? measured(snapshot) : []).filter((row) => row.degraded_loss != null);
  const losses = rows.map((row) => row.degraded_loss);
  const [low, high] = losses.length ? [Math.min(...losses), Math.max(...losses)] : [0, 1];
  const edge = 0.04 * (high - low) || 0.5;
  const whole = [low - edge, high + edge];
  return {
    mode: "loss",
    whole,
    at: (row) => row.degraded_loss,
    half: edge / 6,
    place(position) {
      const left = rows.findLast((row) => row.index <= position);
      const right = rows.find((row) => row.index >= position);
      if (!left || !right) return null;
      const share = left === right ? 0 : (position - left.index) / (right.index - left.index);
      return left.degraded_loss + share * (right.degraded_loss - left.degraded_loss);
    },
    nearest: (x) =>
      rows.reduce((best, row) => (Math.abs(row.degraded_loss - x) < Math.abs(best.degraded_loss - x) ? row : best), rows[0])
        ?.index ?? 0,
    span([first, end]) {
      const within = rows.filter(({ index }) => index >= first && index <= end).map((row) => row.degraded_loss);
      return [Math.min(...within) - edge / 6, Math.max(...within) + edge / 6];
    },
    axis: (palette, width) =>
      axis(palette, {
        nticks: Math.max(3, Math.floor(width / 90)),
        range: whole,
        title: title(width < NARROW ? "degraded loss (nats)" : "degraded loss (nats); the lines go in order of strength", palette.muted, 8),
      }),
  };
}

/** The axis' name and direction, shortened to what fits. */
function axisTitle(snapshot, width) {
  if (!snapshot) return "";
  const text = width < NARROW ? snapshot.axis.title : `${snapshot.axis.title}  (degradation grows to the right)`;
  const room = Math.floor(width / 6.2);
  return plain(text.length > room ? `${text.slice(0, room - 1)}…` : text);
}
