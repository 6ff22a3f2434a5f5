// Links to Explore.

/**
 * The address of Explore with these settings.
 * @param {object} form an experiment's JSON form
 * @param {number} [strength] where the cursor is to be
 */
export function openIn(form, strength) {
  const query = new URLSearchParams({ experiment: JSON.stringify(form) });
  return `/?${query}${strength === undefined ? "" : `#s=${strength}`}`;
}
