// The banner, and what it says while there is no answer yet, or none that can be relied on: the same on every page.

import { showChip } from "./chip.js";
import { write } from "./elements.js";

/** Said when the server does not know the job any more. */
export const GONE = "The server no longer knows this experiment, perhaps because it was restarted; reload to go on.";

/** Said while the server cannot be reached. */
export const LOST = "The server does not answer. If it was stopped, start it again; what was measured is kept.";

const RESUME = "Resume goes on where it stopped.";

/**
 * Name, tone, headline and detail of the banner.
 * @param {object|null} snapshot
 * @param {boolean} gone whether the server does not know the job any more
 * @param {object|null} answer the same, of what is measured so far; null before anything can be said
 */
export function bannerOf(snapshot, gone, answer) {
  if (gone && !answer) return { name: "interrupted", tone: "pending", headline: GONE, detail: "" };
  switch (snapshot?.status) {
    case "failed":
      return {
        name: "failed",
        tone: "failed",
        headline: snapshot.message || "The measurement failed.",
        detail: `${answer ? `Up to there: ${answer.headline} ` : ""}Resume tries again; if that fails too, change the settings.`,
      };
    case "cancelled": {
      if (!answer) {
        return { name: "cancelled", tone: "pending", headline: "Cancelled before anything can be said.", detail: RESUME };
      }
      const { done, total } = snapshot.progress;
      const cancelled = `Cancelled after ${done} of ${total} points, so this may change. ${RESUME}`;
      return { ...answer, detail: `${answer.detail} ${cancelled}`.trim() };
    }
    default:
      return answer ?? { ...waiting(snapshot), tone: "pending", detail: "" };
  }
}

/**
 * Show it.
 * @param {(name: string) => HTMLElement} part finds an element of the page by its data-part
 * @param {{name: string, tone: string, headline: string, detail: string}} said of bannerOf
 */
export function showBanner(part, { name, tone, headline, detail }) {
  part("verdict").dataset.tone = tone;
  showChip(part("verdict-chip"), name, tone);
  write(part("headline"), headline);
  write(part("detail"), detail);
}

function waiting(snapshot) {
  if (!snapshot || snapshot.status === "queued") return { name: "waiting", headline: "Waiting for the engine…" };
  if (snapshot.verdict?.name === "shams awaited") return { name: "measuring", headline: snapshot.verdict.headline };
  const begun = snapshot.rows.some(Boolean);
  return { name: "measuring", headline: begun ? "Looking for a clean regime…" : "Measuring the undegraded network…" };
}
