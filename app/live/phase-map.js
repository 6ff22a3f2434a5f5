// The live component of "Phase map": two dials at once, a cell for each pair of strengths.

import { createFoot } from "./foot.js";
import { answer } from "./map-answer.js";
import { createCellReadout } from "./map-cell.js";
import { createGrid } from "./map-grid.js";
import { elementPicture } from "./map-picture.js";
import { QUANTITIES, createChoice } from "./map-quantities.js";
import { createFollower, mounted } from "./mount.js";
import { hintOverflow } from "./overflow.js";
import { banner } from "./several.js";
import { showBanner } from "./states.js";

export default mounted((root, plotly) => {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const ending = new AbortController(); // ends every listener
  const { signal } = ending;
  let looked = null; // the cell whose numbers are told
  const follower = createFollower(root, { render });
  const readout = createCellReadout(part);
  const grid = createGrid(part("map"), { onLook: look, signal });
  const choice = createChoice(part("quantities"), { onChoice: render, signal });
  const foot = createFoot(part, { onCommand: (type) => follower.tell({ type }), figures, plotly, signal });
  hintOverflow(part("box"), signal);

  function render() {
    const { shown, connection, data } = follower;
    showBanner(part, banner(shown, connection === "gone", answer));
    foot.show(shown, connection, data);
    const known = Boolean(shown?.curves.length);
    part("empty").hidden = known;
    if (!known) return grid.clear();
    const quantity = QUANTITIES[choice.chosen()];
    grid.show(shown, quantity);
    part("legend").replaceChildren(...quantity.legend(shown));
    readout.show(shown, looked);
  }

  function look(cell) {
    looked = cell;
    readout.show(follower.shown, looked);
  }

  function figures() {
    const legend = elementPicture(part("legend"), "span:not(.rs-strip), i");
    return [legend, elementPicture(part("map"), "th, span, a", part("box"))];
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
