// Loss delta and effect of several interventions over one axis of strengths, and their ways through the phase plane, as
// plain Plotly data and layout. Nothing here touches the page.

import { SYMBOLS, axis, hoverText, layout, note, plain, ticks, title } from "./figure-parts.js";
import { number, percent, signed } from "./format.js";
import { letterNotes } from "./notes.js";
import { RETENTION_LIMITS, clipped, edgeSymbol, isBeyond, lossDeltaLimits, robustRange } from "./ranges.js";
import { rowsOf } from "./several.js";
import { letterOf, lookOf } from "./standings.js";
import { faded } from "./theme.js";

const MARGIN = { l: 62, r: 8, t: 8, b: 40, pad: 0 };
const PLANE = { ...MARGIN, l: 52 };
const DOMAINS = { cost: [0.5, 1], kept: [0, 0.42] }; // of the two charts, from the bottom

/**
 * @param {object} snapshot
 * @param {object[]} curves of the snapshot, those that are shown
 * @param {object} palette from theme.js
 * @param {{width: number, height: number}} size px
 */
export function interventionsFigure(snapshot, curves, palette, { width, height }) {
  const { reference, axes } = snapshot;
  const { margin, retention_min: least } = reference;
  const known = curves.map((curve) => rowsOf(snapshot, curve));
  const scales = scalesOf(reference, known.flat());
  const whole = [-0.5, Math.max(axes.strengths?.length ?? 1, 1) - 0.5];
  const across = { xref: "x", x0: whole[0], x1: whole[1], layer: "below" };
  const place = (row) => row.place;
  const looks = curves.map((curve) => lookOf(curve, snapshot.curves));
  const inside = [width - MARGIN.l - MARGIN.r, height - MARGIN.t - MARGIN.b];
  const letters = (field, range, yref, [from, to]) =>
    lettersOf(curves, looks, palette, { x: whole, y: range }, { xref: "x", yref }, [inside[0], (to - from) * inside[1]], (at) =>
      known[at].filter((row) => row[field] != null && !isBeyond(row[field], range)).map((row) => [row.place, row[field]]),
    );
  return {
    data: curves.flatMap((curve, at) => [
      ...lines(curve, looks[at], known[at], place, "loss_delta", signed, scales.cost, "y", palette),
      ...lines(curve, looks[at], known[at], place, "retention", percent, scales.kept, "y2", palette),
    ]),
    layout: layout(palette, {
      margin: MARGIN,
      uirevision: snapshot.key,
      dragmode: false,
      xaxis: axis(palette, {
        ...ticks(axes.ticks ?? [], (width - MARGIN.l - MARGIN.r) / (whole[1] - whole[0])),
        range: whole,
        anchor: "y2",
        fixedrange: true,
        title: title(plain(axes.title ?? ""), palette.muted, 8),
      }),
      yaxis: axis(palette, { range: scales.cost, domain: DOMAINS.cost, fixedrange: true, nticks: 6, title: title("loss delta (nats)", palette.text, 8) }),
      yaxis2: axis(palette, { range: scales.kept, domain: DOMAINS.kept, fixedrange: true, nticks: 5, tickformat: ".0%", title: title("effect retained", palette.text, 8) }),
      shapes: [
        ...(margin == null ? [] : [{ type: "rect", ...across, yref: "y", y0: -margin, y1: margin, fillcolor: faded(palette.clean, 0.12), line: { width: 0 } }]),
        { type: "line", ...across, yref: "y", y0: 0, y1: 0, line: { color: palette.axis, width: 1 } },
        ...(least == null ? [] : [{ type: "line", ...across, yref: "y2", y0: least, y1: least, line: { color: palette.muted, width: 1, dash: "dash" } }]),
      ],
      annotations: [
        ...(margin == null ? [] : [note(`margin ±${number(margin, 3)}`, palette.muted, { x: whole[1], xanchor: "right", y: -margin, yanchor: "top", yref: "y" })]),
        ...letters("loss_delta", scales.cost, "y", DOMAINS.cost),
        ...letters("retention", scales.kept, "y2", DOMAINS.kept),
      ],
    }),
  };
}

