// The bottom line of every live component: how far the work is, where it runs, and what can be done with it.

import { make } from "./elements.js";
import { duration, percent, roughly } from "./format.js";
import { createMenu } from "./menu.js";
import { createEstimate } from "./remaining.js";
import { savePage } from "./page-file.js";
import { savePicture } from "./picture.js";
import { GONE, LOST } from "./states.js";

const CONNECTION = { lost: "reconnecting…", gone: GONE };
const MADE_HERE = ["html", "png", "svg"]; // files that the browser makes
const SHOWN = 2000; // ms for which a button says what it did

/**
 * @param {(part: string) => HTMLElement} part finds an element of the component by its data-part; "foot" is filled here
 * @param {object} options
 * @param {(type: "cancel"|"resume") => void} options.onCommand
 * @param {() => Array<{svg: () => Promise<string>, width: number, height: number}>} options.figures what a picture
 *   shows, from top to bottom; one that Plotly drew has a `plot`, too (picture.js)
 * @param {() => string} [options.place] where the reader is, as the end of an address (fragment.js)
 * @param {string} options.plotly address of the Plotly bundle
 * @param {AbortSignal} options.signal ends the listeners
 */
export function createFoot(part, { onCommand, figures, place = () => "", plotly, signal }) {
  const estimate = createEstimate();
  let shown = null;
  let data = null;
  let links = ""; // the addresses that the export menu has

  const bar = make("div", "rs-progress");
  bar.append(make("i", ""));
  named(bar, "progress").setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", "Points measured");
  bar.setAttribute("aria-valuemin", "0");
  const status = make("p", "rs-status");
  status.append(named(make("b", ""), "status"), " ", named(make("span", ""), "progress-text"), " ");
  status.append(named(make("span", ""), "message"));
  const device = make("p", "rs-device");
  device.append(named(make("span", ""), "device"), " ", named(make("span", ""), "store"));
  const buttons = make("div", "rs-buttons");
  const exports = createMenu("Export", signal);
  const copies = createMenu("Copy", signal);
  buttons.append(
    button("reload", "Reload", () => window.location.reload()),
    button("cancel", "Cancel", () => onCommand("cancel")),
    button("resume", "Resume", () => onCommand("resume")),
    named(copies.element, "copies"),
    named(exports.element, "exports"),
  );
  part("foot").replaceChildren(bar, status, device, buttons);
  copies.fill([
    button("copy", "Link", () => copy("Link", link())),
    button("copy-python", "Python", () => copy("Python", data.copy.Python)),
    button("copy-cli", "Command line", () => copy("Command line", data.copy.CLI)),
  ]);

  function button(name, text, action) {
    const made = named(make("button", "", text), name);
    made.type = "button";
    made.addEventListener("click", action, { signal });
    return made;
  }

  /** What is seen here, with all of its settings: it stays what it is when stories and defaults change. */
  function link() {
    return new URL(data.address + place(), window.location.href).href;
  }

  function download(name, address) {
    const made = named(make("a", "", name), name.toLowerCase());
    made.href = address;
    made.download = "";
    return made;
  }

  /** Make a file in the browser; say so where that fails. */
  async function build(form) {
    const root = part("foot").closest(".rs-live");
    const verdict = part("verdict-chip").textContent;
    const saved = `Saved on ${today()} from ${window.location.href}`;
    const caption = [part("headline").textContent, part("detail").textContent, saved].filter(Boolean);
    try {
      if (form === "html") await savePage(root, plotly, figures(), shown, { ...data, link: link() });
      else await savePicture(form, root, figures(), [`${data.about} · ${verdict}`, ...caption], data.name);
    } catch (error) {
      console.warn(error);
      exports.say(`No ${form.toUpperCase()} could be made${form === "html" ? "; is the server there?" : ""}`, SHOWN);
    }
  }

  /** Put a text on the clipboard; where that is closed (a page without HTTPS on another host), show it to be copied. */
  async function copy(what, text) {
    try {
      await navigator.clipboard.writeText(text);
      copies.say(`${what} copied`, SHOWN);
    } catch {
      copies.offer(`The clipboard is closed to this page. ${what}, to copy by hand:`, text);
    }
  }

  function fillExports() {
    const forms = Object.entries(data.files);
    if (links === JSON.stringify(forms)) return;
    links = JSON.stringify(forms);
    exports.fill([
      ...forms.map(([name, address]) => download(name, address)),
      ...MADE_HERE.map((form) => button(form, form.toUpperCase(), () => build(form))),
    ]);
  }

  return {
    /**
     * @param {object|null} snapshot
     * @param {string} connection socket, poll, lost, gone, or "" while the first attempt runs
     * @param {object} given the component's data
     */
    show(snapshot, connection, given) {
      [shown, data] = [snapshot, given];
      fillExports();
      const state = shown?.status ?? "";
      const { done, total, seconds } = shown?.progress ?? {};
      bar.setAttribute("aria-valuemax", String(total || 1));
      bar.setAttribute("aria-valuenow", String(done ?? 0));
      bar.style.setProperty("--rs-done", String(total ? done / total : 0));
      part("status").textContent = CONNECTION[connection] ?? (state || "connecting…");
      const sampled = state === "running" ? (shown.sampling ?? null) : null; // a share; meanwhile no points come
      const cut = connection === "lost" || connection === "gone";
      const steady = state === "running" && !cut;
      const [work, key] = sampled === null ? [shown?.progress, data.key] : [{ done: sampled, total: 1 }, `${data.key} sampling`];
      const left = estimate.left(key, steady ? work : null, performance.now());
      const remaining = left === null ? "" : `, about ${roughly(left)} left`;
      const turns = steady && shown.beside ? `, in turns with ${others(shown.beside)}` : "";
      const share = sampled ? `, ${percent(sampled)} done${remaining};` : "…";
      const sampling = sampled === null ? "" : `sampling networks${share} `;
      const points = `${sampling}${done} of ${total} points, ${duration(seconds)}${sampling ? "" : remaining}${turns}`;
      part("progress-text").textContent = total ? points : "";
      // why it failed stands on top
      part("message").textContent = connection === "lost" ? LOST : state === "failed" ? "" : (shown?.message ?? "");
      part("device").textContent = shown?.device ?? "";
      part("store").textContent = shown?.store ?? "";
      const used = [part("cancel"), part("resume")].find((each) => each === document.activeElement);
      part("cancel").hidden = cut || !["queued", "running"].includes(state);
      part("resume").hidden = cut || !["cancelled", "failed"].includes(state);
      part("reload").hidden = connection !== "gone";
      // who pressed one of two with a key finds the other in its place
      if (used?.hidden) [part("cancel"), part("resume")].find((each) => !each.hidden)?.focus();
      exports.enable(Boolean(done));
    },
  };
}

/** The date as everybody reads it: "28 November 2026". */
function today() {
  return new Date().toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

function named(element, name) {
  element.dataset.part = name;
  return element;
}

function others(count) {
  return count === 1 ? "another question" : `${count} other questions`;
}
