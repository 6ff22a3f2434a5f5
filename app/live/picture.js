// A picture of what a component shows: its figures one below the other, and the words that belong to them.

import { draw } from "./elements.js";
import { save } from "./save.js";

const EDGE = 16; // px around
const LINE = 18;
const LETTERS = 7; // px of a letter of the caption, on average
const BOLD = 8; // of the title
const SCALE = 2; // pixels of a PNG per px of the page

/**
 * Save a picture as a file.
 * @param {"png"|"svg"} form
 * @param {HTMLElement} root whose colours and font it has
 * @param {Array<{svg: () => Promise<string>, width: number, height: number}>} figures
 * @param {string[]} caption paragraphs, a title first
 * @param {string} name of the file, without its ending
 */
export async function savePicture(form, root, figures, caption, name) {
  const text = await composed(root, figures, caption);
  const drawing = new Blob([text], { type: "image/svg+xml" });
  save(form === "svg" ? drawing : await rasterised(drawing), `${name}.${form}`);
}

/** The whole as the text of one SVG. */
async function composed(root, figures, caption) {
  const width = Math.max(...figures.map((figure) => figure.width)) + 2 * EDGE;
  const lines = caption.flatMap((paragraph, at) => {
    const texts = wrapped(paragraph, Math.floor((width - 2 * EDGE) / (at ? LETTERS : BOLD)));
    return texts.map((text) => ({ text, "font-weight": at ? 400 : 700 }));
  });
  const style = getComputedStyle(root);
  const parser = new DOMParser();
  let top = EDGE;
  const children = [];
  const font = { "font-size": 13, fill: style.color, "font-family": style.fontFamily };
  for (const { text, ...weight } of lines) {
    top += LINE;
    children.push(draw("text", { x: EDGE, y: top - 5, ...font, ...weight }, text));
  }
  top += EDGE / 2;
  for (const figure of figures) {
    const drawn = parser.parseFromString(await figure.svg(), "image/svg+xml").documentElement;
    drawn.setAttribute("x", String(EDGE));
    drawn.setAttribute("y", String(top));
    children.push(drawn);
    top += figure.height + EDGE / 2;
  }
  const whole = draw("svg", { width, height: top + EDGE / 2, viewBox: `0 0 ${width} ${top + EDGE / 2}` });
  whole.append(draw("rect", { width: "100%", height: "100%", fill: style.backgroundColor }), ...children);
  return new XMLSerializer().serializeToString(whole);
}

/** A paragraph in lines of so many letters at most, where it can be broken. */
function wrapped(text, most) {
  const lines = [""];
  const words = text.split(" ").flatMap((word) => word.match(new RegExp(`.{1,${most}}`, "g")) ?? []);
  for (const word of words) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= most || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

async function rasterised(drawing) {
  const image = new Image();
  image.src = URL.createObjectURL(drawing);
  await image.decode();
  URL.revokeObjectURL(image.src);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [SCALE * image.width, SCALE * image.height];
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  context.drawImage(image, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve));
}

/** A Plotly figure on the page, as a picture takes it. */
export function plotlyFigure(Plotly, node) {
  const [width, height] = [node.clientWidth, node.clientHeight];
  return {
    width,
    height,
    async svg() {
      const address = await Plotly.toImage(node, { format: "svg", width, height });
      return decodeURIComponent(address.slice(address.indexOf(",") + 1));
    },
    /** What another page needs to draw it, as wide as there is room. */
    plot() {
      const { width: _, height: __, uirevision, ...layout } = node.layout;
      return { data: node.data, layout };
    },
  };
}
