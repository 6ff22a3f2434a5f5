// A ranked table of curves: an ordinary <table>, each row with a link to Explore.

import { showChip } from "./chip.js";
import { make } from "./elements.js";
import { openIn } from "./links.js";
import { isOver } from "./mount.js";

/**
 * A table of the curves of a snapshot; it can also show and hide them.
 * @param {HTMLTableElement} table with a caption; head and body are filled here
 * @param {Array<{title: string, help?: string, text: (curve: object) => string, number?: boolean}>} columns beside the
 *   rank, the curve and its verdict
 * @param {object} options
 * @param {() => void} options.onChoice the reader has shown or hidden a curve
 * @param {(curve: object, curves: object[]) => Element|null} [options.swatch] how the curve looks in the charts
 */
export function createRanking(table, columns, { onChoice, swatch = () => null }) {
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  const hidden = new Set(); // indices of curves
  let drawn = [];
  let key;

  for (const { title, help, number } of [{ title: "" }, { title: "curve" }, { title: "verdict" }, ...columns]) {
    const cell = make("th", number ? "rs-number" : "", title);
    cell.scope = "col";
    if (!title) cell.append(make("span", "rs-unseen", "rank"));
    if (help) cell.title = help;
    head.append(cell);
  }

  function line(curve, curves, rank, over) {
    const row = make("tr", "");
    row.dataset.curve = String(curve.index);
    row.append(make("td", "rs-number", rank === null ? "–" : String(rank)));
    const name = make("th", "");
    name.scope = "row";
    const shown = make("input", "");
    shown.type = "checkbox";
    shown.checked = !hidden.has(curve.index);
    shown.setAttribute("aria-label", `show ${curve.name}`);
    shown.addEventListener("change", () => {
      hidden[shown.checked ? "delete" : "add"](curve.index);
      onChoice();
    });
    const link = make("a", "", curve.name);
    link.href = openIn(curve.experiment);
    link.target = "_top";
    const around = make("div", "rs-curve");
    around.append(...[shown, swatch(curve, curves), link].filter(Boolean));
    name.append(around);
    const verdict = make("td", "");
    const chip = make("span", "rs-chip");
    showChip(chip, verdictOf(curve, over), curve.tone ?? "pending");
    verdict.append(chip);
    row.append(name, verdict, ...columns.map(({ text, number }) => make("td", number ? "rs-number" : "rs-wide", text(curve))));
    return row;
  }

  return {
    /** @param {object|null} snapshot */
    show(snapshot) {
      const curves = snapshot?.curves ?? [];
      const over = isOver(snapshot);
      if (drawn[0] === curves && drawn[1] === over) return;
      if (snapshot?.key !== key) hidden.clear(); // they were other curves
      key = snapshot?.key;
      drawn = [curves, over];
      const ranked = (snapshot?.ranking ?? []).map((index) => curves[index]);
      const rest = curves.filter((curve) => !ranked.includes(curve));
      const focused = document.activeElement?.closest?.("tr")?.dataset.curve;
      const tag = document.activeElement?.tagName;
      const lines = [...ranked.map((curve, at) => line(curve, curves, at + 1, over)), ...rest.map((curve) => line(curve, curves, null, over))];
      body.replaceChildren(...lines);
      if (focused !== undefined) body.querySelector(`tr[data-curve="${focused}"] ${tag}`)?.focus();
    },
    isHidden: (index) => hidden.has(index),
    /** What is hidden, as a text to compare. */
    hidden: () => [...hidden].sort().join(),
  };
}

/** What the chip of a curve says; `over`: nothing more is measured. */
export function verdictOf({ state, verdict, confirmed }, over) {
  if (state === "out of reach") return "out of reach";
  const known = verdict && verdict !== "pending";
  if (over && !known) return state === "waiting" ? "not measured" : "not finished";
  if (state === "waiting") return "waiting";
  if (!known) return "measuring";
  const unsure = confirmed === false ? ", not confirmed" : "";
  const going = over ? ", not finished" : "…";
  return `${verdict}${unsure}${state === "running" ? going : ""}`;
}
