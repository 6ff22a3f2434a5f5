// The shams as thin lines beside the intervention's own curve: what they cost, and what they do.

import { plain } from "./figure-parts.js";
import { faded } from "./theme.js";

/**
 * One line for each sham.
 * @param {object[]} rows measured rows; those whose shams are not measured yet leave a gap
 * @param {(row: object) => number} at where a row is across
 * @param {(sham: object) => number|null} value of a sham in a panel
 * @param {{names: string[], colour: string, format: (value: number) => string}} look
 * @returns {object[]} Plotly traces without axes
 */
export function shamLines(rows, at, value, { names, colour, format }) {
  const count = Math.max(0, ...rows.map((row) => row.shams?.length ?? 0));
  return Array.from({ length: count }, (_, number) => {
    const of = (row) => (row.shams?.[number] ? value(row.shams[number]) : null);
    const said = (row) => {
      const { state, beaten, exceeds } = row.shams?.[number] ?? {};
      const effect = beaten ? "smaller effect, shown" : exceeds ? "larger effect, shown" : "effect not shown to be smaller";
      return `<b>sham: ${plain(names[number] ?? "")}</b><br>${plain(row.label)}: ${format(of(row))}<br>${plain(state ?? "")} · ${effect}`;
    };
    return {
      type: "scatter",
      mode: "lines",
      x: rows.map(at),
      y: rows.map(of),
      text: rows.map(said),
      hovertemplate: "%{text}<extra></extra>",
      line: { color: faded(colour, 0.55), width: 1 },
    };
  });
}

/** The band that covers the whole curve at once, as two dotted lines; nothing as long as there is none. */
export function bandLines(band, rows, at, colour) {
  return [0, 1].flatMap((end) =>
    band?.length === rows.length && rows.length
      ? [
          {
            type: "scatter",
            mode: "lines",
            x: rows.map(at),
            y: band.map((ends) => ends[end]),
            hoverinfo: "skip",
            line: { color: faded(colour, 0.6), width: 1, dash: "dot" },
          },
        ]
      : [],
  );
}
