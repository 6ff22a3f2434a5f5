// The three aligned charts as plain Plotly data and layout, made from a snapshot. Nothing here touches the page.

import { NARROW, abscissa } from "./abscissa.js";
import { SYMBOLS, axis, band, frames, hoverText, layout, note, plain, ticks } from "./figure-parts.js";
import { number, percent, signed } from "./format.js";
import * as ranges from "./ranges.js";
import { clearNote } from "./notes.js";
import { bandLines, shamLines } from "./sham-lines.js";
import { measured } from "./snapshot.js";
import { faded } from "./theme.js";

/** Room above and below the charts, in pixels. */
const TOP = 20;
const BOTTOM = 40;

/**
 * Loss delta, effect retained and degraded loss over one axis of strengths; or over one of degraded loss, where the third
 * chart has the strength.
 * @param {object|null} snapshot
 * @param {object} palette from theme.js
 * @param {{width: number, height: number, span: [number, number]|null, mode: string}} view size in pixels; the part of
 *   the axis that is in view, null for all of it; which axis (abscissa.js)
 * @returns {{data: object[], layout: object}}
 */
export function sweepFigure(snapshot, palette, { width, height, span, mode }) {
  const margin = { l: width < NARROW ? 50 : 62, r: 8, t: TOP, b: BOTTOM, pad: 0 };
  const rows = snapshot ? measured(snapshot) : [];
  const across = abscissa(snapshot, mode);
  const third = mode === "loss" ? strengthPanel(snapshot) : degradedLoss;
  const panels = [lossDelta, retention, third].map((make) => make(snapshot?.reference ?? {}, rows, palette));
  const names = snapshot?.text?.shams ?? [];
  const [from, to] = span ?? across.whole;
  const ends = { xref: "x", x0: across.whole[0], x1: across.whole[1] };
  const regime = regimeMarks(snapshot?.verdict.regime, across, palette);
  const axes = Object.fromEntries(panels.map((panel) => [panel.id.replace("y", "yaxis"), valueAxis(panel, palette)]));
  const inside = [width - margin.l - margin.r, height - TOP - BOTTOM];
  return {
    data: panels.flatMap((panel) => [
      ...beside(panel, snapshot, rows, names, across, palette),
      ...traces(panel, rows, across, palette),
    ]),
    layout: layout(palette, {
      margin,
      uirevision: `${snapshot?.key ?? ""} ${across.mode}`,
      hoverdistance: 30,
      // On a touch screen a drag scrolls the page; a tap still moves the cursor.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      xaxis: { ...across.axis(palette, inside[0], [from, to]), anchor: "y3" },
      ...axes,
      // Not "paper": Plotly draws a shape between grid and curves only where both its axes are a panel's own.
      shapes: [...panels.flatMap((panel) => panel.shapes.map((shape) => ({ ...ends, ...shape }))), ...regime.shapes],
      annotations: [
        ...panels.map((panel) => panelTitle(panel, margin.l)),
        ...panels.flatMap((panel) => panelNote(panel, rows, across, palette, [from, to], inside)),
        ...regime.annotations,
      ],
    }),
  };
}

/** The top chart: what the intervention costs, and the margin within which that counts as nothing. */
function lossDelta(reference, rows, palette) {
  const { margin } = reference;
  const colour = palette.lossDelta;
  const field = "loss_delta";
  const anchors = margin == null ? [0, 0.1] : [-margin, margin, reference.loss_delta ?? 0];
  const range = panelRange(rows, field, anchors, ranges.lossDeltaLimits(column(rows, field), reference));
  const sham = ({ loss_delta: cost }) => cost;
  const panel = { id: "y", field, colour, format: signed, title: "loss delta (nats)", domain: [0.68, 1], range, sham };
  const zero = line("y", 0, palette.axis, "solid");
  if (margin == null) return { ...panel, shapes: [zero] };
  const equivalent = { type: "rect", yref: "y", y0: -margin, y1: margin, layer: "below" };
  return {
    ...panel,
    shapes: [{ ...equivalent, fillcolor: faded(colour, 0.09), line: { width: 0 } }, zero],
    note: [`margin ±${number(margin, 3)}`, ...shamNote(rows, sham, range)].join(" · "),
    noteAt: [{ y: -margin, yanchor: "bottom" }, { y: margin, yanchor: "top" }],
  };
}

