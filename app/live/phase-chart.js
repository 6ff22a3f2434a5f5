// The page element of the phase plane, and the spot above it that shows where the cursor is.

import { toneOf } from "./chip.js";
import { phaseFigure } from "./phase-figure.js";
import { CONFIG, sizeOf } from "./sweep-chart.js";

/**
 * @param {object} Plotly
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 * @param {object} options
 * @param {(index: number) => void} options.onPick a click on a strength
 */
export function createPhase(Plotly, part, { onPick }) {
  const node = part("phase");
  const spot = part("spot");
  let drawn = false;
  let reading = null;

  function draw(snapshot, palette) {
    const { data, layout } = phaseFigure(snapshot, palette, sizeOf(node));
    Plotly.react(node, data, { ...layout, ...sizeOf(node) }, CONFIG);
    if (!drawn) node.on("plotly_click", ({ points }) => onPick(points[0].customdata));
    drawn = true;
    node.setAttribute("aria-label", "Phase plane: absolute loss delta against the share of the effect that is left");
    placeSpot();
  }

  /** Put the spot where the cursor's reading lies; at the edge where that is out of view. */
  function placeSpot() {
    const { loss_delta: cost, retention: kept, state } = reading?.row ?? {};
    spot.hidden = !drawn || cost == null || kept == null;
    if (spot.hidden) return;
    const { xaxis, yaxis } = node._fullLayout;
    const x = xaxis._offset + clamp(xaxis.d2p(Math.abs(cost)), xaxis._length);
    const y = yaxis._offset + clamp(yaxis.d2p(kept), yaxis._length);
    spot.style.transform = `translate(${x}px, ${y}px)`;
    spot.dataset.tone = toneOf(state);
  }

  return {
    draw,
    moveCursor(_, there) {
      reading = there;
      placeSpot();
    },
    close: () => Plotly.purge(node),
  };
}

function clamp(value, length) {
  return Math.max(0, Math.min(length, value));
}
