// What the network does at one strength: some items, each as the original, the degraded network and the degraded network
// under the intervention read it.

import { drawImage } from "./images.js";
import { drawTokens } from "./tokens.js";

const CONDITIONS = ["original", "degraded", "+ intervention"];
const NOTHING = []; // one and the same list, so that it counts as drawn
const FALLBACK_SCALE = 4; // nats at full tint where chance is unknown
const VIEWS = { tokens: drawTokens, image: drawImage };

/**
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 * @param {AbortSignal} signal ends the listeners
 */
export function createExamples(part, signal) {
  const panel = part("examples");
  const resizing = new ResizeObserver(() => endAtLine(panel));
  resizing.observe(panel.parentElement);
  signal.addEventListener("abort", () => resizing.disconnect());
  let drawn = null; // the list of examples that is on the page …
  let views = []; // … and a view of each
  let shown = []; // what the page was made from

  function draw(examples) {
    views = examples.map((example) => VIEWS[example.view](example, CONDITIONS));
    panel.replaceChildren(...views.map((view) => view.element));
    drawn = examples;
    part("key-tokens").hidden = !examples.some((example) => example.view === "tokens");
    part("key-images").hidden = !examples.some((example) => example.view === "image");
    endAtLine(panel);
  }

  return {
    /**
     * @param {object|null} snapshot
     * @param {object|null} row the strength to show
     */
    show(snapshot, row) {
      const examples = snapshot?.examples ?? NOTHING;
      const original = snapshot?.rows[0] ?? null;
      const scale = snapshot?.reference.chance ?? FALLBACK_SCALE;
      const source = [examples, original, row, scale];
      if (source.every((item, at) => item === shown[at])) return;
      shown = source;
      if (examples !== drawn) draw(examples);
      part("where").textContent = !row || row.label === row.tick ? (row?.label ?? "") : `at ${row.label}`;
      part("scale").textContent = `≥ ${scale.toFixed(1)} nats of loss · underlined: scored`;
      views.forEach((view, at) => {
        const here = row?.examples?.[at];
        view.update([original?.examples?.[at]?.degraded, here?.degraded, here?.intervened], scale);
      });
    },
  };
}

/** Let a panel that is scrolled in end below a whole line, not within one. */
function endAtLine(panel) {
  panel.style.maxHeight = "";
  if (panel.scrollHeight <= panel.clientHeight) return;
  const { top, bottom } = panel.getBoundingClientRect();
  const lines = [...panel.querySelectorAll(".rs-column, .rs-panels")].map((line) => line.getBoundingClientRect().bottom);
  const last = Math.max(...lines.filter((end) => end + panel.scrollTop <= bottom)) + panel.scrollTop;
  if (last > top) panel.style.maxHeight = `${Math.ceil(last - top) + 2}px`; // with the frame around an image
}
