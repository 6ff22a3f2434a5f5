// The two chart nodes: made once, updated in place for ever. The cursor is an element above them, so that moving it
// draws nothing anew. Plotly's axis objects (`_fullLayout.xaxis`) are the only exact map between values and pixels.

import { toneOf } from "./chip.js";
import { phaseFigure } from "./phase-figure.js";
import { sweepFigure, wholeSpan } from "./sweep-figure.js";

const CONFIG = { displayModeBar: false, doubleClick: "reset", showTips: false };
const CLICK = 4; // pixels that a pointer may move in a click

/**
 * The three aligned charts with their cursor.
 * @param {object} Plotly
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 * @param {object} handlers
 * @param {(position: number) => void} handlers.onPick a click at a position of the axis
 * @param {AbortSignal} handlers.signal ends the listeners
 */
export function createSweep(Plotly, part, { onPick, signal }) {
  const node = part("sweep");
  const cursor = part("cursor");
  let shown = null; // snapshot and palette on the page
  let position = 0;

  const xaxis = () => node._fullLayout?.xaxis;

  function zoomed(snapshot) {
    if (!shown || shown.snapshot?.key !== snapshot?.key) return null; // another experiment starts unzoomed
    const range = xaxis().range;
    return wholeSpan(snapshot).some((end, at) => Math.abs(end - range[at]) > 1e-6) ? range : null;
  }

  function draw(snapshot, palette) {
    const span = zoomed(snapshot);
    const { data, layout } = sweepFigure(snapshot, palette, { width: node.clientWidth, span });
    Plotly.react(node, data, { ...layout, ...sizeOf(node) }, CONFIG);
    if (!shown) node.on("plotly_relayout", () => draw(shown.snapshot, shown.palette));
    shown = { snapshot, palette };
    part("reset-zoom").hidden = !zoomed(snapshot);
    node.setAttribute("aria-label", describe(snapshot));
    moveCursor(position);
  }

  function moveCursor(to) {
    position = to;
    if (!shown) return;
    const axis = xaxis();
    const across = axis.d2p(position);
    const { t, h } = node._fullLayout._size;
    cursor.hidden = !shown.snapshot?.rows.some(Boolean) || across < -1 || across > axis._length + 1;
    cursor.style.transform = `translate(${axis._offset + across}px, ${t}px)`;
    cursor.style.height = `${h}px`;
  }

  function pick(x) {
    const axis = xaxis();
    const across = x - axis._offset;
    if (across >= 0 && across <= axis._length) onPick(axis.p2d(across));
  }

  function resetZoom() {
    Plotly.relayout(node, { "xaxis.range": wholeSpan(shown.snapshot) });
  }

  onClick(node, pick, signal);
  part("reset-zoom").addEventListener("click", resetZoom, { signal });

  return {
    draw,
    moveCursor,
    /** Save the charts as a picture. */
    picture: (filename) => Plotly.downloadImage(node, { format: "png", filename, scale: 2, ...sizeOf(node) }),
    close: () => Plotly.purge(node),
  };
}

/**
 * The phase plane with a spot where the cursor is.
 * @param {object} Plotly
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 * @param {object} handlers
 * @param {(position: number) => void} handlers.onPick a click on a strength
 */
export function createPhase(Plotly, part, { onPick }) {
  const node = part("phase");
  const spot = part("spot");
  let drawn = false;

  return {
    draw(snapshot, palette) {
      const { data, layout } = phaseFigure(snapshot, palette);
      Plotly.react(node, data, { ...layout, ...sizeOf(node) }, CONFIG);
      if (!drawn) node.on("plotly_click", ({ points }) => onPick(points[0].customdata));
      drawn = true;
      node.setAttribute("aria-label", "Phase plane: absolute loss delta against the share of the effect that is left");
    },
    /** Move the spot to a reading; it stays at the edge where the reading lies beyond it. */
    moveSpot(reading) {
      const { loss_delta: cost, retention: kept } = reading?.row ?? {};
      spot.hidden = !drawn || cost == null || kept == null;
      if (spot.hidden) return;
      const { xaxis, yaxis } = node._fullLayout;
      const x = xaxis._offset + clamp(xaxis.d2p(Math.abs(cost)), xaxis._length);
      const y = yaxis._offset + clamp(yaxis.d2p(kept), yaxis._length);
      spot.style.transform = `translate(${x}px, ${y}px)`;
      spot.dataset.tone = toneOf(reading.row.state);
    },
    close: () => Plotly.purge(node),
  };
}

/** What the charts say to those who cannot see them. */
function describe(snapshot) {
  if (!snapshot) return "Charts: nothing measured yet";
  const done = snapshot.rows.filter(Boolean).length;
  return (
    `Three charts of loss delta, effect retained and degraded loss against ${snapshot.axis.title}: ` +
    `${done} of ${snapshot.rows.length} strengths measured. ${snapshot.verdict.headline}`
  );
}

/** Hear a click anywhere in a chart, told from a drag; Plotly swallows the browser's own click event. */
function onClick(node, heard, signal) {
  let down = null;
  const press = (event) => (down = event.button === 0 ? event : null);
  const forget = () => (down = null); // a touch that became a scroll
  const release = (event) => {
    if (!down) return;
    const moved = Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY);
    down = null;
    if (moved < CLICK) heard(event.clientX - node.getBoundingClientRect().left);
  };
  node.addEventListener("pointerdown", press, { signal, capture: true });
  window.addEventListener("pointerup", release, { signal, capture: true });
  window.addEventListener("pointercancel", forget, { signal, capture: true });
}

function sizeOf(node) {
  return { width: node.clientWidth, height: node.clientHeight };
}

function clamp(value, length) {
  return Math.max(0, Math.min(length, value));
}