/** The ways through the phase plane; arguments as above. */
export function planeFigure(snapshot, curves, palette, { width, height }) {
  const { margin, retention_min: least } = snapshot.reference;
  const known = curves.map((curve) => rowsOf(snapshot, curve).filter((row) => row.retention != null));
  const rows = known.flat();
  const { kept, far } = scalesOf(snapshot.reference, rows);
  const looks = curves.map((curve) => lookOf(curve, snapshot.curves));
  const inside = [width - PLANE.l - PLANE.r, height - PLANE.t - PLANE.b];
  const points = known.map((some) => some.map((row) => [Math.abs(row.loss_delta), row.retention]));
  const inView = ([x, y]) => !isBeyond(x, far) && !isBeyond(y, kept);
  const corner = [20, 45, 70].map((across) => [across, inside[1] - 8]); // where "clean corner" is written
  const letters = lettersOf(curves, looks, palette, { x: far, y: kept }, { xref: "x", yref: "y", avoid: corner }, inside, (at) =>
    points[at].filter(inView),
  );
  const data = curves.flatMap((curve, at) =>
    lines(curve, looks[at], known[at], (row) => clipped(Math.abs(row.loss_delta), far), "retention", percent, kept, "y", palette, (row) =>
      isBeyond(Math.abs(row.loss_delta), far),
    ),
  );
  const area = { type: "rect", x0: 0, x1: margin, y0: least, y1: kept[1], layer: "below", line: { width: 0 }, fillcolor: faded(palette.clean, 0.16) };
  const clean = margin != null && least != null;
  return {
    data,
    layout: layout(palette, {
      margin: PLANE,
      dragmode: false,
      xaxis: axis(palette, { range: far, fixedrange: true, nticks: 6, zeroline: true, title: title("|loss delta| (nats)", palette.text, 8) }),
      yaxis: axis(palette, { range: kept, fixedrange: true, nticks: 6, tickformat: ".0%", title: title("effect retained", palette.text, 8) }),
      shapes: clean ? [area] : [],
      annotations: [
        ...(clean ? [note("clean corner", palette.clean, { x: 0, xanchor: "left", y: kept[1], yanchor: "top" })] : []),
        ...letters,
      ],
    }),
  };
}

function scalesOf(reference, rows) {
  const costs = rows.map((row) => row.loss_delta).filter((cost) => cost != null);
  const margin = reference.margin ?? 0.05;
  const limits = lossDeltaLimits(costs, reference);
  return {
    cost: robustRange(costs, { anchors: [-margin, margin], limits }),
    far: robustRange(costs.map(Math.abs), { anchors: [0, 2 * margin], limits: [0, Math.max(-limits[0], limits[1])] }),
    kept: robustRange(rows.map((row) => row.retention).filter((share) => share != null), { anchors: [0, 1], limits: RETENTION_LIMITS }),
  };
}

/** The curves' letters; `pointsOf` gives a curve's points, by its place among those that are shown. */
function lettersOf(curves, looks, palette, { x: [left, right], y: [bottom, top] }, axes, inside, pointsOf) {
  const pixels = (x, y) => [((x - left) / (right - left)) * inside[0], ((y - bottom) / (top - bottom)) * inside[1]];
  const named = curves.map((curve, at) => ({ letter: letterOf(curve), colour: palette[looks[at].colour], points: pointsOf(at) }));
  return letterNotes(named, pixels, inside, { ...axes, seam: palette.surface });
}

/** One curve: its line by standing, its points by state, and arrows for what lies beyond the scale. */
function lines(curve, look, rows, x, field, format, range, yaxis, palette, isFar = () => false) {
  const colour = palette[look.colour];
  const shown = rows.filter((row) => row[field] != null);
  const beyond = shown.filter((row) => isBeyond(row[field], range) || isFar(row));
  const arrow = (row) => (isBeyond(row[field], range) ? edgeSymbol(row[field], range) : "arrow-right");
  const told = (some, y) => ({
    type: "scatter",
    xaxis: "x",
    yaxis,
    x: some.map(x),
    y: some.map(y),
    customdata: some.map((row) => row.index),
    text: some.map((row) => `<b>${letterOf(curve)} ${plain(curve.name)}</b> (${plain(curve.standing ?? "")})<br>${hoverText(row, field, format)}<br>loss delta ${signed(row.loss_delta)}`),
    hovertemplate: "%{text}<br>click: open in Explore<extra></extra>",
    hoverlabel: { bordercolor: colour },
  });
  return [
    {
      ...told(shown, (row) => row[field]),
      mode: "lines+markers",
      line: { color: colour, width: look.width, dash: look.dashes.replaceAll(/(\d+)/g, "$1px") || "solid" },
      marker: { color: colour, symbol: shown.map((row) => SYMBOLS[row.state]), size: look.width > 1.5 ? 7 : 5 },
    },
    {
      ...told(beyond, (row) => clipped(row[field], range)),
      mode: "markers",
      marker: { color: palette.surface, symbol: beyond.map(arrow), size: 10, line: { color: colour, width: 1.5 } },
    },
  ];
}
