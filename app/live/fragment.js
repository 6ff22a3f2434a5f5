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

/** Write the axis into the address, so that the link that is copied has it. */
export function writeAxis(mode) {
  const fragment = read();
  if (mode === "loss") fragment.set("x", mode);
  else fragment.delete("x");
  const text = String(fragment);
  const { pathname, search } = window.location;
  window.history.replaceState(window.history.state, "", `${pathname}${search}${text && `#${text}`}`);
}
