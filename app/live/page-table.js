// Rows of a snapshot as a table on a page.

import { make } from "./elements.js";

const DIGITS = 5;
const INTERNAL = new Set(["index", "place", "tick", "experiment"]); // where a row stands, not what was measured

/**
 * A table with a line for each row and a column for each of their fields; what is nested in a row is spread out, lists
 * are left out.
 * @param {object[]} rows
 */
export function tableOf(rows) {
  const lines = rows.map((row) => Object.fromEntries(cells(row)));
  const names = [...new Set(lines.flatMap(Object.keys))];
  const table = make("table", "");
  const head = table.createTHead().insertRow();
  for (const name of names) {
    const cell = make("th", "", name.replaceAll("_", " "));
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const line of lines) {
    const row = body.insertRow();
    for (const name of names) row.append(make("td", "", text(line[name])));
  }
  const around = make("div", "scroll");
  around.append(table);
  return around;
}

function cells(row) {
  return Object.entries(row).flatMap(([name, value]) => {
    if (INTERNAL.has(name) || Array.isArray(value)) return [];
    return value !== null && typeof value === "object" ? cells(value) : [[name, value]];
  });
}

function text(value) {
  if (value == null) return "";
  return typeof value === "number" ? String(Number(value.toPrecision(DIGITS))) : String(value);
}
