// A button that opens a list of actions above itself: a native <details>, which keys open and close.

import { make } from "./elements.js";

/**
 * @param {string} title
 * @param {AbortSignal} signal ends the listeners
 */
export function createMenu(title, signal) {
  const element = make("details", "rs-menu");
  const summary = make("summary", "", title);
  const list = make("div", "rs-menu-list");
  element.append(summary, list);
  let saying = 0;

  function close() {
    if (!element.open) return;
    const within = list.contains(document.activeElement);
    element.open = false;
    if (within) summary.focus();
  }

  element.addEventListener("keydown", (event) => event.key === "Escape" && close(), { signal });
  // Before the action runs, which may open it again to offer a text.
  list.addEventListener("click", (event) => event.target.closest("a, button") && close(), { signal, capture: true });
  document.addEventListener("pointerdown", (event) => element.contains(event.target) || close(), { signal });

  return {
    element,
    /** Give it its actions: buttons and links. */
    fill: (actions) => list.replaceChildren(...actions),
    /** Say for a while, in the place of its title, what was done. */
    say(text, milliseconds) {
      clearTimeout(saying);
      summary.textContent = text;
      saying = setTimeout(() => (summary.textContent = title), milliseconds);
    },
    /** Show a text that is to be copied by hand, until the menu is closed. */
    offer(label, text) {
      const field = make("textarea", "", "");
      field.value = text;
      field.readOnly = true;
      field.rows = 6;
      const around = make("label", "rs-offer", label);
      around.append(field);
      const actions = [...list.children];
      list.replaceChildren(around);
      element.open = true;
      field.select();
      const back = () => !element.open && (list.replaceChildren(...actions), element.removeEventListener("toggle", back));
      element.addEventListener("toggle", back, { signal });
    },
    /** Whether there is something to act on. */
    enable: (able) => element.toggleAttribute("inert", !able),
  };
}
