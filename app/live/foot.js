// The bottom line: how far the work is, where it runs, and what can be done with it.

import { duration } from "./format.js";

/** Said when the server does not know the experiment any more. */
export const GONE = "The server was restarted; reload to measure again.";

const CONNECTION = { lost: "reconnecting…", gone: GONE };

/**
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 * @param {object} actions
 * @param {(type: "cancel"|"resume") => void} actions.onCommand
 * @param {() => void} actions.onPicture
 * @param {AbortSignal} actions.signal ends the listeners
 */
export function createFoot(part, { onCommand, onPicture, signal }) {
  const onClick = (name, action) => part(name).addEventListener("click", action, { signal });
  onClick("cancel", () => onCommand("cancel"));
  onClick("resume", () => onCommand("resume"));
  onClick("reload", () => window.location.reload());
  onClick("png", onPicture);
  onClick("copy", async () => {
    part("copy").textContent = await copy(window.location.href);
    setTimeout(() => (part("copy").textContent = "Copy link"), 2000);
  });

  return {
    /**
     * @param {object|null} snapshot
     * @param {string} connection socket, poll, lost, gone, or "" while the first attempt runs
     * @param {string} csv address of the table
     */
    show(snapshot, connection, csv) {
      const status = snapshot?.status ?? "";
      const { done, total, seconds } = snapshot?.progress ?? {};
      const sampling = status === "running" && snapshot.sampling ? "sampling networks… " : "";
      const bar = part("progress");
      bar.setAttribute("aria-valuemax", String(total ?? 1));
      bar.setAttribute("aria-valuenow", String(done ?? 0));
      bar.style.setProperty("--rs-done", String(total ? done / total : 0));
      part("status").textContent = CONNECTION[connection] ?? (status || "connecting…");
      part("progress-text").textContent = total ? `${sampling}${done} of ${total} points, ${duration(seconds)}` : "";
      part("message").textContent = status === "failed" ? "" : (snapshot?.message ?? "");
      part("device").textContent = snapshot?.device ?? "";
      part("store").textContent = snapshot?.store ?? "";
      const cut = connection === "lost" || connection === "gone";
      part("cancel").hidden = cut || !["queued", "running"].includes(status);
      part("resume").hidden = cut || !["cancelled", "failed"].includes(status);
      part("reload").hidden = connection !== "gone";
      part("csv").href = csv;
      part("csv").toggleAttribute("inert", !done);
    },
  };
}

/** Put a text on the clipboard; answers what to say of it. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "Copy it from the address bar"; // the clipboard is closed to pages without HTTPS
  }
}
