// Page elements: how they are made and written to.

const SVG = "http://www.w3.org/2000/svg";

/** An element with a class and a text. */
export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** The same, as a whole whose `aria-label` speaks for what is in it. */
export function cell(tag, className, text = "") {
  const element = make(tag, className, text);
  element.role = "img";
  return element;
}

/** An element of a drawing, with its attributes. */
export function draw(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Set a text only when it is another, so that a screen reader hears changes alone. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
