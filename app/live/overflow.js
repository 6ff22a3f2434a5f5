// A box that is wider inside than there is room: it says in `data-more` on which sides there is more, and its style
// lets it fade out there.

/**
 * @param {HTMLElement} box that scrolls sideways
 * @param {AbortSignal} signal ends the listeners
 */
export function hintOverflow(box, signal) {
  function look() {
    const left = box.scrollLeft > 1;
    const right = box.scrollLeft + box.clientWidth < box.scrollWidth - 1;
    box.dataset.more = [left && "left", right && "right"].filter(Boolean).join(" ");
  }
  const resizing = new ResizeObserver(look);
  for (const element of [box, ...box.children]) resizing.observe(element);
  box.addEventListener("scroll", look, { signal, passive: true });
  signal.addEventListener("abort", () => resizing.disconnect());
}
