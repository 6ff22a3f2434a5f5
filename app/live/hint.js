// The guide of a first visit to Explore: three cards, each beside what it is about. It lies above the page and moves
// nothing on it; what it is about can be used meanwhile.

import { make } from "./elements.js";

const REMEMBERED = "regimescope-hint"; // in localStorage, once the guide was put away
const GAP = 12; // px between a card and what it is about
const EDGE = 8; // px that it keeps from the window's edge

const STEPS = [
  {
    title: "The answer",
    text:
      "This says whether the intervention becomes clean somewhere on the dial: it no longer hurts what the network does " +
      "otherwise, and its effect is still there. The words change while measurements come in.",
    target: (part) => part("verdict"),
  },
  {
    title: "The dial",
    text:
      "Turn it, and the network is degraded more. The numbers and the examples below, and the line through the charts, " +
      "show how things stand at that strength.",
    target: (part) => part("slider"),
  },
  {
    title: "The experiment",
    text:
      "Change the experiment here: begin with another story, or choose the network, what degrades it and the " +
      "intervention. Every change is measured at once, and the page's address is a link to it.",
    target: () => visible("stSidebar") ?? visible("stExpandSidebarButton"),
  },
];

let offered = false; // on this page load, for a browser that remembers nothing

/**
 * @param {HTMLElement} root of the component, whose colours it has
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 * @param {AbortSignal} signal ends the listeners
 */
export function createHint(root, part, signal) {
  const whole = make("div", "rs-hint");
  const ring = make("div", "rs-hint-ring");
  const card = make("div", "rs-hint-card");
  const title = make("h3", "");
  const text = make("p", "");
  const count = make("span", "");
  const [skip, back, next] = ["Skip", "Back", "Next"].map((name) => make("button", "", name));
  const steps = make("div", "rs-hint-steps");
  const resizing = new ResizeObserver(place);
  let step = -1; // none: it is not shown
  let before = null; // what had the focus

  whole.popover = "manual";
  whole.dataset.part = "hint";
  card.role = "dialog";
  text.id = "rs-hint-text";
  text.ariaLive = "polite";
  card.setAttribute("aria-describedby", text.id);
  for (const button of [skip, back, next]) button.type = "button";
  steps.append(count, skip, back, next);
  card.append(title, text, steps);
  whole.append(ring, card);

  function show(at) {
    step = at;
    title.textContent = card.ariaLabel = STEPS[at].title;
    text.textContent = STEPS[at].text;
    count.textContent = `${at + 1} of ${STEPS.length}`;
    back.hidden = at === 0;
    skip.hidden = at === STEPS.length - 1;
    next.textContent = skip.hidden ? "Done" : "Next";
    if (back.hidden && document.activeElement === document.body) next.focus({ preventScroll: true });
    STEPS[at].target(part)?.scrollIntoView({ block: "nearest" });
    place();
  }

  /** Put the card beside what it is about, on the first side where there is room. */
  function place() {
    if (step < 0) return;
    const about = STEPS[step].target(part)?.getBoundingClientRect() ?? new DOMRect();
    const { offsetWidth: width, offsetHeight: height } = card;
    const right = window.innerWidth - width - EDGE;
    const bottom = window.innerHeight - height - EDGE;
    const sides = [
      [about.left, about.bottom + GAP],
      [about.left, about.top - GAP - height],
      [about.right + GAP, about.top + 6 * GAP],
    ];
    const [x, y] = sides.find(([x, y]) => x <= right && y >= EDGE && y <= bottom) ?? [right, bottom];
    move(card, Math.max(EDGE, x), y);
    move(ring, about.left, about.top);
    [ring.style.width, ring.style.height] = [`${about.width}px`, `${about.height}px`];
  }

  function close() {
    if (step < 0) return;
    step = -1;
    const within = whole.contains(document.activeElement);
    resizing.disconnect();
    whole.remove();
    if (within) before?.focus?.({ preventScroll: true });
  }

  /** Put it away for good. */
  function finish() {
    if (step >= 0) remember();
    close();
  }

  skip.addEventListener("click", finish, { signal });
  back.addEventListener("click", () => show(step - 1), { signal });
  next.addEventListener("click", () => (step === STEPS.length - 1 ? finish() : show(step + 1)), { signal });
  window.addEventListener("keydown", (event) => event.key === "Escape" && finish(), { signal });
  window.addEventListener("resize", place, { signal });
  window.addEventListener("scroll", place, { signal, capture: true });
  // Who follows the last card needs it no longer.
  const follow = ({ target }) => step === STEPS.length - 1 && STEPS[step].target(part)?.contains(target) && finish();
  window.addEventListener("pointerdown", follow, { signal, capture: true });

  return {
    /** Show it to who is here for the first time, and has not come by a link to an experiment. */
    offer() {
      if (offered || window.location.search || isRemembered()) return;
      offered = true;
      before = document.activeElement;
      root.append(whole);
      whole.showPopover();
      for (const element of [document.body, part("verdict")]) resizing.observe(element);
      show(0);
    },
    finish,
    close,
  };
}

function move(element, x, y) {
  element.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}

/** An element of Streamlit's frame, if it can be seen in the window. */
function visible(name) {
  const element = document.querySelector(`[data-testid="${name}"]`);
  const box = element?.getBoundingClientRect();
  return box?.width > 0 && box.right > 0 ? element : null;
}

function isRemembered() {
  try {
    return localStorage.getItem(REMEMBERED) !== null;
  } catch {
    return false; // a browser that keeps nothing
  }
}

function remember() {
  try {
    localStorage.setItem(REMEMBERED, "seen");
  } catch {
    // then it is offered at the next page load, too
  }
}
