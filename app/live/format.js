// Numbers as people read them. Everything takes null (undefined or not measured) and answers "–".

const NONE = "–";
const SPACE = "\u00a0"; // no line breaks at it

/**
 * A number with about the same count of digits whatever its size: 2.81, 28.1, 281.
 * @param {number|null} x
 * @param {number} decimals digits after the point for |x| < 10
 */
export function number(x, decimals = 2) {
  if (x == null) return NONE;
  const size = Math.abs(x);
  if (size >= 1e5) return x.toExponential(1).replace("e+", "e").replace("-", "−");
  const digits = size < 10 ? decimals : Math.max(0, decimals - Math.floor(Math.log10(size)));
  const text = size.toFixed(digits);
  return x < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** Like `number`, with a sign even where it is positive; a zero has none. */
export function signed(x, decimals = 3) {
  const text = number(x, decimals);
  return x > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** A share as a percentage: 0.61 → "61 %". */
export function percent(x) {
  return x == null ? NONE : `${number(100 * x, 0)}${SPACE}%`;
}

/** A ratio, told apart from zero where it is small: 3.8, 0.08. */
export function ratio(x) {
  return number(x, x < 1 ? 2 : 1);
}

/** A ratio as a factor: 3.8 → "× 3.8". */
export function times(x) {
  return x == null ? NONE : `×${SPACE}${ratio(x)}`;
}

/** Half the width of an interval, or null where it has an open or unknown end. */
export function halfWidth(low, high) {
  return low == null || high == null ? null : (high - low) / 2;
}

/** An interval for a hover label; `format` writes one end. */
export function interval(low, high, format) {
  return low == null || high == null ? "no interval" : `${format(low)} to ${format(high)}`;
}

/** Seconds of work: "1.9 s", "42 s", "3 min 20 s". */
export function duration(seconds) {
  if (seconds == null) return NONE;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Seconds that are guessed: "8 s", "25 s", "3 min", "1.5 h". */
export function roughly(seconds) {
  if (seconds < 10) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90) return `${5 * Math.round(seconds / 5)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
