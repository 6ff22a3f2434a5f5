// Small multiples, one cell a dial, all with the same scales: what the intervention costs, and below it what is left of
// its effect, against degraded loss. Plain Plotly data and layout; nothing here touches the page.

import { SYMBOLS, axis, band, frames, hoverText, layout, note, plain, title } from "./figure-parts.js";
import { percent, signed } from "./format.js";
import { RETENTION_LIMITS, clipped, edgeSymbol, isBeyond, lossDeltaLimits, robustRange } from "./ranges.js";
import { isLeft, rowsOf } from "./several.js";
import { faded } from "./theme.js";

const LEAST = 300; // px of a cell
const CELL = 210; // px, with the room above it
const ROOM = { left: 62, right: 8, top: 8, bottom: 44, between: 26, above: 30 };

/**
 * @param {object} snapshot
 * @param {object[]} curves of the snapshot, those that are shown
 * @param {object} palette from theme.js
 * @param {number} width px
 * @returns {{data: object[], layout: object, height: number}}
 */
export function dialsFigure(snapshot, curves, palette, width) {
  const columns = Math.max(1, Math.min(curves.length, Math.floor(width / LEAST)));
  const lines = Math.max(1, Math.ceil(curves.length / columns));
  const height = ROOM.top + ROOM.bottom + lines * CELL;
  const inside = [width - ROOM.left - ROOM.right, lines * CELL];
  const known = curves.map((curve) => rowsOf(snapshot, curve));
  const scales = scalesOf(snapshot, known.flat());
  const cells = curves.map((curve, at) => {
    const left = (at % columns) * (inside[0] + ROOM.between) / columns;
    const across = [left, left + (inside[0] + ROOM.between) / columns - ROOM.between].map((x) => x / inside[0]);
    const bottom = 1 - (Math.floor(at / columns) + 1) / lines;
    const unit = (CELL - ROOM.above) / inside[1];
    const place = { first: at % columns === 0, last: at + columns >= curves.length };
    return cell(snapshot, curve, known[at], palette, scales, { at, across, bottom, unit, ...place });
  });
  return {
    height,
    data: cells.flatMap((each) => each.data),
    layout: layout(palette, {
      margin: { l: ROOM.left, r: ROOM.right, t: ROOM.top, b: ROOM.bottom, pad: 0 },
      uirevision: snapshot.key,
      dragmode: false,
      ...Object.assign({}, ...cells.map((each) => each.axes)),
      shapes: cells.flatMap((each) => each.shapes),
      annotations: cells.flatMap((each) => each.annotations),
    }),
  };
}

/** The ranges that all cells have in common. */
function scalesOf({ reference, axes }, rows) {
  const { margin, degraded_loss: original } = reference;
  const costs = rows.map((row) => row.loss_delta).filter((cost) => cost != null);
  const bounds = rows.flatMap((row) => [row.loss_delta_low, row.loss_delta_high]).filter((end) => end != null);
  const anchors = margin == null ? [0, 0.1] : [-margin, margin];
  const losses = [...rows.map((row) => row.degraded_loss), ...(axes.losses ?? []), original].filter((x) => x != null);
  return {
    loss: robustRange([], { anchors: losses.length ? losses : [0, 1] }),
    cost: robustRange(costs, { bounds, anchors, limits: lossDeltaLimits(costs, reference) }),
    kept: robustRange(rows.map((row) => row.retention).filter((share) => share != null), { anchors: [0, 1], limits: RETENTION_LIMITS }),
  };
}

