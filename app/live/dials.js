// The live component of "Compare dials": one intervention on every dial, at equal degraded loss.

import { frontier, gain, regime } from "./columns.js";
import { dialsFigure } from "./dials-figure.js";
import { number } from "./format.js";
import { openIn } from "./links.js";
import { cleanCurves, severalCurves } from "./several.js";
import { CONFIG } from "./sweep-chart.js";

export default severalCurves({
  plots: ["panels"],
  createCharts,
  answer,
  columns: [
    frontier,
    gain,
    regime,
    { title: "note", text: ({ note }) => note },
  ],
});

/** The sentence on top. */
export function answer(snapshot) {
  const { curves, status, text, ranking } = snapshot;
  const judged = curves.filter(({ state }) => state === "done");
  const clean = cleanCurves(snapshot);
  const soFar = status === "done" ? "" : " measured so far";
  const beyond = curves.filter(({ state }) => state === "out of reach").length;
  const first = curves[ranking[0]];
  const nearest =
    first?.frontier == null
      ? ""
      : `It comes nearest to being clean on ${first.name}, where a margin of ${number(first.frontier, 3)} nats would do ` +
        `(at ${first.frontier_label}; the margin is ${number(snapshot.reference.margin, 3)}). What comes first was selected, not tested.`;
  const unreached = beyond ? ` ${beyond} of the dials ${beyond === 1 ? "reaches" : "reach"} none of the losses.` : "";
  return {
    name: status === "done" ? `${clean.length} of ${judged.length} clean` : "measuring",
    tone: status !== "done" ? "pending" : clean.length ? "clean" : "unresolved",
    headline: clean.length
      ? `${text.intervention} has a clean regime on ${clean.length} of ${judged.length} dials${soFar}: ${clean.map(({ name }) => name).join(", ")}.`
      : `${text.intervention} is shown to be clean on none of ${judged.length} dials${soFar}.`,
    detail: nearest + unreached,
  };
}

function createCharts(Plotly, part, { signal }) {
  const node = part("panels");
  let snapshot = null;
  let begun = false;

  function draw(shown, palette, isShown) {
    snapshot = shown;
    const curves = shown.curves.filter(isShown);
    const width = node.clientWidth;
    const { data, layout, height } = dialsFigure(shown, curves, palette, width);
    node.style.height = `${height}px`;
    Plotly.react(node, data, { ...layout, width, height }, CONFIG);
    if (!begun) node.on("plotly_click", ({ points }) => open(points[0].customdata));
    begun = true;
    node.setAttribute("aria-label", `Small charts, one a dial, of loss delta and effect against degraded loss. ${part("headline").textContent}`);
  }

  function open(index) {
    const row = snapshot.rows[index];
    if (row && !signal.aborted) window.open(openIn(snapshot.curves[row.curve].experiment, row.strength), "_top");
  }

  return { draw, close: () => Plotly.purge(node) };
}