/** The middle chart: how much of the effect is left, and how much is asked. */
function retention(reference, rows, palette) {
  const least = reference.retention_min;
  const colour = palette.effect;
  const range = panelRange(rows, "retention", [0, 1], ranges.RETENTION_LIMITS);
  const known = least != null;
  return {
    id: "y2",
    field: "retention",
    colour,
    format: percent,
    title: "effect retained",
    domain: [0.35, 0.63],
    tickformat: ".0%",
    range,
    shapes: known ? [line("y2", least, colour, "dash")] : [],
    // of the intervention's own effect undegraded, so that the two can be compared
    sham: ({ effect }) => (effect == null || !reference.effect ? null : effect / reference.effect),
    ...(known && { note: `${percent(least)} of the effect`, noteAt: eitherSide(least) }),
  };
}

/** The bottom chart: how bad the degraded network is, and how bad a network can be that knows nothing. */
function degradedLoss(reference, rows, palette) {
  const { chance, degraded_loss: original } = reference;
  const field = "degraded_loss";
  const losses = column(rows, field);
  const anchors = [chance, original].filter((value) => value != null);
  const empty = !losses.length && !anchors.length;
  const range = empty ? [0, 1] : panelRange(rows, field, anchors, ranges.degradedLossLimits(losses, reference));
  const known = chance != null;
  return {
    id: "y3",
    field,
    colour: palette.degradedLoss,
    format: number,
    title: "degraded loss",
    domain: [0, 0.3],
    range,
    shapes: known ? [line("y3", chance, palette.muted, "dash")] : [],
    ...(known && { note: "chance", noteAt: eitherSide(chance) }),
  };
}

/** The bottom chart where the degraded loss goes across: which strength has it. A point says its loss. */
function strengthPanel(snapshot) {
  return (_, rows, palette) => {
    const last = (snapshot?.rows.length ?? 1) - 1;
    const edge = 0.5 + 0.04 * last; // the outermost points are whole
    return {
      id: "y3",
      field: "index",
      colour: palette.degradedLoss,
      said: { field: "degraded_loss", format: number },
      title: plain(snapshot?.axis.name ?? "strength"),
      domain: [0, 0.3],
      range: [-edge, last + edge],
      ticks: ticks(snapshot?.axis.ticks ?? [], 8),
      shapes: [],
    };
  };
}

/** What a panel's reference line says, at one of its ends. */
function panelNote({ id, field, domain, range: [low, high], note: text, noteAt }, rows, across, palette, [from, to], inside) {
  if (!text) return [];
  const ends = [{ x: to, xanchor: "right" }, { x: from, xanchor: "left" }];
  const places = ends.flatMap((end) => noteAt.map((at) => ({ ...at, ...end, xref: "x", yref: id })));
  const points = rows.filter((row) => row[field] != null).map((row) => [across.at(row), row[field]]);
  const pixels = (x, y) => [
    ((x - from) / (to - from)) * inside[0],
    ((y - low) / (high - low)) * (domain[1] - domain[0]) * inside[1],
  ];
  return [clearNote(text, palette.muted, { places, seam: palette.surface }, points, pixels)];
}

/** Above a line, or below it. */
function eitherSide(y) {
  return [{ y, yanchor: "bottom" }, { y, yanchor: "top" }];
}

