// What a map says in a sentence: how many cells are clean, and where the largest clean region lies.

import { STATES } from "./chip.js";

/** Name, tone, headline and detail of the banner. */
export function answer(snapshot) {
  const { rows, axes, curves, status, text } = snapshot;
  // at strength 0 of the inner dial nothing is degraded, whatever the outer one
  const degraded = rows.filter((row) => row?.place > 0);
  if (!degraded.length) return { name: "measuring", tone: "pending", headline: "Measuring the first cells…", detail: "" };
  const clean = degraded.filter(({ state }) => state === "clean");
  const soFar = status === "done" ? "" : " so far";
  const region = largestRegion(rows, axes.inner.ticks.length);
  return {
    name: status === "done" ? `${clean.length} of ${degraded.length} clean` : "measuring",
    tone: status !== "done" ? "pending" : clean.length && curves.some(isConfirmed) ? "clean" : "unresolved",
    headline: clean.length
      ? `${text.intervention} is clean in ${clean.length} of ${counted(degraded.length)}${soFar}.`
      : `${text.intervention} is shown to be clean in none of ${counted(degraded.length)}${soFar}.`,
    detail: [atOrigin(rows), ...(clean.length ? [extent(region, snapshot), confirmed(curves)] : [others(degraded)])]
      .filter(Boolean)
      .join(" "),
  };
}

/** The largest set of clean degraded cells that are neighbours, up, down, left or right. */
export function largestRegion(rows, width) {
  const left = new Set(rows.flatMap((row, index) => (row?.state === "clean" && index % width > 0 ? [index] : [])));
  let largest = [];
  for (const start of [...left]) {
    if (!left.delete(start)) continue;
    const region = [start];
    for (const index of region) {
      const near = [index - width, index + width, index - 1, index + 1]; // those of place 0 are not among them
      for (const each of near) if (left.delete(each)) region.push(each);
    }
    if (region.length > largest.length) largest = region;
  }
  return largest.map((index) => rows[index]);
}

function counted(cells) {
  return cells === 1 ? "1 degraded cell" : `${cells} degraded cells`;
}

function atOrigin(rows) {
  return rows.some((row) => row?.place === 0 && row.state === "clean") ? "It is clean undegraded, too." : "";
}

/** Where a region lies. */
function extent(region, { axes: { outer, inner }, curves }) {
  const span = (labels, places) => [...new Set([labels[Math.min(...places)], labels[Math.max(...places)]])].join(" to ");
  const lines = span(curves.map(({ name }) => name), region.map(({ curve }) => curve));
  const columns = span(inner.ticks, region.map(({ place }) => place));
  const many = region.length === 1 ? "is one cell" : `has ${region.length} cells`;
  return `The largest region of neighbours ${many}, at ${outer.name} ${lines} and ${inner.name} ${columns}.`;
}

/** Cells are not tested together; a line has a second look at its clean regime. */
function confirmed(curves) {
  const done = curves.filter(({ state }) => state === "done");
  const chance = "Of so many cells some may look clean by chance";
  if (!done.length) return `${chance}.`;
  const count = done.filter(isConfirmed).length;
  const lines = done.length === 1 ? "1 line" : `${done.length} lines`;
  return `${chance}; the second look at each line, on the other half of the items, confirms a clean regime in ${count || "none"} of ${lines}.`;
}

function isConfirmed({ confirmed: again }) {
  return again === true;
}

/** What the cells are instead. */
function others(degraded) {
  const counts = Object.keys(STATES).map((state) => [state, degraded.filter((row) => row.state === state).length]);
  const told = counts.filter(([, count]) => count).map(([state, count]) => `${count} ${state}`);
  const undecided = degraded.some(({ state }) => state === "unresolved") ? " More draws or items may resolve some." : "";
  return `They are: ${told.join(", ")}.${undecided}`;
}
