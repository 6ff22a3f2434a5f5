// The live component of "Phase map": two dials at once, a cell for each pair of strengths.

import { showChip } from "./chip.js";
import { createFoot } from "./foot.js";
import { interval, number, percent, signed } from "./format.js";
import { createGrid } from "./map-grid.js";
import { answer } from "./map-answer.js";
import { mapPicture } from "./map-picture.js";
import { createFollower, mounted } from "./mount.js";
import { QUANTITIES, createChoice } from "./map-quantities.js";
import { banner, write } from "./several.js";

export default mounted((root, plotly) => {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const ending = new AbortController(); // ends every listener
  const { signal } = ending;
  const follower = createFollower(root, { render });
  const grid = createGrid(part("map"), { onLook: look, signal });
  const choice = createChoice(part("quantities"), { onChoice: render, signal });
  const figures = () => [mapPicture(part("map"))];
  const foot = createFoot(part, { onCommand: (type) => follower.tell({ type }), figures, plotly, signal });

  function render() {
    const { shown, connection, data } = follower;
    const said = banner(shown, connection === "gone", answer);
    part("verdict").dataset.tone = said.tone;
    showChip(part("verdict-chip"), said.name, said.tone);
    write(part("headline"), said.headline);
    write(part("detail"), said.detail);
    foot.show(shown, connection, data);
    if (!shown?.curves.length) return;
    const quantity = QUANTITIES[choice.chosen()];
    grid.show(shown, quantity);
    part("legend").replaceChildren(...quantity.legend(shown));
  }

  /** Everything about one cell, in a place of its own. */
  function look(row) {
    const { outer, inner } = follower.shown.axes;
    if (!row) return;
    const curve = follower.shown.curves[row.curve];
    const where = `${outer.name} ${curve.name}, ${inner.name} ${inner.ticks[row.place]}`;
    write(
      part("cell"),
      row.state == null
        ? `${where}: not measured yet.`
        : `${where}: ${row.state}. Degraded loss ${number(row.degraded_loss)}, loss delta ${signed(row.loss_delta)} ` +
            `(${interval(row.loss_delta_low, row.loss_delta_high, signed)}), ${percent(row.retention)} of the effect. ${row.reason}`,
    );
  }

  return {
    update: follower.update,
    isLatest: follower.isLatest,
    close() {
      ending.abort();
      follower.close();
    },
  };
});