function cell(snapshot, curve, rows, palette, scales, { at, across, bottom, unit, first, last }) {
  const id = (axisName, number) => `${axisName}${2 * at + number === 1 ? "" : 2 * at + number}`;
  const name = (axisName, number) => id(axisName, number).replace(axisName, `${axisName}axis`);
  const upper = { x: id("x", 1), y: id("y", 1), range: scales.loss };
  const lower = { x: id("x", 2), y: id("y", 2), range: scales.loss };
  const room = { cost: [bottom + 0.36 * unit, bottom + unit], kept: [bottom, bottom + 0.3 * unit] };
  const { margin, retention_min: least } = snapshot.reference;
  const box = (axes, from, to, fillcolor) => ({
    type: "rect", xref: `${axes.x} domain`, x0: 0, x1: 1, yref: axes.y, y0: from, y1: to, layer: "below", fillcolor, line: { width: 0 },
  });
  const rule = (axes, y, color, dash) => ({
    type: "line", xref: `${axes.x} domain`, x0: 0, x1: 1, yref: axes.y, y0: y, y1: y, layer: "below", line: { color, width: 1, dash },
  });
  const common = { range: scales.loss, fixedrange: true, domain: across, nticks: 5 };
  return {
    data: [
      ...points(rows, "loss_delta", palette.lossDelta, signed, scales.cost, upper, palette),
      ...points(rows, "retention", palette.effect, percent, scales.kept, lower, palette),
    ],
    axes: {
      [name("x", 1)]: axis(palette, { ...common, anchor: upper.y, showticklabels: false }),
      [name("x", 2)]: axis(palette, { ...common, anchor: lower.y, showticklabels: last, title: last ? title("degraded loss (nats)", palette.muted, 8) : undefined }),
      [name("y", 1)]: axis(palette, { range: scales.cost, fixedrange: true, domain: room.cost, anchor: upper.x, nticks: 4, showticklabels: first, title: first ? title("loss delta", palette.lossDelta, 8) : undefined }),
      [name("y", 2)]: axis(palette, { range: scales.kept, fixedrange: true, domain: room.kept, anchor: lower.x, nticks: 3, tickformat: ".0%", showticklabels: first, title: first ? title("effect", palette.effect, 8) : undefined }),
    },
    shapes: [
      ...(margin == null ? [] : [box(upper, -margin, margin, faded(palette.lossDelta, 0.09))]),
      rule(upper, 0, palette.axis, "solid"),
      ...(least == null ? [] : [rule(lower, least, palette.effect, "dash")]),
    ],
    annotations: [
      note(`<b>${plain(curve.name)}</b>  ${plain(standing(curve))}`, palette.text, {
        x: across[0], xref: "paper", xanchor: "left", y: bottom + unit, yref: "paper", yanchor: "bottom", font: { size: 12, color: palette.text },
      }),
      ...(rows.length ? [] : [note(plain(empty(snapshot, curve)), palette.muted, { x: (across[0] + across[1]) / 2, xref: "paper", y: bottom + 0.68 * unit, yref: "paper" })]),
    ],
  };
}

function standing({ state, verdict, confirmed }) {
  if (state !== "done") return "";
  return `${verdict}${confirmed === false ? ", not confirmed" : ""}`;
}

function empty(snapshot, curve) {
  const { state } = curve;
  if (isLeft(snapshot, curve)) return "not measured";
  return { waiting: "waiting", running: "calibrating…", "out of reach": "reaches none of the losses" }[state] ?? "";
}

/** A curve with its interval, the points' shapes as in Explore, and arrows for what lies beyond the scale. */
function points(rows, field, colour, format, range, axes, palette) {
  const shown = rows.filter((row) => row[field] != null);
  const beyond = shown.filter((row) => isBeyond(row[field], range));
  const common = { type: "scatter", xaxis: axes.x, yaxis: axes.y };
  const told = (some, y) => ({
    ...common,
    x: some.map((row) => row.degraded_loss),
    y: some.map(y),
    customdata: some.map((row) => row.index),
    text: some.map((row) => hoverText(row, field, format)),
    hovertemplate: "%{text}<br>click: open in Explore<extra></extra>",
    hoverlabel: { bordercolor: colour },
  });
  const [from, to] = axes.range;
  const half = 0.008 * (to - from);
  const outline = band(shown, field, (row) => row.degraded_loss, half);
  return [
    { ...common, ...outline, mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: faded(colour, 0.17), hoverinfo: "skip" },
    {
      ...told(shown, (row) => row[field]),
      mode: "lines+markers",
      line: { color: colour, width: 1.8 },
      marker: { color: colour, symbol: shown.map((row) => SYMBOLS[row.state]), size: 7 },
    },
    { ...common, ...frames(shown, (row) => row.degraded_loss, (row) => clipped(row[field], range), palette) },
    {
      ...told(beyond, (row) => clipped(row[field], range)),
      mode: "markers",
      marker: { color: palette.surface, symbol: beyond.map((row) => edgeSymbol(row[field], range)), size: 10, line: { color: colour, width: 1.5 } },
    },
  ];
}
