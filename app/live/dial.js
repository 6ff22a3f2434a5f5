// The strength dial: a native slider over the ordinal axis. Free while it is dragged, at a strength when let go.

const SETTLE = 150; // ms without a change after which the dial is committed
const STILL = 120; // ms without a move after which the dial counts as at rest

/**
 * @param {HTMLInputElement} slider
 * @param {object} handlers
 * @param {(position: number) => void} handlers.onMove at every move, fractional
 * @param {(position: number) => void} handlers.onCommit once it has settled, a whole number
 * @param {AbortSignal} handlers.signal ends the listeners
 */
export function createDial(slider, { onMove, onCommit, signal }) {
  let settling = 0;
  let movedAt = -Infinity;

  const last = () => Number(slider.max);
  const nearest = () => Math.round(Number(slider.value));

  function commitSoon() {
    clearTimeout(settling);
    settling = setTimeout(() => {
      place(nearest());
      onCommit(nearest());
    }, SETTLE);
  }

  /** Put the thumb somewhere without telling anyone. */
  function place(position) {
    slider.value = String(position);
    slider.style.setProperty("--rs-fill", String(position / last()));
  }

  /** Move to a strength, as the reader would. */
  function pick(position) {
    if (slider.disabled) return;
    place(Math.max(0, Math.min(last(), position)));
    onMove(nearest());
    commitSoon();
  }

  function slide() {
    movedAt = performance.now();
    clearTimeout(settling);
    place(Number(slider.value));
    onMove(Number(slider.value));
  }

  function press(event) {
    const at = Number(slider.value);
    const targets = {
      ArrowRight: Math.floor(at) + 1,
      ArrowUp: Math.floor(at) + 1,
      ArrowLeft: Math.ceil(at) - 1,
      ArrowDown: Math.ceil(at) - 1,
      Home: 0,
      End: last(),
    };
    if (!(event.key in targets) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    pick(targets[event.key]);
  }

  slider.addEventListener("input", slide, { signal });
  slider.addEventListener("change", commitSoon, { signal });
  slider.addEventListener("keydown", press, { signal });

  return {
    place,
    pick,
    /** Say how many strengths there are, and which of them (first, last) are clean. */
    setAxis(count, regime) {
      slider.disabled = count < 2;
      slider.max = String(Math.max(1, count - 1));
      const [first, end] = regime ?? [0, 0];
      slider.style.setProperty("--rs-clean-from", String(regime ? Math.max(0, first - 0.5) / last() : 0));
      slider.style.setProperty("--rs-clean-to", String(regime ? Math.min(last(), end + 0.5) / last() : 0));
    },
    /** Milliseconds until the dial will have been at rest for a moment; 0 when it is. */
    restless: () => Math.max(0, movedAt + STILL - performance.now()),
    /** Forget a move that was not committed yet. */
    settle: () => clearTimeout(settling),
  };
}
