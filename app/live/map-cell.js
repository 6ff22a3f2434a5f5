// One cell of a map: where it lies, what is known of it, and the place where all of it is told.

import { showChip, toneOf } from "./chip.js";
import { make, write } from "./elements.js";
import { interval, number, percent, signed, times } from "./format.js";
import { openIn } from "./links.js";

const HINT = "Point at a cell, touch it, or move with the arrow keys; a click or Enter opens it in Explore.";

const NUMBERS = [
  { title: "degraded loss", field: "degraded_loss", text: number },
  { title: "loss delta", field: "loss_delta", text: signed },
  { title: "effect", field: "effect", text: signed },
  { title: "effect retained", field: "retention", text: percent },
  { title: "selectivity gain", field: "selectivity_gain", text: times },
];

/** What is measured of a cell, or null. At strength 0 of the inner dial nothing is degraded, whatever the outer one. */
export function rowAt({ rows, axes }, line, place) {
  if (place === 0) return rows.find((row) => row?.place === 0) ?? null;
  return rows[line * axes.inner.ticks.length + place] ?? null;
}

/** Where a cell lies, in words. */
export function whereIs({ axes: { outer, inner }, curves }, line, place) {
  return place === 0 ? "undegraded" : `${outer.name} ${curves[line].name}, ${inner.name} ${inner.ticks[place]}`;
}

/** The address of a cell in Explore. */
export function addressOf({ axes, curves }, line, place) {
  return openIn(curves[line].experiment, axes.inner.strengths[place]);
}

/**
 * The place where everything about a cell is told; it takes the same room whatever it says.
 * @param {(part: string) => HTMLElement} part finds an element of phase-map.html by its data-part
 */
export function createCellReadout(part) {
  const told = NUMBERS.map(({ title, ...rest }) => {
    const [value, spread] = [make("dd", ""), make("dd", "rs-spread")];
    const group = make("div", "");
    group.append(make("dt", "", title), value, spread);
    part("cell-numbers").append(group);
    return { ...rest, value, spread };
  });

  return {
    /**
     * @param {object} snapshot
     * @param {{line: number, place: number}|null} cell the one that is looked at
     */
    show(snapshot, cell) {
      const row = cell && rowAt(snapshot, cell.line, cell.place);
      part("cell-chip").hidden = part("cell-open").hidden = !cell;
      showChip(part("cell-chip"), row ? row.state : "not measured yet", toneOf(row?.state));
      write(part("cell-where"), cell ? whereIs(snapshot, cell.line, cell.place) : HINT);
      if (cell) part("cell-open").href = addressOf(snapshot, cell.line, cell.place);
      for (const { field, text, value, spread } of told) {
        write(value, text(row?.[field]));
        const known = row?.[`${field}_low`] != null && row[`${field}_high`] != null;
        write(spread, known ? interval(row[`${field}_low`], row[`${field}_high`], text) : "");
      }
      write(part("cell-reason"), row?.reason ?? "");
    },
  };
}
