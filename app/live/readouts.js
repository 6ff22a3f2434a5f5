// What is said in words and numbers: the verdict, the state at the cursor, the five tiles, the health of samples.

import { showChip, toneOf } from "./chip.js";
import { write } from "./elements.js";
import { halfWidth, number, percent, ratio, signed, times } from "./format.js";
import { flagOf, healthText, traceDrawing } from "./health.js";
import { bannerOf, showBanner } from "./states.js";

/**
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 */
export function createReadouts(part) {
  const tiles = Object.fromEntries(
    [...part("tiles").children].map((tile) => {
      const [value, spread, note] = tile.querySelectorAll("b, i, dd:last-child");
      return [tile.dataset.tile, { tile, value, spread, note }];
    }),
  );

  function showTile(name, { value, spread = "", note, title = "" }) {
    const tile = tiles[name];
    write(tile.value, value);
    write(tile.spread, spread);
    write(tile.note, note);
    tile.tile.title = title;
  }

  return {
    /**
     * The banner: what can be said of the experiment as a whole.
     * @param {object|null} snapshot
     * @param {boolean} gone whether the server does not know the experiment any more
     */
    showVerdict(snapshot, gone) {
      const known = snapshot && snapshot.verdict.tone !== "pending";
      showBanner(part, bannerOf(snapshot, gone, known ? snapshot.verdict : null));
    },

    /**
     * Everything that belongs to the cursor.
     * @param {object|null} snapshot
     * @param {object|null} reading from readingAt
     */
    showReading(snapshot, reading) {
      const { before, mark, after, spoken } = whereIs(snapshot, reading);
      [before, mark, after].forEach((text, at) => write(part("readout").children[at], text));
      part("slider").setAttribute("aria-valuetext", spoken);
      showState(part, reading);
      part("tiles").toggleAttribute("data-between", Boolean(reading && !reading.exact));
      for (const [name, tile] of Object.entries(tileTexts(snapshot, reading))) showTile(name, tile);
      showHealth(part, snapshot, reading);
    },
  };
}

/** Where the cursor is: three pieces for the eye, the middle one stressed, and a sentence for a screen reader. */
function whereIs(snapshot, reading) {
  if (!reading) return { before: "", mark: "", after: "", spoken: "not measured yet" };
  const { name, total } = snapshot.axis;
  const { left, right, exact } = reading;
  const named = left.label !== left.tick; // "undegraded" stands alone
  if (left !== right) {
    const spoken = `between ${left.label} and ${right.label}`;
    if (!named) return { before: "", mark: `${left.label} … ${right.label}`, after: "", spoken };
    return { before: `${name} `, mark: `${left.tick} … ${right.tick}`, after: "", spoken };
  }
  const before = (exact ? "" : "near ") + (named ? `${name} ` : "");
  const after = total && named ? ` of ${total}` : "";
  return { before, mark: left.tick, after, spoken: before + left.tick + after };
}

/** The state at the cursor and why; between strengths nothing was tested, so there is none. */
function showState(part, reading) {
  if (!reading) {
    showChip(part("state-chip"), "not measured yet", "pending");
    write(part("reason"), "");
  } else if (reading.exact) {
    showChip(part("state-chip"), reading.row.state, toneOf(reading.row.state));
    write(part("reason"), reading.row.reason);
  } else {
    const only = reading.left === reading.right;
    showChip(part("state-chip"), only ? "not measured yet" : "≈ between measured strengths", "pending");
    write(part("reason"), only ? `nearest: ${reading.left.label}` : `${reading.left.label} and ${reading.right.label}`);
  }
  part("reason").title = part("reason").textContent;
}

/** How the networks at the cursor were sampled, where networks are; the reason of a state need not be said twice. */
function showHealth(part, snapshot, reading) {
  part("health").hidden = !snapshot?.sampled;
  if (part("health").hidden) return;
  const row = reading?.exact ? reading.row : null;
  const flag = flagOf(row);
  showChip(part("health-chip"), flag, "flagged");
  part("health-chip").hidden = !flag;
  write(part("health-numbers"), healthText(reading));
  showTrace(part("trace"), row?.trace ?? null);
  write(part("health-flag"), row?.health && row.health.flag !== row.reason ? row.health.flag : "");
  part("health").title = row?.health?.flag ?? "";
}

