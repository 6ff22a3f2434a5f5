// The live component of Explore: one sweep.

import { createCharts } from "./charts.js";
import { createDial } from "./dial.js";
import { createExamples } from "./examples.js";
import { createFoot } from "./foot.js";
import { askedAxis, askedStrength, fragmentOf, writeAxis } from "./fragment.js";
import { createHint } from "./hint.js";
import { elementPicture } from "./map-picture.js";
import { createFollower, isOver, mounted } from "./mount.js";
import { createReadouts } from "./readouts.js";
import { PIECES, showShapes } from "./shapes.js";
import { nearestMeasured, positionOf, readingAt, restingPosition } from "./snapshot.js";

export default mounted(createView);

/** Everything of one mounted component, wired together. */
function createView(root, plotly) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const ending = new AbortController(); // ends every listener
  const { signal } = ending;
  let position = 0;
  let moved = false; // by the reader; until then the cursor goes where the address says, or where the verdict is
  let asked = askedStrength();
  let mode = askedAxis();
  let broken = false; // no charts

  const follower = createFollower(root, { render, onJob });
  const readouts = createReadouts(part);
  const examples = createExamples(part, signal);
  const dial = createDial(part("slider"), { onMove: moveTo, onCommit: commit, signal });
  const charts = createCharts(plotly, part, { onPick: dial.pick, restless: dial.restless, onFailure: giveUp, signal });
  const foot = createFoot(part, { onCommand: (type) => follower.tell({ type }), figures, place, plotly, signal });
  const hint = createHint(root, part, signal);

  part("axis").querySelector(`[value="${mode}"]`).checked = true;
  part("axis").addEventListener("change", (event) => turnTo(event.target.value), { signal });

  function figures() {
    return [...charts.figures(), elementPicture(part("shapes"), PIECES)];
  }

  /** Where the reader is, as an address says it. */
  function place() {
    return fragmentOf(follower.shown?.strengths[Math.round(position)], mode);
  }

  function turnTo(axis) {
    mode = axis;
    writeAxis(mode);
    follower.renderSoon();
  }

  function onJob(again) {
    moved = false;
    if (again) asked = null; // it was meant for the experiment of the link
    dial.settle();
    if (again) hint.finish(); // the reader changes the experiment without help
    else hint.offer();
  }

  function giveUp() {
    broken = true;
    follower.renderSoon();
  }

  function render({ shown, connection, data, palette }) {
    const gone = connection === "gone";
    const begun = shown?.rows.some(Boolean) ?? false;
    part("empty").textContent = emptyText(broken, gone || isOver(shown));
    part("empty").hidden = begun && !broken;
    dial.setAxis(shown?.rows.length ?? 0, shown?.verdict.regime);
    if (!moved) {
      position = asked === null ? restingPosition(shown) : positionOf(shown, asked);
      dial.place(position);
    }
    readouts.showVerdict(shown, gone);
    showShapes(part("shapes"), shown);
    foot.show(shown, connection, data);
    showCursor();
    charts.show(shown, palette, mode);
  }

  /** What belongs to the cursor; this is all that a drag does, so it must stay cheap. */
  function showCursor() {
    const { shown } = follower;
    const reading = shown && readingAt(shown.rows, position);
    root.dataset.cursor = String(Math.round(100 * position) / 100);
    readouts.showReading(shown, reading);
    examples.show(shown, shown && nearestMeasured(shown.rows, position));
    charts.moveCursor(position, reading);
  }

  function moveTo(place) {
    moved = true;
    position = place;
    showCursor();
  }

  function commit(place) {
    moveTo(place);
    const strength = follower.shown?.strengths[Math.round(place)];
    if (strength !== undefined) follower.tell({ type: "focus", strength });
  }

  function close() {
    ending.abort();
    follower.close();
    charts.close();
    hint.close();
    dial.settle();
  }

  return { update: follower.update, isLatest: follower.isLatest, close };
}

/** What stands where curves would be. */
function emptyText(broken, over) {
  if (broken) return "The charts could not be loaded; reload the page.";
  return over ? "Nothing was measured." : "Waiting for the first measurement…";
}