/** What lies behind a panel's curve: its shams, and the band of the whole curve. */
function beside({ id, field, sham, format }, snapshot, rows, names, { at }, palette) {
  const shams = sham ? shamLines(rows, at, sham, { names, colour: palette.muted, format }) : [];
  const band = field === "loss_delta" ? bandLines(snapshot?.band, rows, at, palette.lossDelta) : [];
  return [...shams, ...band].map((trace) => ({ ...trace, xaxis: "x", yaxis: id }));
}

/** What a panel's note adds where lines of shams are cut at the edge, for they have no arrows there. */
function shamNote(rows, value, range) {
  const values = rows.flatMap((row) => row.shams ?? []).map(value);
  const beyond = values.some((each) => each != null && ranges.isBeyond(each, range));
  return beyond ? ["some shams beyond the edge"] : [];
}

/** A panel's interval band, its curve, frames, and arrows at the edge for the points that lie beyond it. */
function traces({ id, field, colour, range, format, said = { field, format } }, rows, across, palette) {
  const shown = rows.filter((row) => row[field] != null);
  const beyond = shown.filter((row) => across.isBeyond(row) || ranges.isBeyond(row[field], range));
  const common = { type: "scatter", xaxis: "x", yaxis: id };
  const points = (some, x, y) => ({
    ...common,
    x: some.map(x),
    y: some.map(y),
    text: some.map((row) => hoverText(row, said.field, said.format)),
    hovertemplate: "%{text}<extra></extra>",
    hoverlabel: { bordercolor: colour },
  });
  const area = { mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: faded(colour, 0.17), hoverinfo: "skip" };
  const inside = (row) => ranges.clipped(row[field], range);
  const arrow = (row) => (ranges.isBeyond(row[field], range) ? ranges.edgeSymbol(row[field], range) : "arrow-right");
  return [
    { ...common, ...area, ...band(rows, field, across.at, across.half) },
    {
      ...points(shown, across.at, (row) => row[field]),
      mode: "lines+markers",
      line: { color: colour, width: 2 },
      marker: { color: colour, symbol: shown.map((row) => SYMBOLS[row.state]), size: 7.5 },
    },
    { ...common, ...frames(shown, across.shown, inside, palette) },
    {
      ...points(beyond, across.shown, inside),
      mode: "markers",
      marker: { color: palette.surface, symbol: beyond.map(arrow), size: 11, line: { color: colour, width: 1.5 } },
    },
  ];
}

/** The clean regime, shaded through all three charts. */
function regimeMarks(regime, { span }, palette) {
  if (!regime) return { shapes: [], annotations: [] };
  const [first, last] = span(regime);
  const area = { type: "rect", xref: "x", x0: first, x1: last, yref: "paper", y0: 0, y1: 1, layer: "below" };
  const place = { x: (first + last) / 2, xref: "x", y: 1, yref: "paper", yanchor: "bottom" };
  return {
    shapes: [{ ...area, fillcolor: faded(palette.clean, 0.13), line: { width: 0 } }],
    annotations: [note("clean regime", palette.clean, place)],
  };
}

function valueAxis({ domain, range, tickformat, ticks: own }, palette) {
  return axis(palette, { domain, range, tickformat, fixedrange: true, nticks: 5, ...own });
}

/** The name of a panel beside its axis; notes rather than axis titles, so that the three stand in one line. */
function panelTitle({ title: text, colour, domain }, left) {
  const y = (domain[0] + domain[1]) / 2;
  const place = { x: 0, xref: "paper", xanchor: "center", xshift: 10 - left, y, yref: "paper", yanchor: "middle" };
  return { ...note(text, colour, place), textangle: -90, font: { size: 12, color: colour } };
}

function panelRange(rows, field, anchors, limits) {
  const bounds = [...column(rows, `${field}_low`), ...column(rows, `${field}_high`)];
  return ranges.robustRange(column(rows, field), { bounds, anchors, limits });
}

function column(rows, field) {
  return rows.map((row) => row[field]).filter((value) => value != null);
}

function line(yref, y, color, dash) {
  return { type: "line", yref, y0: y, y1: y, line: { color, width: 1, dash }, layer: "between" };
}
