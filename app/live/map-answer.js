// What a map says in a sentence: how many cells are clean, and where the largest clean region lies.

/** Name, tone, headline and detail of the banner. */
export function answer(snapshot) {
  const { rows, axes, curves, status } = snapshot;
  const width = axes.inner.ticks.length;
  const degraded = rows.filter((row) => row && (row.place > 0 || axes.outer.strengths[row.curve] > 0));
  const clean = degraded.filter(({ state }) => state === "clean");
  const soFar = status === "done" ? "" : " so far";
  const region = largestRegion(rows, width);
  const span = (labels, places) => [...new Set([labels[Math.min(...places)], labels[Math.max(...places)]])].join(" to ");
  const where = region.length
    ? `The largest region of neighbours has ${region.length === 1 ? "one cell" : `${region.length} cells`}, at ${axes.outer.name} ` +
      `${span(curves.map(({ name }) => name), region.map(({ curve }) => curve))} and ${axes.inner.name} ` +
      `${span(axes.inner.ticks, region.map(({ place }) => place))}. Of so many cells some may look clean by chance.`
    : "";
  return {
    name: status === "done" ? `${clean.length} of ${degraded.length} clean` : "measuring",
    tone: status !== "done" ? "pending" : clean.length ? "clean" : "unresolved",
    headline: clean.length
      ? `${snapshot.text.intervention} is clean in ${clean.length} of ${degraded.length} cells${soFar}.`
      : `${snapshot.text.intervention} is shown to be clean in none of ${degraded.length} cells${soFar}.`,
    detail: where,
  };
}

/** The largest set of clean cells that are neighbours, up, down, left or right. */
export function largestRegion(rows, width) {
  const left = new Set(rows.flatMap((row, index) => (row?.state === "clean" ? [index] : [])));
  let largest = [];
  for (const start of [...left]) {
    if (!left.delete(start)) continue;
    const region = [start];
    for (const index of region) {
      const place = index % width;
      const near = [index - width, index + width, place > 0 ? index - 1 : -1, place < width - 1 ? index + 1 : -1];
      for (const each of near) if (left.delete(each)) region.push(each);
    }
    if (region.length > largest.length) largest = region;
  }
  return largest.map((index) => rows[index]);
}
