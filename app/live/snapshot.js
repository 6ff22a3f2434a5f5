// The state of one experiment as the server tells it, and questions that can be asked of it. Nothing here changes a
// snapshot: a message makes a new one.

/**
 * The snapshot after a message from the server.
 * @param {object|null} snapshot what was known before
 * @param {object} message a full "snapshot", or an "update" with the changed fields and rows only
 * @returns {object|null} null while no full snapshot has come
 */
export function merge(snapshot, message) {
  const { type, rows, ...fields } = message;
  if (type === "snapshot") return { ...fields, rows };
  if (type !== "update" || !snapshot) return snapshot;
  if (!rows) return { ...snapshot, ...fields };
  const merged = [...snapshot.rows];
  for (const [index, row] of Object.entries(rows)) merged[Number(index)] = row;
  return { ...snapshot, ...fields, rows: merged };
}

/** The rows that have been measured, in order of strength. */
export function measured(snapshot) {
  return snapshot.rows.filter((row) => row !== null);
}

/** The measured row nearest to a position on the ordinal axis, or null. */
export function nearestMeasured(rows, position) {
  let best = null;
  for (const row of rows) {
    if (row && (!best || Math.abs(row.index - position) < Math.abs(best.index - position))) best = row;
  }
  return best;
}

/**
 * Where the cursor rests until the reader moves it: at the strength of the clean regime whose numbers the banner tells
 * (which results of earlier versions do not name: the middle), else at the undegraded network.
 */
export function restingPosition(snapshot) {
  const { regime, best } = snapshot?.verdict ?? {};
  if (regime && best != null) return best;
  return regime ? Math.floor((regime[0] + regime[1]) / 2) : 0;
}

/** Where on the ordinal axis the strength is that comes nearest to one that is asked for. */
export function positionOf(snapshot, strength) {
  const distances = (snapshot?.strengths ?? [0]).map((each) => Math.abs(each - strength));
  return distances.indexOf(Math.min(...distances));
}

const READINGS = ["strength", "degraded_loss", "loss_delta", "behaviour", "effect", "retention", "selectivity_gain"];

/**
 * What the curves say at a position on the ordinal axis: a measured row, or straight lines between its neighbours.
 * @param {Array<object|null>} rows
 * @param {number} position 0 … rows.length − 1, fractional between strengths
 * @returns {{exact: boolean, row: object, left: object, right: object}|null} `row` has the readings; when not exact it
 *   has neither bounds nor a state, because none were measured there
 */
export function readingAt(rows, position) {
  const left = rows.findLast((row) => row && row.index <= position) ?? null;
  const right = rows.find((row) => row && row.index >= position) ?? null;
  if (!left && !right) return null;
  if (left === right) return { exact: true, row: left, left, right };
  if (!left || !right) {
    // Past the last measured strength: nothing to interpolate with, so nothing is claimed.
    const only = left ?? right;
    return { exact: false, row: Object.fromEntries(READINGS.map((name) => [name, null])), left: only, right: only };
  }
  const share = (position - left.index) / (right.index - left.index);
  const between = (name) =>
    left[name] == null || right[name] == null ? null : left[name] + share * (right[name] - left[name]);
  return { exact: false, row: Object.fromEntries(READINGS.map((name) => [name, between(name)])), left, right };
}
