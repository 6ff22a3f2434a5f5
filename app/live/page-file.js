// An answer as one web page that needs nothing else: words, settings, live charts, the table, and the library that
// draws. What comes from data becomes text of page elements or escaped JSON, never markup.

import { make } from "./elements.js";
import { tableOf } from "./page-table.js";
import { save } from "./save.js";
import { readTheme } from "./theme.js";

/** The file may run what is in it, and ask for nothing. */
const POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:";

const DRAW = `
for (const [index, { data, layout }] of JSON.parse(document.getElementById("figures").textContent).entries()) {
  if (data) Plotly.newPlot("figure-" + index, data, layout, { displayModeBar: false, responsive: true });
}`;

/**
 * Save what a component shows as a page of its own.
 * @param {HTMLElement} root of the component
 * @param {string} plotly address of the bundle
 * @param {Array<object>} figures as pictures take them (picture.js)
 * @param {object} snapshot
 * @param {object} data of the component, and the `link` that leads there
 * @throws {Error} the bundle cannot be fetched
 */
export async function savePage(root, plotly, figures, snapshot, data) {
  const drawn = await Promise.all(figures.map(contentOf));
  const library = drawn.some((figure) => figure.data) ? await fetched(plotly) : "";
  const page = document.implementation.createHTMLDocument(`Regimescope: ${data.name}`);
  const script = (text, id) => {
    const element = page.createElement("script");
    if (id) [element.type, element.id] = ["application/json", id];
    element.textContent = text;
    return element;
  };
  const meta = (attributes) => Object.entries(attributes).reduce(withAttribute, page.createElement("meta"));
  const style = page.createElement("style");
  style.textContent = styles(readTheme(root));
  page.documentElement.lang = "en";
  page.head.prepend(
    meta({ charset: "utf-8" }),
    meta({ "http-equiv": "Content-Security-Policy", content: POLICY }),
    meta({ name: "viewport", content: "width=device-width, initial-scale=1" }),
    style,
  );
  page.body.append(
    make("div", "about", data.about),
    ...answer(root),
    pictures(drawn),
    ...tables(snapshot),
    ...settings(data),
    origin(snapshot, data.link),
    script(asJson(drawn.map(({ data: traces, layout }) => ({ data: traces, layout }))), "figures"),
    script(asJson({ kind: data.kind, question: data.question, result: snapshot }), "answer"),
    script(library.replace(/<(?=\/script|script|!--)/gi, "\\x3c")),
    script(DRAW),
  );
  save(new Blob([`<!doctype html>\n${page.documentElement.outerHTML}\n`], { type: "text/html" }), `${data.name}.html`);
}

async function fetched(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response.text();
}

/** A figure as Plotly draws it again, or else as a drawing. */
async function contentOf(figure) {
  return { ...(figure.plot?.() ?? { svg: await figure.svg() }), width: figure.width, height: figure.height };
}

/** Verdict and detail, with the chip in its colours. */
function answer(root) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const heading = make("h1", "", part("headline").textContent);
  const shown = part("verdict-chip");
  const chip = make("span", "chip", `${shown.dataset.shape} ${shown.textContent}`.trim());
  const { backgroundColor, color } = getComputedStyle(shown);
  Object.assign(chip.style, { backgroundColor, color });
  heading.prepend(chip, " ");
  return [heading, make("p", "", part("detail").textContent)];
}

function pictures(drawn) {
  const all = make("div", "figures");
  for (const [index, { svg, width, height }] of drawn.entries()) {
    const place = svg ? picture(svg) : make("div", "");
    place.id = `figure-${index}`;
    place.style.width = `min(100%, ${width}px)`;
    if (!svg) place.style.height = `${height}px`;
    all.append(place);
  }
  return all;
}

function picture(svg) {
  const image = make("img", "");
  image.alt = "What the page showed";
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  return image;
}

/** The curves where there are several, and every measured row. */
function tables({ rows, curves }) {
  // what tells a row from the others stands in front
  const named = rows.filter(Boolean).map(({ curve, label, ...row }) => ({
    ...(curves && { curve: curves[curve].name }),
    label,
    ...row,
  }));
  const all = [section("What was measured", tableOf(named))];
  if (curves) all.unshift(section("Curves", tableOf(curves)));
  return all;
}

function settings({ question, copy }) {
  return [
    section("Settings", make("pre", "", JSON.stringify(question, null, 2))),
    section("To measure it again in Python", make("pre", "", copy.Python)),
    section("To measure it again on the command line", make("pre", "", copy.CLI)),
  ];
}

function section(title, content) {
  const whole = make("details", "");
  whole.append(make("summary", "", title), content);
  return whole;
}

/** When it was measured, or else saved, on what, and how much of it there was; where it is to be had again. */
function origin({ status, device, progress, measured_at: measured }, address) {
  const whole = make("p", "origin");
  const link = make("a", "", "Open it in Regimescope");
  link.href = address;
  const extent = status === "done" ? "" : ` The measurement was ${status}: ${progress.done} of ${progress.total} points.`;
  const time = (measured ? new Date(measured) : new Date()).toLocaleString("en-GB", { timeZoneName: "short" });
  whole.append(`${measured ? "Measured" : "Saved"} on ${time}; device: ${device || "unknown"}.${extent} `, link);
  return whole;
}

function withAttribute(element, [name, value]) {
  element.setAttribute(name, value);
  return element;
}

/** JSON that may stand in a script element. */
function asJson(value) {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

function styles({ name, text, surface, muted, axis, font, clean }) {
  return `
:root { color-scheme: ${name}; }
body { max-width: 1320px; margin: 24px auto; padding: 0 16px; background: ${surface}; color: ${text}; font: 15px/1.5 ${font}; }
h1 { font-size: 20px; line-height: 1.4; }
.about { color: ${muted}; }
.chip { padding: 2px 12px; border-radius: 999px; font-size: 14px; white-space: nowrap; }
.figures { display: flex; flex-wrap: wrap; gap: 16px; }
a { color: ${clean}; }
details { margin: 12px 0; border-top: 1px solid ${axis}; padding-top: 8px; }
summary { font-weight: 600; cursor: pointer; }
pre, .scroll { overflow: auto; max-height: 80vh; font-size: 12px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 2px 10px 2px 0; text-align: left; white-space: nowrap; }
th { position: sticky; top: 0; background: ${surface}; color: ${muted}; font-weight: 400; }
.origin { color: ${muted}; }
`;
}
