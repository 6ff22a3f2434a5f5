// What the two figures have in common: marks, texts and the look of axes.

import { interval } from "./format.js";
import { flagOf } from "./health.js";

const TICK_SIZE = 11;

/** A state is told by shape, so that colour is never the only sign; the chips show the same shapes (chip.js). */
export const SYMBOLS = {
  clean: "circle",
  entangled: "x",
  "effect lost": "triangle-down",
  broken: "square-open",
  unresolved: "circle-open",
};

/** Plotly reads a little HTML in its texts; what the server sends is to be read as it stands. */
export function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** What hovering over a point says: strength, value, interval, state. `format` writes one value of the field. */
export function hoverText(row, field, format) {
  const ends = interval(row[`${field}_low`], row[`${field}_high`], format);
  const state = [row.state, flagOf(row)].filter(Boolean).join(" · ");
  return `<b>${plain(row.label)}</b><br>${format(row[field])}  (${ends})<br>${plain(state)}`;
}

/** Frames around the points of rows whose sample must not be relied on; `x` and `y` say where a row's point is. */
export function frames(rows, x, y, palette) {
  const flagged = rows.filter((row) => flagOf(row));
  const marker = { symbol: "diamond-open", size: 15, color: palette.alert, line: { color: palette.alert, width: 1.5 } };
  return { type: "scatter", mode: "markers", x: flagged.map(x), y: flagged.map(y), marker, hoverinfo: "skip" };
}

/** The interval band as closed outlines, one for each run of neighbours that have an interval. */
export function band(rows, field, at = (row) => row.index, half = 0.12) {
  const ends = (row) => [row[`${field}_low`], row[`${field}_high`]];
  const outline = { x: [], y: [] };
  let run = [];
  const close = () => {
    // A point without neighbours still shows its interval, as a thin box.
    const points = run.length === 1 ? [[run[0], -half], [run[0], half]] : run.map((row) => [row, 0]);
    const there = points.map(([row, shift]) => [at(row) + shift, ends(row)[1]]);
    const back = points.map(([row, shift]) => [at(row) + shift, ends(row)[0]]).reverse();
    for (const [x, y] of [...there, ...back, [null, null]]) {
      outline.x.push(x);
      outline.y.push(y);
    }
    run = [];
  };
  for (const row of rows) {
    if (row[field] != null && ends(row).every((end) => end != null)) run.push(row);
    else if (run.length) close();
  }
  if (run.length) close();
  return outline;
}

/** A short text in the figure; `place` is Plotly's x, y, anchors and references. */
export function note(text, colour, place) {
  return { text, showarrow: false, borderpad: 1, font: { size: 11, color: colour }, ...place };
}

/** Ticks at strengths, given as text by index: as many as have room side by side. The first one, a word for the
 * undegraded network, may be long: only its neighbours make room for it. */
export function ticks(labels, pixelsPerStep) {
  const room = (letters) => (0.62 * TICK_SIZE * letters + 12) / pixelsPerStep;
  const [first = "", ...others] = labels;
  const widest = Math.max(1, ...others.map((label) => label.length));
  const every = Math.max(1, Math.ceil(room(widest)));
  const free = room((first.length + widest) / 2);
  const tickvals = labels.map((_, index) => index).filter((index) => index % every === 0 && (!index || index >= free));
  return { tickmode: "array", tickvals, ticktext: tickvals.map((index) => plain(labels[index])) };
}

/** An axis; every colour is given, because Plotly's own are made for a white page. */
export function axis(palette, options) {
  return {
    showgrid: true,
    gridcolor: palette.grid,
    zeroline: false,
    zerolinecolor: palette.axis,
    showline: true,
    linecolor: palette.axis,
    ticks: "",
    tickfont: { size: TICK_SIZE, color: palette.muted },
    automargin: false,
    ...options,
  };
}

/** The title of an axis. */
export function title(text, colour, standoff = 6) {
  return { text, standoff, font: { size: 12, color: colour } };
}

/** What both figures' layouts share. */
export function layout(palette, options) {
  const font = { family: palette.font, size: 12, color: palette.text };
  return {
    autosize: true,
    showlegend: false,
    hovermode: "closest",
    paper_bgcolor: palette.surface,
    plot_bgcolor: palette.surface,
    font,
    hoverlabel: { bgcolor: palette.surface, bordercolor: palette.axis, font, align: "left" },
    ...options,
  };
}
