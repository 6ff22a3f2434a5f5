// Files that are made in the browser.

/**
 * Save a file, as a link to it would.
 * @param {Blob} content
 * @param {string} name with its ending
 */
export function save(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // not before the download has begun
}
