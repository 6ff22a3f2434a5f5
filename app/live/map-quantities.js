// What the colours of a map can show: of each quantity the colour, what a cell says, and the legend.

import { SHAPES, STATES, toneOf } from "./chip.js";
import { make } from "./elements.js";
import { number, percent, signed } from "./format.js";

const STRONGEST = 60; // per cent of a colour in a cell, so that its text stays readable

/** By name: `title`, `cell` (colour variable, share of it, and text of a row), and `legend` (elements). */
export const QUANTITIES = {
  state: {
    title: "state",
    cell: ({ state }) => ({ colour: "--rs-tone", tone: toneOf(state), share: STRONGEST, text: SHAPES[toneOf(state)] ?? "" }),
    legend: () =>
      Object.entries(STATES).map(([state, [tone, shape]]) => {
        const key = make("span", "rs-key", `${shape} ${state}`);
        key.dataset.tone = tone;
        return key;
      }),
  },
  loss_delta: scale({
    title: "loss delta",
    colour: "--rs-loss-delta",
    size: ({ loss_delta: cost }, { most }) => Math.abs(cost) / most,
    most: (rows, { margin }) => Math.max(4 * (margin ?? 0), ...rows.map(({ loss_delta: cost }) => Math.abs(cost))),
    field: "loss_delta",
    text: (cost) => signed(cost, 2),
    ends: (most, { margin }) => ["0", `±${number(most, 2)} nats; the margin is ±${number(margin, 3)}`],
  }),
  retention: scale({
    title: "effect retained",
    colour: "--rs-effect",
    size: ({ retention }) => Math.max(0, Math.min(1, retention)),
    most: () => 1,
    field: "retention",
    text: percent,
    ends: () => ["0 %", "100 % of the effect"],
  }),
  degraded_loss: scale({
    title: "degraded loss",
    colour: "--rs-degraded-loss",
    size: ({ degraded_loss: loss }, { least, most }) => Math.max(0, Math.min(1, (loss - least) / (most - least || 1))),
    most: (_, { chance }) => chance ?? 1,
    field: "degraded_loss",
    text: (loss) => number(loss),
    ends: (most, { degraded_loss: loss }) => [`${number(loss)} undegraded`, `${number(most)} nats, chance`],
  }),
};

/** A quantity whose colour is the stronger the more there is of it. */
function scale({ title, colour, size, most, field, text, ends }) {
  return {
    title,
    cell(row, { rows, reference }) {
      if (row[field] == null) return { colour, share: 0, text: "–" };
      const known = rows.filter((each) => each?.[field] != null);
      const limits = { least: reference.degraded_loss ?? 0, most: most(known, reference) };
      return { colour, share: Math.round(STRONGEST * size(row, limits)), text: text(row[field]) };
    },
    legend({ rows, reference }) {
      const known = rows.filter((row) => row?.[field] != null);
      const [low, high] = ends(most(known, reference), reference);
      const strip = make("span", "rs-strip");
      strip.style.setProperty("--rs-strip", `color-mix(in srgb, var(${colour}) ${STRONGEST}%, var(--rs-surface))`);
      return [make("span", "", low), strip, make("span", "", high)];
    },
  };
}

/**
 * The buttons that choose one of them.
 * @param {HTMLElement} group
 * @param {{onChoice: () => void, signal: AbortSignal}} options
 */
export function createChoice(group, { onChoice, signal }) {
  let chosen = "state";
  for (const [name, { title }] of Object.entries(QUANTITIES)) {
    const input = make("input", "");
    Object.assign(input, { type: "radio", name: "quantity", value: name, checked: name === chosen });
    const label = make("label", "");
    label.append(input, make("span", "", title));
    group.append(label);
  }
  group.addEventListener(
    "change",
    (event) => {
      chosen = event.target.value;
      onChoice();
    },
    { signal },
  );
  return { chosen: () => chosen };
}
