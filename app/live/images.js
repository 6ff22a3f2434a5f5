// An item that is an image: the image, and how probable the network finds each class that it may be of.

import { cell, draw, make } from "./elements.js";
import { percent } from "./format.js";

const HEIGHT = 34; // of the bars, in units of the drawing
const STEP = 10; // from one class to the next

/**
 * @param {object} example the image's side and pixels, features beyond them, the classes and which of them are right
 * @param {string[]} conditions under which the network is run
 * @returns {{element: HTMLElement, update: (readings: Array<Array<number|null>|undefined>) => void}} `update` takes the
 *   probabilities of each condition
 */
export function drawImage(example, conditions) {
  const block = make("div", "rs-example rs-image");
  const charts = conditions.map((name) => createBars(example, name));
  const answers = named(example.answers, example);
  const row = make("div", "rs-panels");
  row.append(picture(example), ...charts.map((chart) => chart.element));
  block.append(make("h4", "", `${example.title} · asked for: ${answers}`), row);
  return { element: block, update: (readings) => charts.forEach((chart, at) => chart.update(readings[at])) };
}

/** The image, and below it a strip of what comes in beside it. */
function picture({ side, pixels, more, title }) {
  const strip = more.length ? 1.5 : 0;
  const square = (shade, x, y, width, height) =>
    draw("rect", { x, y, width, height, class: "rs-pixel", "fill-opacity": shade });
  const grid = pixels.map((shade, at) => square(shade, at % side, Math.floor(at / side), 1, 1));
  const width = side / more.length;
  const beside = more.map((shade, at) => square(shade, at * width, side + 0.5, width, 1));
  const frame = (y, height) => draw("rect", { x: 0, y, width: side, height, class: "rs-frame" });
  const image = draw("svg", { viewBox: `0 0 ${side} ${side + strip}`, "shape-rendering": "crispEdges" });
  image.append(...grid, ...beside, frame(0, side), ...(strip ? [frame(side + 0.5, 1)] : []));
  const element = cell("div", "rs-picture");
  element.setAttribute("aria-label", more.length ? `${title}, with what comes in beside it` : title);
  element.append(image);
  return element;
}

/** A bar for each class under one condition, and in words how probable the right ones are. */
function createBars(example, condition) {
  const width = STEP * example.classes.length;
  const bars = example.classes.map((_, at) => {
    const right = example.answers.includes(at) ? "rs-bar rs-right" : "rs-bar";
    return draw("rect", { x: STEP * at + 1.5, y: HEIGHT, width: STEP - 3, height: 0, class: right });
  });
  const line = draw("path", { d: `M0 ${HEIGHT}H${width}`, class: "rs-base" });
  const plot = draw("svg", { viewBox: `0 0 ${width} ${HEIGHT + 1}`, preserveAspectRatio: "none" }, ...bars, line);
  const labels = make("div", "rs-labels");
  labels.append(
    ...shortened(example.classes).map((name, at) => make("span", example.answers.includes(at) ? "rs-right" : "", name)),
  );
  const chart = cell("div", "rs-bars");
  chart.append(plot, labels);
  const element = make("div", "rs-panel");
  const share = make("b", "", "–");
  element.append(make("p", "", condition), share, chart);

  function update(shares) {
    const known = example.classes.map((_, at) => shares?.[at] ?? null);
    known.forEach((each, at) => {
      bars[at].setAttribute("y", String(HEIGHT * (1 - (each ?? 0))));
      bars[at].setAttribute("height", String(HEIGHT * (each ?? 0)));
    });
    const right = example.answers.map((at) => known[at]);
    share.textContent = percent(right.includes(null) ? null : right.reduce((sum, each) => sum + each, 0));
    const all = known.map((each, at) => `${example.classes[at]}: ${percent(each)}`).join(", ");
    chart.title = `${condition}: ${all}; asked for: ${named(example.answers, example)}`;
    chart.setAttribute("aria-label", chart.title);
  }

  return { element, update };
}

/** Names without the words that all of them begin with: below a bar there is no room for them. */
function shortened(names) {
  const words = names.map((name) => name.split(" "));
  const least = Math.min(...words.map((each) => each.length)) - 1;
  let shared = 0;
  while (shared < least && names.length > 1 && words.every((each) => each[shared] === words[0][shared])) shared += 1;
  return words.map((each) => each.slice(shared).join(" "));
}

function named(places, { classes }) {
  return places.map((at) => classes[at]).join(" or ");
}
