// How long the work will still take, from how fast it went lately.

const WINDOW = 10_000; // ms that are looked back at
const LEAST = 3_000; // ms of experience before anything is said

/** Remembers how far the work was, and when. */
export function createEstimate() {
  let seen = []; // [ms, points done], oldest first
  let key = null;
  let moved = false; // whether it went on since it was first seen

  return {
    /**
     * Seconds left, or null where that is not known: at the beginning, and where nothing moves.
     * @param {string} job another one is another story
     * @param {{done: number, total: number}|null} progress null where nothing is under way
     * @param {number} now ms
     */
    left(job, progress, now) {
      if (job !== key || !progress) [seen, moved] = [[], false];
      key = job;
      if (!progress) return null;
      const { done, total } = progress;
      if (done < (seen.at(-1)?.[1] ?? 0)) [seen, moved] = [[], false];
      if (done !== seen.at(-1)?.[1]) {
        // The first step tells no rate: what was stored comes at once, and the engine's preparations take time.
        if (seen.length && !moved) [seen, moved] = [[], true];
        seen.push([now, done]);
      }
      // one step older than the window stays, so that slow work has a rate, too
      while (seen.length > 2 && seen[1][0] < now - WINDOW) seen.shift();
      const [since, before] = seen[0];
      if (now - since < LEAST || done === before || done >= total) return null;
      return ((total - done) * (now - since)) / 1000 / (done - before);
    },
  };
}
