// The cells of a map: a table whose cells are links to Explore, moved through with the arrow keys.

import { make } from "./elements.js";
import { addressOf, rowAt, whereIs } from "./map-cell.js";
import { painted } from "./map-quantities.js";

const MOVES = {
  ArrowLeft: ([line, place]) => [line, place - 1],
  ArrowRight: ([line, place]) => [line, place + 1],
  ArrowUp: ([line, place]) => [line - 1, place],
  ArrowDown: ([line, place]) => [line + 1, place],
  Home: ([line]) => [line, 0],
  End: ([line], width) => [line, width - 1],
};
const ROOMY = 20; // so many columns have room for labels and numbers …
const SHORT = 6; // … of so many letters

/**
 * @param {HTMLTableElement} table
 * @param {object} options
 * @param {(cell: {line: number, place: number}|null) => void} options.onLook the cell that is looked at
 * @param {AbortSignal} options.signal ends the listeners
 */
export function createGrid(table, { onLook, signal }) {
  let built = ""; // the axes for which the table stands
  let cells = []; // of every line its links; at place 0 all have the same
  let at = [0, 0]; // the cell that Tab leads to
  let touched = null; // the cell that a finger has chosen

  function build({ axes: { outer, inner }, curves }) {
    const caption = make("span", "rs-pinned");
    caption.append(...pieces(`Down: ${outer.title}.`, `Across: ${inner.title}.`, "Apart: nothing is degraded."));
    table.createCaption().replaceChildren(caption);
    const head = make("tr", "");
    const corner = make("td", "");
    corner.append(...pieces(`${outer.name} ↓`, `${inner.name} →`));
    head.append(corner, ...inner.ticks.map((tick) => header(tick, "col")));
    head.children[1].classList.add("rs-apart");
    // nothing is degraded at strength 0 of the inner dial: one network, and one cell for all lines
    const undegraded = link(0, 0);
    cells = curves.map((_, line) => inner.ticks.map((_, place) => (place ? link(line, place) : undegraded)));
    const [top, body] = [make("thead", ""), make("tbody", "")];
    top.append(head);
    for (const [line, { name }] of curves.entries()) {
      const row = make("tr", "");
      const own = line ? cells[line].slice(1) : cells[line];
      row.append(header(name, "row"), ...own.map((each) => around(each, each === undegraded ? curves.length : 1)));
      body.append(row);
    }
    table.replaceChildren(table.caption, top, body);
    undegraded.parentElement.classList.add("rs-apart");
    const [, ...ticks] = inner.ticks;
    table.classList.toggle("rs-tight", inner.ticks.length > ROOMY || ticks.some((tick) => tick.length > SHORT));
    table.style.setProperty("--rs-columns", String(inner.ticks.length));
    undegraded.tabIndex = 0;
    at = [0, 0];
    touched = null;
    onLook(null);
  }

  function placeOf(event) {
    const cell = event.target.closest?.("[data-cell]");
    if (!cell) return null;
    const [line, place] = cell.dataset.cell.split(" ").map(Number);
    return { cell, line, place };
  }

  function looked(event) {
    const found = placeOf(event);
    if (found) onLook({ line: found.line, place: found.place });
  }

  function focused(event) {
    looked(event);
    const { cell, line, place } = placeOf(event) ?? {};
    if (!cell || cell === cells[at[0]][at[1]]) return; // in the cell of all lines the line stays the one it was
    cells[at[0]][at[1]].tabIndex = -1;
    cell.tabIndex = 0;
    at = [line, place];
  }

  function move(event) {
    if (!MOVES[event.key] || !placeOf(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [line, place] = MOVES[event.key](at, cells[0].length);
    const next = cells[line]?.[place];
    if (!next) return;
    cells[at[0]][at[1]].tabIndex = -1;
    next.tabIndex = 0;
    at = [line, place];
    next.focus();
  }

  /** A finger cannot point at a cell without touching it: the first touch tells, the second opens. */
  function clicked(event) {
    const found = event.pointerType === "touch" && placeOf(event);
    if (!found || found.cell === touched) return;
    event.preventDefault();
    touched = found.cell;
  }

  table.addEventListener("pointerover", looked, { signal });
  table.addEventListener("focusin", focused, { signal });
  table.addEventListener("keydown", move, { signal });
  table.addEventListener("click", clicked, { signal });

  return {
    /**
     * Show a snapshot's cells by a quantity (map-quantities.js).
     * @param {object} snapshot whose curves and axes are known
     */
    show(snapshot, quantity) {
      const axes = JSON.stringify([snapshot.key, snapshot.axes, snapshot.curves.map(({ name }) => name)]);
      if (axes !== built) build(snapshot);
      built = axes;
      for (const [line, links] of cells.entries()) {
        for (const [place, each] of links.entries()) {
          if (line === 0 || place > 0) fill(each, snapshot, line, place, quantity);
        }
      }
    },
    /** Nothing is known: an empty table. */
    clear() {
      if (built) table.replaceChildren();
      built = "";
      cells = [];
    },
  };
}

function fill(link, snapshot, line, place, quantity) {
  const row = rowAt(snapshot, line, place);
  const { text, ...paint } = row ? quantity.cell(row, snapshot) : { text: "" };
  if (row) painted(link, paint);
  else link.style.removeProperty("--rs-cell");
  link.textContent = text;
  link.dataset.state = row?.state ?? "";
  link.href = addressOf(snapshot, line, place);
  const said = !row ? "not measured yet" : quantity.numeric ? `${row.state}, ${quantity.title} ${text}` : row.state;
  link.setAttribute("aria-label", `${whereIs(snapshot, line, place)}: ${said}`);
}

function link(line, place) {
  const made = make("a", "");
  Object.assign(made, { target: "_top", tabIndex: -1 });
  made.dataset.cell = `${line} ${place}`;
  return made;
}

function header(text, scope) {
  const cell = make("th", "", text);
  cell.scope = scope;
  return cell;
}

/** Texts that stay together each, beside or below each other. */
function pieces(...texts) {
  return texts.flatMap((text) => [make("span", "", text), " "]);
}

function around(element, lines) {
  const cell = make("td", "");
  cell.rowSpan = lines;
  cell.append(element);
  return cell;
}
