// The live component of "Compare interventions": several interventions on the same degraded networks.

import { frontier, gain, regime } from "./columns.js";
import { number } from "./format.js";
import { interventionsFigure, planeFigure } from "./interventions-figure.js";
import { openIn } from "./links.js";
import { cleanCurves, severalCurves } from "./several.js";
import { swatchOf } from "./standings.js";
import { CONFIG, sizeOf } from "./sweep-chart.js";

export default severalCurves({
  plots: ["curves", "plane"],
  createCharts,
  answer,
  swatch: swatchOf,
  columns: [
    { title: "standing", help: "What was verified of it on the trained network", text: ({ standing }) => standing ?? "–" },
    { title: "coefficient", number: true, text: ({ coefficient }) => (coefficient == null ? "–" : number(coefficient)) },
    frontier,
    gain,
    regime,
    { title: "note", text: ({ note }) => note },
  ],
});

/** The sentence on top. */
export function answer(snapshot) {
  const { curves, status } = snapshot;
  const soFar = status === "done" ? "" : " measured so far";
  const judged = curves.filter(({ state }) => state === "done");
  const clean = cleanCurves(snapshot);
  const share = (standing) => {
    const all = judged.filter((curve) => curve.standing === standing);
    const found = clean.filter((curve) => curve.standing === standing).length;
    return all.length ? `${found} of ${all.length} ${standing}` : null;
  };
  const shares = ["genuine", "spurious", "sham", "open"].map(share).filter(Boolean);
  const own = judged.find(({ index }) => index === 0);
  return {
    name: status === "done" ? `${clean.length} of ${judged.length} clean` : "measuring",
    tone: status !== "done" ? "pending" : clean.length ? "clean" : "unresolved",
    headline: shares.length
      ? `A clean regime: ${shares.join(", ")} interventions${soFar}.`
      : "No intervention is measured to the end so far.",
    detail: own?.headline ? `The experiment's own: ${own.headline}` : "",
  };
}

function createCharts(Plotly, part, { signal }) {
  const nodes = { curves: part("curves"), plane: part("plane") };
  let snapshot = null;
  let begun = false;

  function draw(shown, palette, isShown) {
    snapshot = shown;
    const curves = shown.curves.filter(isShown);
    for (const [name, make] of [["curves", interventionsFigure], ["plane", planeFigure]]) {
      const { data, layout } = make(shown, curves, palette, sizeOf(nodes[name]));
      Plotly.react(nodes[name], data, { ...layout, ...sizeOf(nodes[name]) }, CONFIG);
      if (!begun) nodes[name].on("plotly_click", ({ points }) => open(points[0].customdata));
    }
    begun = true;
    const finding = part("headline").textContent;
    nodes.curves.setAttribute("aria-label", `Loss delta and effect retained of each intervention. ${finding}`);
    nodes.plane.setAttribute("aria-label", `Phase plane: absolute loss delta against the share of the effect that is left. ${finding}`);
  }

  function open(index) {
    const row = snapshot.rows[index];
    if (row && !signal.aborted) window.open(openIn(snapshot.curves[row.curve].experiment, row.strength), "_top");
  }

  return { draw, close: () => Object.values(nodes).forEach((node) => Plotly.purge(node)) };
}
