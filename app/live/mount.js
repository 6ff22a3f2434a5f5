// How Streamlit's calls become views. It calls a component's default export at every change of its data, on the same
// page elements; the first call builds the view, the others update it.

import { merge } from "./snapshot.js";
import { readTheme } from "./theme.js";
import { createTransport } from "./transport.js";

const GRACE = 300; // ms during which the last job stays on screen while the next one's first words are awaited

/**
 * The default export of a component (signature of Streamlit's Components v2).
 * @param {(root: HTMLElement, plotly: string) => {update: Function, close: Function, isLatest: Function}} createView
 */
export function mounted(createView) {
  const views = new WeakMap(); // root element → its view, because Streamlit keeps nothing for us between calls
  return (component) => {
    const root = component.parentElement.querySelector(".rs-live");
    if (!views.has(root)) views.set(root, createView(root, component.plotly));
    const view = views.get(root);
    const turn = view.update(component);
    // Streamlit keeps the cleanup of the last call; that of a call which newer data overtook it runs at once.
    return () => {
      if (!view.isLatest(turn)) return;
      view.close();
      views.delete(root);
    };
  };
}

/**
 * Follows the job that the component is to show.
 * @param {HTMLElement} root
 * @param {object} handlers
 * @param {(follower: object) => void} handlers.render at most once a frame; the follower has `shown` (a snapshot or
 *   null), `data` (of the component), `connection` (as transport.js tells it; "" during the first attempt), `palette`
 * @param {(again: boolean) => void} [handlers.onJob] another job is to be followed; `again`: not the first
 */
export function createFollower(root, { render, onJob = () => {} }) {
  let component = null;
  let turn = 0;
  let latest = null;
  let frame = 0;
  let grace = 0;
  const follower = { shown: null, data: null, connection: "", palette: readTheme(root), update, tell, renderSoon };
  const transport = createTransport({ onMessage: receive, onState: connected });

  function update(next) {
    const before = component;
    component = next;
    turn += 1;
    follower.data = component.data;
    const { key, snapshot, socket } = component.data;
    if (key !== before?.data.key) {
      latest = null;
      onJob(Boolean(before));
      grace = setTimeout(renderSoon, before ? GRACE : 0);
    }
    transport.follow(socket);
    // What comes over an open socket is newer, and knows whether this page has cancelled.
    const open = latest && follower.connection === "socket";
    if (snapshot && snapshot.version > (latest?.version ?? -1) && !open) receive({ type: "snapshot", ...snapshot });
    const theme = readTheme(root);
    if (JSON.stringify(theme) !== JSON.stringify(follower.palette)) {
      follower.palette = theme;
      renderSoon();
    }
    return turn;
  }

  function receive(message) {
    latest = merge(latest, message);
    if (latest) renderSoon();
  }

  function connected(state) {
    if (state === "poll") component.setStateValue("transport", "poll");
    follower.connection = state;
    root.dataset.transport = state === "gone" ? "lost" : state;
    if (latest || state !== "socket") renderSoon(); // a new socket's first snapshot comes at once
  }

  /** Tell the server: over the WebSocket, or through Streamlit where there can be none. */
  function tell(message) {
    const sent = transport.send(message);
    if (!sent && follower.connection === "poll") component.setTriggerValue("command", message);
  }

  function renderSoon() {
    clearTimeout(grace);
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      follower.shown = latest;
      root.dataset.key = follower.data.key;
      root.dataset.status = latest?.status ?? "pending";
      root.dataset.version = String(latest?.version ?? 0);
      root.dataset.n = String(latest?.rows.filter(Boolean).length ?? 0);
      render(follower);
    });
  }

  return Object.assign(follower, {
    isLatest: (one) => one === turn,
    close() {
      transport.close();
      clearTimeout(grace);
      cancelAnimationFrame(frame);
    },
  });
}

/** Whether no more measurements will come by themselves. */
export function isOver(snapshot) {
  return ["done", "cancelled", "failed"].includes(snapshot?.status);
}
