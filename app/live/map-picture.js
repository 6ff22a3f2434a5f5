// A map as a picture takes it: the table drawn as it stands on the page.

import { draw } from "./elements.js";

/** @param {HTMLTableElement} table */
export function mapPicture(table) {
  const origin = table.getBoundingClientRect();
  return {
    width: Math.ceil(origin.width),
    height: Math.ceil(origin.height),
    async svg() {
      const whole = draw("svg", { width: origin.width, height: origin.height });
      for (const cell of table.querySelectorAll("caption, th, td")) {
        const shown = cell.querySelector("a") ?? cell;
        const box = shown.getBoundingClientRect();
        const [x, y] = [box.x - origin.x, box.y - origin.y];
        const style = getComputedStyle(shown);
        if (shown !== cell) whole.append(draw("rect", { x, y, width: box.width, height: box.height, fill: style.backgroundColor }));
        const left = shown === cell && getComputedStyle(cell).textAlign !== "center";
        const text = draw("text", {
          x: left ? x + 2 : x + box.width / 2,
          y: y + box.height / 2 + 4,
          "text-anchor": left ? "start" : "middle",
          "font-size": style.fontSize,
          "font-family": style.fontFamily,
          fill: style.color,
        });
        text.textContent = shown.textContent;
        whole.append(text);
      }
      return new XMLSerializer().serializeToString(whole);
    },
  };
}
