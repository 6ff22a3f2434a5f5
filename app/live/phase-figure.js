// The phase plane as plain Plotly data and layout, made from a snapshot. Nothing here touches the page.

import { SYMBOLS, axis, frames, hoverText, layout, note, title } from "./figure-parts.js";
import { percent, signed } from "./format.js";
import { clearNote } from "./notes.js";
import { RETENTION_LIMITS, clipped, edgeSymbol, isBeyond, lossDeltaLimits, robustRange } from "./ranges.js";
import { measured } from "./snapshot.js";
import { faded } from "./theme.js";

const MARGIN = { l: 52, r: 8, t: 14, b: 40, pad: 0 };

/**
 * What the intervention costs against what is left of its effect: a path through the strengths.
 * @param {object|null} snapshot
 * @param {object} palette from theme.js
 * @param {{width: number, height: number}} size in pixels
 * @returns {{data: object[], layout: object}}
 */
export function phaseFigure(snapshot, palette, size) {
  const reference = snapshot?.reference ?? {};
  const rows = (snapshot ? measured(snapshot) : []).filter((row) => row.loss_delta != null && row.retention != null);
  const costs = rows.map((row) => Math.abs(row.loss_delta));
  const kept = rows.map((row) => row.retention);
  const limits = lossDeltaLimits(rows.map((row) => row.loss_delta), reference);
  const across = robustRange(costs, {
    anchors: [0, 2 * (reference.margin ?? 0.05)],
    limits: [0, Math.max(-limits[0], limits[1])],
  });
  const up = robustRange(kept, { anchors: [0, 1], limits: RETENTION_LIMITS });
  const cost = (row) => clipped(Math.abs(row.loss_delta), across);
  const left = (row) => clipped(row.retention, up);
  const beyond = rows.filter((_, at) => isBeyond(costs[at], across) || isBeyond(kept[at], up));
  const line = { mode: "lines+markers", line: { color: palette.muted, width: 1.5 } };
  const arrows = beyond.map(({ retention }) => (isBeyond(retention, up) ? edgeSymbol(retention, up) : "arrow-right"));
  const edge = { color: palette.surface, symbol: arrows, size: 11, line: { color: palette.text, width: 1.5 } };
  const pixels = (x, y) => [
    ((x - across[0]) / (across[1] - across[0])) * (size.width - MARGIN.l - MARGIN.r),
    ((y - up[0]) / (up[1] - up[0])) * (size.height - MARGIN.t - MARGIN.b),
  ];
  const path = rows.map((_, at) => [costs[at], kept[at]]);
  const corner = cleanCorner(reference, up[1], palette, path, pixels);
  return {
    data: [
      {
        ...points(rows, costs, kept),
        ...line,
        marker: { color: palette.text, symbol: rows.map((row) => SYMBOLS[row.state]), size: 7 },
      },
      frames(rows, cost, left, palette),
      { ...points(beyond, beyond.map(cost), beyond.map(left)), mode: "markers", marker: edge },
    ],
    layout: layout(palette, {
      margin: MARGIN,
      dragmode: false,
      xaxis: axis(palette, {
        range: across,
        nticks: 6,
        fixedrange: true,
        zeroline: true,
        title: title("|loss delta| (nats)", palette.lossDelta, 8),
      }),
      yaxis: axis(palette, {
        range: up,
        nticks: 6,
        fixedrange: true,
        tickformat: ".0%",
        title: title("effect retained", palette.effect),
      }),
      shapes: corner.shapes,
      annotations: [...corner.annotations, ...startNote(rows[0], across, palette)],
    }),
  };
}

/** Points that tell their strength when they are hovered over or clicked. */
function points(rows, x, y) {
  return {
    type: "scatter",
    x,
    y,
    customdata: rows.map((row) => row.index),
    text: rows.map((row) => `${hoverText(row, "retention", percent)}<br>loss delta ${signed(row.loss_delta)}`),
    hovertemplate: "%{text}<extra></extra>",
  };
}

/** The end of the path where nothing is degraded. */
function startNote(first, across, palette) {
  if (first?.index !== 0) return [];
  const x = Math.abs(first.loss_delta);
  const xanchor = x > 0.7 * across[1] ? "right" : x < 0.3 * across[1] ? "left" : "center"; // the plane ends there
  const place = { x, y: first.retention, xanchor, yanchor: "bottom", yshift: 4 };
  return [note("undegraded", palette.muted, place)];
}

/** The part of the plane where the cost lies within the margin and enough of the effect is left. */
function cleanCorner({ margin, retention_min: least }, top, palette, path, pixels) {
  if (margin == null || least == null) return { shapes: [], annotations: [] };
  const corner = { type: "rect", x0: 0, x1: margin, y0: least, y1: top, layer: "below", line: { width: 0 } };
  const places = [
    { x: 0, xanchor: "left", y: least, yanchor: "bottom" },
    { x: 0, xanchor: "left", y: top, yanchor: "top" },
    { x: 0, xanchor: "left", y: least, yanchor: "top" }, // below it
    { x: margin, xanchor: "left", y: least, yanchor: "bottom" }, // beside it
  ];
  return {
    shapes: [{ ...corner, fillcolor: faded(palette.clean, 0.16) }],
    annotations: [clearNote("clean corner", palette.clean, { places, seam: palette.surface }, path, pixels)],
  };
}
