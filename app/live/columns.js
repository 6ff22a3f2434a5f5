// Columns that ranked tables have in common.

import { number, times } from "./format.js";

export const frontier = {
  title: "smallest ε (nats)",
  help: "The smallest margin with which some strength would be clean, and where",
  text: ({ frontier: margin, frontier_label: where }) => (margin == null ? "–" : `${number(margin, 3)} at ${where.replaceAll(" ", "\u00a0")}`),
};

export const gain = {
  title: "gain",
  help: "Selectivity gain: how many times cleaner than undegraded, at best",
  number: true,
  text: ({ selectivity_gain: much }) => times(much),
};

export const regime = {
  title: "clean regime",
  help: "Strengths, and the losses of the networks that are degraded so",
  text: ({ regime: where, regime_loss_low: low, regime_loss_high: high }) =>
    where ? `${where} (loss ${[...new Set([number(low), number(high)])].join(" to ")})` : "–",
};
