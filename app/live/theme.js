// The colours, read from explore.css, the one place where they are written.

const NAMES = ["text", "muted", "surface", "grid", "axis", "loss-delta", "effect", "degraded-loss", "clean", "alert"];

/**
 * Tell light from dark by the background the component really has, and read its colours.
 * @param {HTMLElement} root
 * @returns {{name: string, font: string} & Record<string, string>} a palette, keys in camel case
 */
export function readTheme(root) {
  root.dataset.theme = luminance(getComputedStyle(root).backgroundColor) < 0.4 ? "dark" : "light";
  const style = getComputedStyle(root);
  const palette = { name: root.dataset.theme, font: style.fontFamily };
  for (const name of NAMES) {
    const key = name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
    palette[key] = style.getPropertyValue(`--rs-${name}`).trim();
  }
  return palette;
}

/** A colour of a palette ("#rrggbb"), made translucent. */
export function faded(colour, opacity) {
  return colour + Math.round(255 * opacity).toString(16).padStart(2, "0");
}

/** Perceived lightness, 0 to 1, of a computed "rgb(…)" colour. */
function luminance(colour) {
  const [red, green, blue] = colour.match(/[\d.]+/g).map(Number);
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}
