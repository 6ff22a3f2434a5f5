// What the address says after its "#": where the cursor is to be (`s`, a strength) and which axis is wanted (`x`).

function read() {
  return new URLSearchParams(window.location.hash.slice(1));
}

/** The strength that the address asks for, or null. */
export function askedStrength() {
  const text = read().get("s");
  const strength = Number(text);
  return text && Number.isFinite(strength) ? strength : null;
}

/** The axis that the address asks for: "loss" or "strength". */
export function askedAxis() {
  return read().get("x") === "loss" ? "loss" : "strength";
}

/**
 * The end of an address, from its "#" on.
 * @param {number|undefined} strength where the cursor is to be
 * @param {string} axis "loss" or "strength"
 */
export function fragmentOf(strength, axis) {
  const fragment = new URLSearchParams();
  if (strength !== undefined) fragment.set("s", String(strength));
  if (axis === "loss") fragment.set("x", axis);
  return fragment.size ? `#${fragment}` : "";
}

/** Write the axis into the address, so that a reload keeps it. */
export function writeAxis(mode) {
  const fragment = read();
  if (mode === "loss") fragment.set("x", mode);
  else fragment.delete("x");
  const text = String(fragment);
  const { pathname, search } = window.location;
  window.history.replaceState(window.history.state, "", `${pathname}${search}${text && `#${text}`}`);
}
