// What the colours of a map can show: of each quantity the paint and the text of a cell, and the legend.

import { SHAPES, STATES, toneOf } from "./chip.js";
import { make } from "./elements.js";
import { number, percent, signed } from "./format.js";

const STRONGEST = 45; // per cent of a colour in a cell, so that its text stays readable in both themes
const STRONGEST_NEUTRAL = 35; // the same of the strong neutral
const FAINTEST = 12; // of a loss delta just beyond the margin
const SHARES = { broken: STRONGEST_NEUTRAL, unresolved: 15 }; // of tones; both are grey
const SWATCHES = 9; // of a legend
const MOST_MARGINS = 10; // a loss delta of so many margins has the strongest colour: half of what the network knows
const FEWEST_MARGINS = 4; // and one of so few never

/** By name: `title`, `numeric` if a cell's text is a number, `cell` (paint and text of a measured row), `legend` (elements). */
export const QUANTITIES = {
  state: {
    title: "state",
    cell: ({ state }) => ({ ...toned(toneOf(state)), text: SHAPES[toneOf(state)] ?? "" }),
    legend: () =>
      Object.entries(STATES).map(([state, [tone, shape]]) => painted(make("span", "rs-key", `${shape} ${state}`), toned(tone))),
  },
  loss_delta: scale({
    title: "loss delta",
    field: "loss_delta",
    text: (cost) => signed(cost, 2),
    range: (costs, { margin }) => {
      const most = Math.max(0, ...costs.map(Math.abs));
      const end = margin ? Math.min(MOST_MARGINS * margin, Math.max(FEWEST_MARGINS * margin, most)) : most || 1;
      return { low: -end, high: end, margin: margin ?? 0 };
    },
    paint: (cost, { high, margin }) => {
      const size = Math.abs(cost);
      const beyond = Math.min(1, (size - margin) / (high - margin));
      const colour = cost < 0 ? "--rs-lowered" : "--rs-loss-delta";
      return { colour, share: size <= margin ? 0 : FAINTEST + beyond * (STRONGEST - FAINTEST) };
    },
    ends: ({ high, margin }) => [`−${number(high, 2)}`, `+${number(high, 2)} nats; no colour: within ±${number(margin, 3)}, the margin`],
  }),
  retention: scale({
    title: "effect retained",
    field: "retention",
    text: percent,
    range: () => ({ low: 0, high: 1 }),
    paint: rising("--rs-effect", STRONGEST),
    ends: (_, { retention_min: least }) => [percent(0), `${percent(1)} of the effect; ${percent(least)} must be left`],
  }),
  degraded_loss: scale({
    title: "degraded loss",
    field: "degraded_loss",
    text: (loss) => number(loss),
    range: (losses, { degraded_loss: undegraded, chance }) => ({ low: undegraded ?? 0, high: chance ?? Math.max(1, ...losses) }),
    paint: rising("--rs-degraded-loss", STRONGEST_NEUTRAL),
    ends: ({ low, high }) => [`${number(low)} undegraded`, `${number(high)} nats, chance, or more`],
  }),
};

/** Give an element the colour of a paint. */
export function painted(element, { colour, share, tone = "" }) {
  element.dataset.tone = tone;
  element.style.setProperty("--rs-cell", `color-mix(in srgb, var(${colour}) ${Math.round(share)}%, var(--rs-surface))`);
  return element;
}

/** The paint of a state's tone. */
function toned(tone) {
  return { tone, colour: "--rs-tone", share: SHARES[tone] ?? STRONGEST };
}

/** A paint that is the stronger the more there is. */
function rising(colour, strongest) {
  return (value, { low, high }) => ({ colour, share: strongest * Math.max(0, Math.min(1, (value - low) / (high - low || 1))) });
}

/** A quantity with a number, whose range follows from all rows and the reference. */
function scale({ title, field, text, range, paint, ends }) {
  const rangeOf = ({ rows, reference }) => range(rows.map((row) => row?.[field]).filter((value) => value != null), reference);
  return {
    title,
    numeric: true,
    cell(row, snapshot) {
      const value = row[field];
      return { ...(value == null ? { colour: "--rs-muted", share: 0 } : paint(value, rangeOf(snapshot))), text: text(value) };
    },
    legend(snapshot) {
      const limits = rangeOf(snapshot);
      const [low, high] = ends(limits, snapshot.reference);
      const swatches = Array.from({ length: SWATCHES }, (_, at) => {
        const value = limits.low + (at / (SWATCHES - 1)) * (limits.high - limits.low);
        return painted(make("i", ""), paint(value, limits));
      });
      const strip = make("span", "rs-strip");
      strip.append(...swatches);
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
