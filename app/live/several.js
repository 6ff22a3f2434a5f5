// What the pages with several curves have in common: a banner that answers, charts, a ranked table, and the foot.

import { createFoot } from "./foot.js";
import { openIn } from "./links.js";
import { elementPicture } from "./map-picture.js";
import { createFollower, isOver, mounted } from "./mount.js";
import { hintOverflow } from "./overflow.js";
import { plotlyFigure } from "./picture.js";
import { createRanking } from "./ranking.js";
import { PIECES, showShapes } from "./shapes.js";
import { bannerOf, showBanner } from "./states.js";

/**
 * The default export of such a component.
 * @param {object} view
 * @param {string[]} view.plots names of the parts that are charts
 * @param {(Plotly: object, part: Function, snapshot: object, curves: object[], palette: object) => void} view.draw
 *   draws all of them with these of the snapshot's curves; a point's `customdata` is the index of its row
 * @param {(snapshot: object) => {name: string, tone: string, headline: string, detail: string}} view.answer
 * @param {object[]} view.columns of the ranked table, see ranking.js
 * @param {(curve: object, curves: object[]) => Element} [view.swatch] how a curve looks in the charts
 */
export function severalCurves({ plots, draw, answer, columns, swatch }) {
  return mounted((root, address) => {
    const part = (name) => root.querySelector(`[data-part="${name}"]`);
    const ending = new AbortController(); // ends every listener
    const { signal } = ending;
    let Plotly = null; // none until it is there
    let broken = false; // whether it can't be had
    let drawn = []; // what the charts on screen were made from
    let onScreen = null; // the snapshot that they show; none before the first

    const follower = createFollower(root, { render });
    const figures = () => [
      ...plots.map((name) => plotlyFigure(window.Plotly, part(name))),
      elementPicture(part("shapes"), PIECES),
    ];
    const foot = createFoot(part, { onCommand: (type) => follower.tell({ type }), figures, plotly: address, signal });
    const ranking = createRanking(part("ranking"), columns, { onChoice: redraw, swatch });
    hintOverflow(part("ranking").parentElement, signal);
    const resizing = new ResizeObserver(redraw);
    for (const name of plots) resizing.observe(part(name));
    import(address).then(create, () => {
      broken = true;
      follower.renderSoon();
    });

    function create() {
      if (signal.aborted) return;
      ({ Plotly } = window);
      redraw();
    }

    function render({ shown, connection, data }) {
      showBanner(part, banner(shown, connection === "gone", answer));
      part("empty").textContent = broken ? "The charts could not be loaded; reload the page." : "Nothing measured yet.";
      part("empty").hidden = !broken && (shown?.rows.some(Boolean) ?? false);
      showShapes(part("shapes"), shown);
      ranking.show(shown);
      foot.show(shown, connection, data);
      redraw();
    }

    function redraw() {
      const { shown, palette } = follower;
      const known = Boolean(shown?.curves.length);
      for (const name of plots) part(name).style.visibility = known ? "" : "hidden"; // not those of another question
      if (!Plotly || !known) return;
      const sizes = plots.flatMap((name) => [part(name).clientWidth, part(name).clientHeight]);
      const { key, rows, curves, reference, axes } = shown;
      const source = [key, isOver(shown), rows, curves, reference, axes, palette, ranking.hidden(), ...sizes];
      if (source.every((item, at) => item === drawn[at])) return;
      drawn = source;
      draw(Plotly, part, shown, curves.filter((curve) => !ranking.isHidden(curve.index)), palette);
      if (!onScreen) for (const name of plots) part(name).on("plotly_click", ({ points }) => open(points[0].customdata));
      onScreen = shown;
    }

    /** A click on a point opens in Explore what it stands for. */
    function open(index) {
      const row = onScreen.rows[index];
      if (row && !signal.aborted) window.open(openIn(onScreen.curves[row.curve].experiment, row.strength), "_top");
    }

    return {
      update: follower.update,
      isLatest: follower.isLatest,
      close() {
        ending.abort();
        follower.close();
        resizing.disconnect();
        for (const name of plots) Plotly?.purge(part(name));
      },
    };
  });
}

/** Name, tone and words on top. */
export function banner(snapshot, gone, answer) {
  const said = snapshot?.rows.some(Boolean) ? answer(snapshot) : null;
  const stopped = said && snapshot.status === "cancelled" ? { ...said, name: "cancelled" } : said;
  return bannerOf(snapshot, gone, stopped);
}

/** The rows of a curve, in order of place, as far as they are measured. */
export function rowsOf(snapshot, curve) {
  return snapshot.rows.filter((row) => row && row.curve === curve.index && row.degraded_loss != null);
}

/** Whether a curve is measured no further, and will not be by itself: the whole was cancelled, or failed. */
export function isLeft(snapshot, { state }) {
  return isOver(snapshot) && ["waiting", "running"].includes(state);
}

/** The curves of which a clean regime was found, and confirmed where that was tried. */
export function cleanCurves(snapshot) {
  return snapshot.curves.filter((curve) => curve.state === "done" && curve.regime && curve.tone === "clean");
}
