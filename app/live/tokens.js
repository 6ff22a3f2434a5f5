// What the network does at one strength: example tokens, tinted by how badly each is predicted.

const CONDITIONS = ["original", "degraded", "+ intervention"];
const NOTHING = []; // one and the same list, so that it counts as drawn
const FALLBACK_SCALE = 4; // nats at full tint where chance is unknown

/**
 * @param {(part: string) => HTMLElement} part finds an element of explore.html by its data-part
 */
export function createTokens(part) {
  let drawn = null; // the list of examples whose tokens are on the page
  let cells = []; // per example, per condition, per token
  let shown = []; // what the page was made from

  function draw(examples) {
    cells = [];
    part("examples").replaceChildren(...examples.map(drawExample));
    drawn = examples;
  }

  /** One column a token, the three conditions below each other: a wrapped line still compares like with like. */
  function drawExample(example) {
    const block = make("div", "rs-example");
    const caption = make("h4", "", example.title);
    const names = make("div", "rs-column rs-conditions");
    names.append(...CONDITIONS.map((name) => make("span", "", name)));
    const line = make("div", "rs-tokens");
    const grid = CONDITIONS.map(() => []);
    example.tokens.forEach((token, at) => {
      const column = make("div", example.scored[at] ? "rs-column rs-scored" : "rs-column");
      for (const condition of grid) {
        const cell = make("span", "", visible(token));
        cell.role = "img"; // lets the label speak: token, condition, loss
        condition.push(cell);
        column.append(cell);
      }
      line.append(column);
    });
    cells.push(grid);
    block.append(caption, names, line);
    return block;
  }

  return {
    /**
     * @param {object|null} snapshot
     * @param {object|null} row the strength to show
     */
    show(snapshot, row) {
      const examples = snapshot?.examples ?? NOTHING;
      const original = snapshot?.rows[0] ?? null;
      const scale = snapshot?.reference.chance ?? FALLBACK_SCALE;
      const source = [examples, original, row, scale];
      if (source.every((item, at) => item === shown[at])) return;
      shown = source;
      if (examples !== drawn) draw(examples);
      part("where").textContent = row ? `at ${row.label}` : "";
      part("scale").textContent = `≥ ${scale.toFixed(1)} nats of loss · underlined: scored`;
      examples.forEach((example, at) => {
        const here = row?.examples?.[at];
        [original?.examples?.[at]?.degraded, here?.degraded, here?.intervened].forEach((list, condition) => {
          example.tokens.forEach((token, place) => {
            tint(cells[at][condition][place], token, list?.[place] ?? null, scale, CONDITIONS[condition]);
          });
        });
      });
    },
  };
}

function tint(cell, token, loss, scale, condition) {
  const share = loss === null ? 0 : Math.max(0, Math.min(1, loss / scale));
  cell.style.setProperty("--rs-heat-share", `${Math.round(100 * share)}%`);
  cell.title = `${token} (${condition}): ${loss === null ? "not scored" : `${loss.toFixed(2)} nats`}`;
  cell.setAttribute("aria-label", cell.title);
}

/** White space drawn, so that a token is never invisible. */
function visible(token) {
  return token.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "·") || "∅";
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
