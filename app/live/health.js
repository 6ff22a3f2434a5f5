// How networks were sampled, and whether the sample can be relied on.

import { halfWidth, number } from "./format.js";

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
