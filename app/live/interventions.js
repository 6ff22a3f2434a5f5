// The live component of "Compare interventions": several interventions on the same degraded networks.

import { frontier, gain, regime } from "./columns.js";
import { number } from "./format.js";
import { interventionsFigure, planeFigure } from "./interventions-figure.js";
import { cleanCurves, severalCurves } from "./several.js";
import { swatchOf } from "./standings.js";
import { CONFIG, sizeOf } from "./sweep-chart.js";

export default severalCurves({
  plots: ["curves", "plane"],
  draw,
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

function draw(Plotly, part, snapshot, curves, palette) {
  for (const [name, make] of [["curves", interventionsFigure], ["plane", planeFigure]]) {
    const node = part(name);
    const { data, layout } = make(snapshot, curves, palette, sizeOf(node));
    Plotly.react(node, data, { ...layout, ...sizeOf(node) }, CONFIG);
  }
  const finding = part("headline").textContent;
  part("curves").setAttribute("aria-label", `Loss delta and effect retained of each intervention. ${finding}`);
  part("plane").setAttribute("aria-label", `Phase plane: absolute loss delta against the share of the effect that is left. ${finding}`);
}
