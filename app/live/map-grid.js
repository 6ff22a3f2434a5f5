// The cells of a map: a table whose cells are links to Explore, moved through with the arrow keys.

import { make } from "./elements.js";
import { openIn } from "./links.js";

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const ROOMY = 14; // so many columns have room for numbers

/**
 * @param {HTMLTableElement} table
 * @param {{onLook: (row: object) => void, signal: AbortSignal}} options onLook: the cell that is looked at
 */
export function createGrid(table, { onLook, signal }) {
  let snapshot = null;
  let built = ""; // the axes for which the table stands
  let cells = []; // of every line its links
  let at = [0, 0]; // the cell that Tab leads to

  function build({ axes, curves }) {
    table.caption.textContent = `Down: ${axes.outer.title}. Across: ${axes.inner.title}.`;
    const head = make("tr", "");
    const corner = make("td", "", `${axes.outer.name} ↓ ${axes.inner.name} →`);
    head.append(corner, ...axes.inner.ticks.map((tick) => header(tick, "col")));
    const lines = curves.map((curve, line) => {
      const row = make("tr", "");
      const links = axes.inner.ticks.map((_, place) => link(line, place));
      row.append(header(curve.name, "row"), ...links.map((each) => around(each)));
      return { row, links };
    });
    cells = lines.map(({ links }) => links);
    const [top, body] = [make("thead", ""), make("tbody", "")];
    top.append(head);
    body.append(...lines.map(({ row }) => row));
    table.replaceChildren(table.caption, top, body);
    table.classList.toggle("rs-tight", axes.inner.ticks.length > ROOMY);
    at = [0, 0];
  }

  function link(line, place) {
    const made = make("a", "");
    Object.assign(made, { target: "_top", tabIndex: line || place ? -1 : 0 });
    made.dataset.cell = `${line} ${place}`;
    return made;
  }

  function of(element) {
    const [line, place] = element.dataset.cell.split(" ").map(Number);
    return { line, place, row: rowAt(line, place) };
  }

  function rowAt(line, place) {
    return snapshot.rows[line * snapshot.axes.inner.ticks.length + place] ?? { curve: line, place };
  }

  function looked(event) {
    const cell = event.target.closest?.("[data-cell]");
    if (cell) onLook(of(cell).row);
  }

  function move(event) {
    const step = STEPS[event.key];
    const cell = event.target.closest?.("[data-cell]");
    if (!step || !cell) return;
    event.preventDefault();
    const { line, place } = of(cell);
    const next = cells[line + step[0]]?.[place + step[1]];
    if (!next) return;
    cells[at[0]][at[1]].tabIndex = -1;
    at = [line + step[0], place + step[1]];
    next.tabIndex = 0;
    next.focus();
  }

  table.addEventListener("pointerover", looked, { signal });
  table.addEventListener("focusin", looked, { signal });
  table.addEventListener("keydown", move, { signal });

  return {
    /** Show a snapshot's cells by a quantity (map-quantities.js). */
    show(shown, quantity) {
      snapshot = shown;
      const axes = JSON.stringify([shown.axes, shown.key]);
      if (axes !== built) build(shown);
      built = axes;
      const { axes: { outer, inner }, curves } = shown;
      for (const [line, links] of cells.entries()) {
        for (const [place, each] of links.entries()) {
          const row = rowAt(line, place);
          const measured = row.state != null;
          const { colour, tone = "", share, text } = measured ? quantity.cell(row, shown) : { text: "" };
          each.textContent = text;
          each.dataset.tone = tone;
          each.dataset.state = row.state ?? "";
          each.style.setProperty("--rs-cell", measured ? `color-mix(in srgb, var(${colour}) ${share}%, var(--rs-surface))` : "");
          each.href = openIn(curves[line].experiment, inner.strengths[place]);
          const where = `${outer.name} ${curves[line].name}, ${inner.name} ${inner.ticks[place]}`;
          each.setAttribute("aria-label", `${where}: ${measured ? `${row.state}${text && text !== row.state ? `, ${quantity.title} ${text}` : ""}` : "not measured yet"}`);
        }
      }
    },
  };
}

function header(text, scope) {
  const cell = make("th", "", text);
  cell.scope = scope;
  return cell;
}

function around(element) {
  const cell = make("td", "");
  cell.append(element);
  return cell;
}
