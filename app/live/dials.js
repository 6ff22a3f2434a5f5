// The live component of "Compare dials": one intervention on every dial, at equal degraded loss.

import { frontier, gain, regime } from "./columns.js";
import { dialsFigure } from "./dials-figure.js";
import { number } from "./format.js";
import { cleanCurves, severalCurves } from "./several.js";
import { CONFIG } from "./sweep-chart.js";

export default severalCurves({
  plots: ["panels"],
  draw,
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

function draw(Plotly, part, snapshot, curves, palette) {
  const node = part("panels");
  const width = node.clientWidth;
  const { data, layout, height } = dialsFigure(snapshot, curves, palette, width);
  node.style.height = `${height}px`;
  Plotly.react(node, data, { ...layout, width, height }, CONFIG);
  node.setAttribute("aria-label", `Small charts, one a dial, of loss delta and effect against degraded loss. ${part("headline").textContent}`);
}
