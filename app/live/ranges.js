// Axis ranges that one wild value cannot flatten. Axes are clipped, never data: a curve leaves through the edge.

const FAR = 12; // median absolute deviations; about 8 standard deviations of a normal distribution

/** Shares of the effect beyond which a point is clipped. */
export const RETENTION_LIMITS = [-0.5, 1.75];

/** A loss delta is clipped far from all others, and beyond one and a half times what the network knows. */
export function lossDeltaLimits(deltas, reference) {
  const [low, high] = fences(deltas, 3 * (reference.margin ?? 0));
  const known = 1.5 * knowledge(reference);
  return [Math.max(low, -known), Math.min(high, known)];
}

/** A degraded loss is clipped somewhat above chance: further up a network is just broken. */
export function degradedLossLimits(losses, reference) {
  const known = knowledge(reference);
  return [-Infinity, known < Infinity ? reference.chance + 0.25 * known : fences(losses, 1)[1]];
}

/**
 * The range of an axis.
 * @param {number[]} points values of the curve
 * @param {object} options
 * @param {number[]} options.anchors values that are always in view, such as a reference line
 * @param {number[]} [options.bounds] ends of intervals, in view as long as they widen the range by less than 40 %
 * @param {[number, number]} [options.limits] beyond these, points are clipped
 * @returns {[number, number]}
 */
export function robustRange(points, { anchors, bounds = [], limits = [-Infinity, Infinity] }) {
  const known = [...points.filter((value) => !isBeyond(value, limits)), ...anchors];
  const low = Math.min(...known);
  const high = Math.max(...known);
  const slack = 0.4 * (high - low);
  const near = bounds.filter((value) => !isBeyond(value, [low - slack, high + slack]));
  const bottom = Math.min(low, ...near);
  const top = Math.max(high, ...near);
  const pad = 0.07 * (top - bottom) || 0.1;
  return [bottom - pad, top + pad];
}

/** Whether a value lies outside a range. */
export function isBeyond(value, [low, high]) {
  return value < low || value > high;
}

/** The value, or a place just inside the edge beyond which it lies. */
export function clipped(value, [low, high]) {
  const inset = 0.04 * (high - low);
  if (value > high) return high - inset;
  return value < low ? low + inset : value;
}

/** Plotly's symbol for a point that lies beyond the top or the bottom of a range. */
export function edgeSymbol(value, [, high]) {
  return value > high ? "arrow-up" : "arrow-down";
}

/** Nats between chance and the undegraded network; infinite where that says nothing. */
function knowledge({ chance, degraded_loss: loss }) {
  return chance != null && loss != null && chance > loss ? chance - loss : Infinity;
}

/** Limits beyond which a value is far from the median; never closer than `least`, so that equal values clip nothing. */
function fences(values, least) {
  if (values.length < 3) return [-Infinity, Infinity];
  const centre = median(values);
  const reach = Math.max(least, FAR * median(values.map((value) => Math.abs(value - centre))));
  return [centre - reach, centre + reach];
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
