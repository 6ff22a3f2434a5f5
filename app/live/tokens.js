// An item that is looked at token by token, each tinted by how badly it is predicted.

import { cell, make } from "./elements.js";

/**
 * @param {object} example tokens and which of them are scored
 * @param {string[]} conditions under which the network is run
 * @returns {{element: HTMLElement, update: (readings: Array<Array<number|null>|undefined>, scale: number) => void}}
 *   `update` takes the losses of each condition and the loss at full tint
 */
export function drawTokens(example, conditions) {
  const block = make("div", "rs-example");
  const names = make("div", "rs-column rs-conditions");
  names.append(...conditions.map((name) => make("span", "", name)));
  const line = make("div", "rs-tokens");
  // One column a token, the conditions below each other: a wrapped line still compares like with like.
  const columns = example.tokens.map((token, at) => {
    const column = make("div", example.scored[at] ? "rs-column rs-scored" : "rs-column");
    const cells = conditions.map(() => cell("span", "", visible(token)));
    column.append(...cells);
    line.append(column);
    return cells;
  });
  block.append(make("h4", "", example.title), names, line);

  function update(readings, scale) {
    columns.forEach((cells, place) => {
      cells.forEach((each, at) => {
        const loss = readings[at]?.[place] ?? null;
        const share = loss === null ? 0 : Math.max(0, Math.min(1, loss / scale));
        each.style.setProperty("--rs-heat-share", `${Math.round(100 * share)}%`);
        each.title = `${example.tokens[place]} (${conditions[at]}): ${said(loss, example.metric)}`;
        each.setAttribute("aria-label", each.title);
      });
    });
  }

  return { element: block, update };
}

/** A loss in words; where the behaviour is measured by a probability, that too. */
function said(loss, metric) {
  if (loss === null) return "not scored";
  const nats = `${loss.toFixed(2)} nats`;
  return metric === "probability" ? `probability ${Math.exp(-loss).toFixed(2)}, ${nats}` : nats;
}

/** White space drawn, so that a token is never invisible. */
function visible(token) {
  return token.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "·") || "∅";
}