const drawnTraces = new WeakMap(); // element → the trace that it shows

function showTrace(element, trace) {
  if (drawnTraces.get(element) === trace) return;
  drawnTraces.set(element, trace);
  element.replaceChildren(...[traceDrawing(trace)].filter(Boolean));
}

/** Value, spread and note of each tile. */
function tileTexts(snapshot, reading) {
  const row = reading?.row ?? {};
  const reference = snapshot?.reference ?? {};
  const about = (text) => (reading && !reading.exact && text !== "–" ? `≈ ${text}` : text);
  const spread = (field, decimals) => spreadOf(reading, field, decimals, reference.alpha);
  const ends = (field, format) => endsOf(reading, field, format, reference.alpha);
  const { degraded_loss: loss, chance, loss_delta: delta, margin, retention_min: least } = reference;
  const noEffect = reading?.exact && row.retention == null;
  return {
    degraded_loss: {
      value: about(number(row.degraded_loss)),
      note: snapshot ? beside(`${number(loss)} undegraded`, `chance ${number(chance)}`) : "",
      ...spread("degraded_loss", 2),
    },
    loss_delta: {
      value: about(signed(row.loss_delta)),
      note: snapshot ? beside(`${signed(delta)} undegraded`, `margin ±${number(margin, 3)}`) : "",
      ...spread("loss_delta", 3),
    },
    effect: {
      value: about(number(row.effect)),
      note: snapshot ? [snapshot.text.effect, ...levels(row, snapshot.metric)].join(" · ") : "",
      ...spread("effect", 2),
    },
    retention: {
      value: about(percent(row.retention)),
      note: noEffect ? "no effect to retain" : least == null ? "" : `at least ${percent(least)} asked`,
      ...ends("retention", (share) => number(100 * share, 0)),
    },
    selectivity_gain: {
      value: about(times(row.selectivity_gain)),
      note: gainNote(reading),
      ...ends("selectivity_gain", ratio),
    },
  };
}

/**
 * What a selectivity gain means: a claim only where the interval allows one.
 * @param {object|null} reading from readingAt
 */
export function gainNote(reading) {
  const { selectivity_gain: gain, selectivity_gain_low: low, selectivity_gain_high: high } = reading?.row ?? {};
  if (gain == null) return "against undegraded";
  if (reading.exact && reading.row.index === 0) return "as undegraded";
  const told = !reading.exact || (low != null && low > 1) || (high != null && high < 1);
  if (!told) return "not shown to differ from undegraded";
  return gain < 1 ? "less clean than undegraded" : "cleaner than undegraded";
}

/** Two facts in one note, which may break between them only. */
function beside(...facts) {
  return facts.map((fact) => fact.replaceAll(" ", "\u00a0")).join(" · ");
}

/** The behaviour metric of the degraded network, and under the intervention; nothing where it is not known. */
function levels({ behaviour: before, effect }, metric) {
  if (before == null || effect == null) return [];
  return [beside(`${metric === "probability" ? "P" : "loss"} ${number(before)} → ${number(before + effect)}`)];
}

/** "± …" of a measured row; a question mark where one measurement tells no spread. */
function spreadOf(reading, field, decimals, alpha) {
  const { row, exact } = reading ?? {};
  if (!exact || row[field] == null) return {};
  const half = halfWidth(row[`${field}_low`], row[`${field}_high`]);
  return half == null ? unknownSpread(row) : { spread: `± ${number(half, decimals)}`, title: basis(row, alpha) };
}

/** The interval of a ratio, which is not symmetric and may have no upper end. */
function endsOf(reading, field, format, alpha) {
  const { row, exact } = reading ?? {};
  if (!exact || row[field] == null) return {};
  const [low, high] = [row[`${field}_low`], row[`${field}_high`]];
  if (low == null) return unknownSpread(row);
  const spread = high == null ? `≥ ${format(low)}` : `${format(low)} to ${format(high)}`;
  return { spread, title: basis(row, alpha) };
}

function unknownSpread(row) {
  const single = "One draw tells no interval: ask for more draws.";
  return { spread: "± ?", title: row.draws === 1 ? single : "There is no finite interval here." };
}

function basis({ items, draws }, alpha) {
  return `${percent(1 - 2 * alpha)} interval from ${items} items and ${draws === 1 ? "one draw" : `${draws} draws`}.`;
}
