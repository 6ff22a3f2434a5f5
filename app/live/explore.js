// The live component of Explore. Streamlit calls the default export at every change of its data, on the same page
// elements; the first call builds the view, the others update it.

import { createCharts } from "./charts.js";
import { createDial } from "./dial.js";
import { createExamples } from "./examples.js";
import { createFoot } from "./foot.js";
import { createReadouts } from "./readouts.js";
import { measured, merge, nearestMeasured, readingAt, restingPosition } from "./snapshot.js";
import { readTheme } from "./theme.js";
import { createTransport } from "./transport.js";

const GRACE = 300; // ms during which the last experiment stays on screen while the next one's first words are awaited

const views = new WeakMap(); // root element → its view, because Streamlit keeps nothing for us between calls

/**
 * Mount or update the component (signature of Streamlit's Components v2).
 * @param {object} component data, parentElement, setStateValue, setTriggerValue; and `plotly`, the bundle's address
 * @returns {() => void} cleanup
 */
export default function explore(component) {
  const root = component.parentElement.querySelector(".rs-explore");
  if (!views.has(root)) views.set(root, createView(root, component.plotly));
  const view = views.get(root);
  const turn = view.update(component);
  // Streamlit keeps the cleanup of the last call; that of a call which newer data overtook it runs at once.
  return () => {
    if (!view.isLatest(turn)) return;
    view.close();
    views.delete(root);
  };
}

/** Everything of one mounted component, wired together. */
function createView(root, plotly) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const ending = new AbortController(); // ends every listener
  const { signal } = ending;
  let component = null;
  let turn = 0;
  let latest = null; // the newest snapshot of the experiment that is followed …
  let shown = null; // … and the one on screen
  let position = 0;
  let moved = false; // by the reader; until then the cursor goes where the verdict is
  let connection = ""; // as transport.js tells it; "" during the first attempt
  let palette = readTheme(root);
  let frame = 0;
  let grace = 0;
  let broken = false; // no charts

  const readouts = createReadouts(part);
  const examples = createExamples(part);
  const dial = createDial(part("slider"), { onMove: moveTo, onCommit: commit, signal });
  const charts = createCharts(plotly, part, { onPick: dial.pick, restless: dial.restless, onFailure: giveUp, signal });
  const foot = createFoot(part, {
    onCommand: (type) => tell({ type }),
    onPicture: () => charts.picture(`regimescope-${component.data.key.slice(0, 12)}`),
    signal,
  });
  const transport = createTransport({ onMessage: receive, onState: connected });

  function update(next) {
    const before = component;
    component = next;
    turn += 1;
    const { key, snapshot, socket } = component.data;
    if (key !== before?.data.key) {
      latest = null;
      moved = false;
      dial.settle();
      grace = setTimeout(renderSoon, before ? GRACE : 0);
    }
    transport.follow(socket);
    // What comes over an open socket is newer, and knows whether this page has cancelled.
    const news = snapshot && snapshot.version > (latest?.version ?? -1) && !(latest && connection === "socket");
    if (news) receive({ type: "snapshot", ...snapshot });
    const theme = readTheme(root);
    if (JSON.stringify(theme) !== JSON.stringify(palette)) {
      palette = theme;
      charts.show(shown, palette);
    }
    return turn;
  }

  function receive(message) {
    latest = merge(latest, message);
    if (latest) renderSoon();
  }

  function connected(state) {
    if (state === "poll") component.setStateValue("transport", "poll");
    connection = state;
    root.dataset.transport = state === "gone" ? "lost" : state;
    if (latest || state !== "socket") renderSoon(); // a new socket's first snapshot comes at once
  }

  /** Tell the server: over the WebSocket, or through Streamlit where there can be none. */
  function tell(message) {
    if (!transport.send(message) && connection === "poll") component.setTriggerValue("command", message);
  }

  function giveUp() {
    broken = true;
    renderSoon();
  }

  function renderSoon() {
    clearTimeout(grace);
    frame ||= requestAnimationFrame(render);
  }

  function render() {
    frame = 0;
    shown = latest;
    const count = shown ? measured(shown).length : 0;
    const gone = connection === "gone";
    root.dataset.key = component.data.key;
    root.dataset.status = shown?.status ?? "pending";
    root.dataset.version = String(shown?.version ?? 0);
    root.dataset.n = String(count);
    part("empty").textContent = emptyText(broken, gone || isOver(shown));
    part("empty").hidden = count > 0 && !broken;
    dial.setAxis(shown?.rows.length ?? 0, shown?.verdict.regime);
    if (!moved) {
      position = restingPosition(shown);
      dial.place(position);
    }
    readouts.showVerdict(shown, gone);
    foot.show(shown, connection, component.data.files.CSV);
    showCursor();
    charts.show(shown, palette);
  }

  /** What belongs to the cursor; this is all that a drag does, so it must stay cheap. */
  function showCursor() {
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
    const strength = shown?.strengths[Math.round(place)];
    if (strength !== undefined) tell({ type: "focus", strength });
  }

  function close() {
    ending.abort();
    transport.close();
    charts.close();
    dial.settle();
    clearTimeout(grace);
    cancelAnimationFrame(frame);
  }

  return { update, close, isLatest: (one) => one === turn };
}

/** Whether no more measurements will come by themselves. */
function isOver(snapshot) {
  return ["done", "cancelled", "failed"].includes(snapshot?.status);
}

/** What stands where curves would be. */
function emptyText(broken, over) {
  if (broken) return "The charts could not be loaded; reload the page.";
  return over ? "Nothing was measured." : "Waiting for the first measurement…";
}
