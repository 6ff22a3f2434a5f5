// The charts: fetches Plotly, and decides when to draw. Each figure has one page element for ever.

import { createPhase } from "./phase-chart.js";
import { plotlyFigure } from "./picture.js";
import { createSweep } from "./sweep-chart.js";

/**
 * @param {string} address of the Plotly bundle
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 * @param {object} options
 * @param {(index: number) => void} options.onPick a click on a strength
 * @param {() => number} options.restless milliseconds to wait before drawing, because the reader drags the dial
 * @param {() => void} options.onFailure Plotly could not be loaded
 * @param {AbortSignal} options.signal ends the listeners
 */
export function createCharts(address, part, { onPick, restless, onFailure, signal }) {
  let figures = []; // none until Plotly is there
  let sweep = null;
  let wanted = null; // what to show
  let drawn = []; // what the figures on screen were made from
  let cursor = [0, null];
  let waiting = 0;
  let following = 0;

  const resizing = new ResizeObserver(draw);
  for (const name of ["sweep", "phase"]) resizing.observe(part(name));
  import(address).then(create, onFailure);

  function create() {
    if (signal.aborted) return;
    const { Plotly } = window; // the bundle is a classic script, which leaves its one global here
    sweep = createSweep(Plotly, part, { onPick, signal });
    figures = [sweep, createPhase(Plotly, part, { onPick })];
    moveCursor(...cursor);
    draw();
  }

  /** Bring the figures up to date once the dial rests, unless they are. */
  function draw() {
    clearTimeout(waiting);
    if (!wanted || !figures.length) return;
    if (restless()) {
      waiting = setTimeout(draw, restless());
      return;
    }
    const { snapshot, palette, mode } = wanted;
    const sizes = ["sweep", "phase"].flatMap((name) => [part(name).clientWidth, part(name).clientHeight]);
    const source = [snapshot?.key, snapshot?.rows, snapshot?.verdict, snapshot?.reference, palette, mode, ...sizes];
    if (source.every((item, at) => item === drawn[at])) return;
    drawn = source;
    drawFrom(0);
  }

  /** Draw one figure a frame, so that the dial never waits for both. */
  function drawFrom(at) {
    cancelAnimationFrame(following);
    const { snapshot, palette, mode } = wanted;
    figures[at].draw(snapshot, palette, mode);
    if (at + 1 < figures.length) following = requestAnimationFrame(() => drawFrom(at + 1));
  }

  function moveCursor(position, reading) {
    cursor = [position, reading];
    for (const figure of figures) figure.moveCursor(position, reading);
  }

  return {
    /** Show a snapshot (or null) in the colours of a palette, over an axis (abscissa.js). */
    show(snapshot, palette, mode) {
      wanted = { snapshot, palette, mode };
      draw();
    },
    /** Move the cursor to a position of the axis, where `reading` was read; draws nothing. */
    moveCursor,
    /** Both figures as a picture takes them (picture.js). */
    figures: () => (figures.length ? ["sweep", "phase"].map((name) => plotlyFigure(window.Plotly, part(name))) : []),
    close() {
      clearTimeout(waiting);
      cancelAnimationFrame(following);
      resizing.disconnect();
      for (const figure of figures) figure.close();
    },
  };
}
