// The page element of the three aligned charts. The cursor is an element above it, so that moving it draws nothing
// anew. Plotly's axis object (`_fullLayout.xaxis`) is the only exact map between positions and pixels, zoomed or not.

import { abscissa } from "./abscissa.js";
import { measured } from "./snapshot.js";
import { sweepFigure } from "./sweep-figure.js";

/** For both figures: no tool bar, and not Plotly's double click, which goes back to the first range ever drawn. */
export const CONFIG = { displayModeBar: false, doubleClick: false, showTips: false };

const CLICK = 4; // pixels that a pointer may move in a click

/**
 * @param {object} Plotly
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 * @param {object} options
 * @param {(index: number) => void} options.onPick a click at, or near, a strength
 * @param {AbortSignal} options.signal ends the listeners
 */
export function createSweep(Plotly, part, { onPick, signal }) {
  const node = part("sweep");
  const cursor = part("cursor");
  let shown = null; // snapshot, palette and axis on the page
  let position = 0;

  /** The part of the axis that is in view, or null for all of it. */
  function zoomed(snapshot, mode) {
    if (!shown || shown.snapshot?.key !== snapshot?.key || shown.across.mode !== mode) return null; // starts unzoomed
    const { range } = node._fullLayout.xaxis;
    return shown.across.whole.some((end, at) => Math.abs(end - range[at]) > 1e-6) ? range : null;
  }

  function draw(snapshot, palette, mode) {
    const span = zoomed(snapshot, mode);
    const { data, layout } = sweepFigure(snapshot, palette, { ...sizeOf(node), span, mode });
    Plotly.react(node, data, { ...layout, ...sizeOf(node) }, CONFIG);
    if (!shown) {
      // zoomed, there is room for other ticks
      node.on("plotly_relayout", () => draw(shown.snapshot, shown.palette, shown.across.mode));
      node.on("plotly_doubleclick", resetZoom);
    }
    shown = { snapshot, palette, across: abscissa(snapshot, mode) };
    part("reset-zoom").hidden = !zoomed(snapshot, mode);
    node.setAttribute("aria-label", describe(snapshot));
    moveCursor(position);
  }

  function moveCursor(to) {
    position = to;
    if (!shown) return;
    const { xaxis, _size: plot } = node._fullLayout;
    const place = shown.across.place(position);
    const across = place === null ? NaN : xaxis.d2p(place);
    cursor.hidden = !shown.snapshot?.rows.some(Boolean) || !(across >= -1 && across <= xaxis._length + 1);
    cursor.style.transform = `translate(${xaxis._offset + across}px, ${plot.t}px)`;
    cursor.style.height = `${plot.h}px`;
  }

  function resetZoom() {
    Plotly.relayout(node, { "xaxis.range": shown.across.whole });
  }

  function pick(x) {
    const { xaxis } = node._fullLayout;
    const across = x - xaxis._offset;
    if (across >= 0 && across <= xaxis._length) onPick(shown.across.nearest(xaxis.p2d(across)));
  }

  onClick(node, pick, signal);
  part("reset-zoom").addEventListener("click", resetZoom, { signal });

  return {
    draw,
    moveCursor,
    close: () => Plotly.purge(node),
  };
}

/** The size that a figure is to have, in pixels. */
export function sizeOf(node) {
  return { width: node.clientWidth, height: node.clientHeight };
}

/** What the charts say to those who cannot see them. */
function describe(snapshot) {
  if (!snapshot) return "Charts: nothing measured yet";
  return (
    `Three charts of loss delta, effect retained and degraded loss against ${snapshot.axis.title}: ` +
    `${measured(snapshot).length} of ${snapshot.rows.length} strengths measured. ${snapshot.verdict.headline}`
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
