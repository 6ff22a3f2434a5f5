// How networks were sampled, and whether the sample can be relied on.

import { draw } from "./elements.js";
import { halfWidth, number } from "./format.js";

const WIDTH = 132; // px of the trace
const HEIGHT = 22;

/** A word for why the sample of a row must not be relied on; empty where nothing is wrong or nothing was sampled. */
export function flagOf(row) {
  const { flag, diverged, chains } = row?.health ?? {};
  if (!flag) return "";
  if (diverged) return "diverged";
  if (flag.startsWith("Hotter")) return "too hot";
  return chains === 1 ? "one chain" : "not mixed";
}

/** The readouts at the cursor. */
export function healthText(reading) {
  if (!reading?.exact) return "Sampling: known at measured strengths";
  const { health } = reading.row;
  if (!health) return "The network itself: nothing is sampled here";
  const { acceptance, heat, r_hat, effective_samples, learning_coefficient } = health;
  const half = halfWidth(health.learning_coefficient_low, health.learning_coefficient_high);
  return [
    `acceptance ${number(acceptance)}`,
    `heat of batches ${heat == null ? "–" : `${number(100 * heat, 0)} %`}`,
    `R̂ ${number(r_hat)}`,
    `${number(effective_samples, 0)} effective samples`,
    `λ̂ ${number(learning_coefficient)} ± ${half == null ? "?" : number(half)}`,
  ]
    .map((each) => each.replaceAll(" ", "\u00a0"))
    .join(" · ");
}

/**
 * The chains' losses along their steps as a small drawing, a thin line each; null where nothing was sampled.
 * @param {number[][]|null} trace nats above the original network, chain by chain
 */
export function traceDrawing(trace) {
  const known = (trace ?? []).flat().filter((loss) => loss != null);
  if (!known.length) return null;
  const [low, high] = [Math.min(0, ...known), Math.max(...known)];
  const up = (loss) => HEIGHT - 2 - ((HEIGHT - 4) * (loss - low)) / (high - low || 1);
  const lines = trace.map((losses) => {
    const across = (step) => 1 + ((WIDTH - 2) * step) / Math.max(1, losses.length - 1);
    const points = losses.flatMap((loss, step) => (loss == null ? [] : [`${across(step)},${up(loss)}`]));
    return draw("polyline", { points: points.join(" "), class: "rs-chain" });
  });
  const zero = draw("line", { x1: 0, x2: WIDTH, y1: up(0), y2: up(0), class: "rs-base" });
  const label =
    `Trace: loss above the original network along the steps of ${trace.length} ${trace.length === 1 ? "chain" : "chains"}, ` +
    `${number(Math.min(...known))} to ${number(high)} nats`;
  const drawing = draw("svg", { width: WIDTH, height: HEIGHT, role: "img", "aria-label": label }, zero, ...lines);
  drawing.append(draw("title", {}, document.createTextNode(label)));
  return drawing;
}
