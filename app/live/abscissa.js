// The axis across the charts: strengths side by side, or each strength at the loss of its degraded network.

import { axis, plain, ticks, title } from "./figure-parts.js";
import { clipped, degradedLossLimits, isBeyond, robustRange } from "./ranges.js";
import { measured } from "./snapshot.js";

/** Below this width, in pixels, titles are those of a telephone. */
export const NARROW = 520;

const NAME = "degraded loss (nats)";

/**
 * @typedef {object} Abscissa
 * @property {string} mode "strength" or "loss"
 * @property {[number, number]} whole the range when nothing is zoomed
 * @property {(row: object) => number|null} at where a row is
 * @property {(row: object) => number} shown the same, or a place just inside the edge beyond which it lies
 * @property {(row: object) => boolean} isBeyond whether it lies beyond the edge
 * @property {number} half of the width of a lonely point's interval
 * @property {(position: number) => number|null} place where a position of the dial is shown; between strengths on a
 *   straight line
 * @property {(x: number) => number} nearest the strength (by index) that is nearest to a place
 * @property {(palette: object, width: number, span: number[]) => object} axis Plotly's axis, `width` px wide inside, with
 *   `span` in view
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
    shown: (row) => row.index,
    isBeyond: () => false,
    half: 0.12,
    place: (position) => position,
    nearest: (x) => Math.max(0, Math.min(last, Math.round(x))),
    span: ([first, end]) => [first - 0.5, end + 0.5],
    axis: (palette, width, span) =>
      axis(palette, {
        ...ticks(snapshot?.axis.ticks ?? [], width / (span[1] - span[0])),
        range: span,
        title: title(axisTitle(snapshot, width), palette.muted, 8),
      }),
  };
}

function byLoss(snapshot) {
  const rows = (snapshot ? measured(snapshot) : []).filter((row) => row.degraded_loss != null);
  const losses = rows.map((row) => row.degraded_loss);
  const limits = degradedLossLimits(losses, snapshot?.reference ?? {});
  const edges = losses.some((loss) => isBeyond(loss, limits)) ? [limits[1]] : []; // room for the arrows
  const whole = losses.length ? robustRange(losses, { anchors: [losses[0], ...edges], limits }) : [0, 1];
  const shown = (row) => clipped(row.degraded_loss, whole);
  const half = (whole[1] - whole[0]) / 160;
  const turns = losses.some((loss, at) => loss < losses[at - 1]);
  return {
    mode: "loss",
    whole,
    at: (row) => row.degraded_loss,
    shown,
    isBeyond: (row) => isBeyond(row.degraded_loss, whole),
    half,
    place(position) {
      const left = rows.findLast((row) => row.index <= position);
      const right = rows.find((row) => row.index >= position);
      if (!left || !right) return null;
      const share = left === right ? 0 : (position - left.index) / (right.index - left.index);
      return shown(left) + share * (shown(right) - shown(left));
    },
    nearest: (x) =>
      rows.reduce((best, row) => (Math.abs(shown(row) - x) < Math.abs(shown(best) - x) ? row : best), rows[0])?.index ?? 0,
    span([first, end]) {
      const within = rows.filter(({ index }) => index >= first && index <= end).map(shown);
      return [Math.min(...within) - half, Math.max(...within) + half];
    },
    axis: (palette, width, span) =>
      axis(palette, {
        nticks: Math.max(3, Math.floor(width / 90)),
        range: span,
        title: title(turns && width >= NARROW ? `${NAME}; lines in order of strength, so they turn back` : NAME, palette.muted, 8),
      }),
  };
}

/** The axis' name and direction, shortened to what fits. */
function axisTitle(snapshot, width) {
  if (!snapshot) return "";
  const room = Math.floor(width / 6.2);
  const whole = `${snapshot.axis.title}  (degradation grows to the right)`;
  const text = width < NARROW || whole.length > room ? snapshot.axis.title : whole;
  return plain(text.length > room ? `${text.slice(0, room - 1)}…` : text);
}
