// The small heads, one of which stands large.

import { clamp, make, whole } from "./elements.js";
import { chosen } from "./state.js";
import { fromLikeliest, headName } from "./words.js";

export function gallery(app) {
  const canvas = make("canvas", { ariaHidden: "true" });
  const element = make(
    "div",
    {
      className: "heads",
      role: "listbox",
      "aria-label": "The heads: choose one to see it large",
      "aria-orientation": "horizontal",
    },
    canvas,
  );
  let cells = [];
  let columns = 1;
  let places = []; // of the heads on the canvas: [left, top, width, height] px

  app.on(element, "keydown", (event) => {
    const moves = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns,
      ArrowDown: columns,
      Home: -Infinity,
      End: Infinity,
    };
    if (!Object.hasOwn(moves, event.key)) return;
    event.preventDefault();
    cells[clamp(app.state.head + moves[event.key], 0, cells.length - 1)].focus();
  });

  /** As many columns as make the heads largest. */
  function arrange() {
    if (!cells.length) return;
    const [across, along] = app.box.extent;
    const [width, height] = [element.clientWidth, element.clientHeight];
    const rows = (count) => Math.ceil(cells.length / count);
    const size = (count) => Math.min((width / count / across) * along, height / rows(count));
    const better = (best, count) => (size(count) > size(best) + 0.5 ? count : best);
    columns = whole(1, cells.length).reduce(better, 1);
    element.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    element.style.gridTemplateRows = `repeat(${rows(columns)}, minmax(0, 1fr))`;
    places = cells.map((one) => [one.offsetLeft, one.offsetTop, one.offsetWidth, one.offsetHeight]);
  }

  function fill(number) {
    if (cells.length === number) return;
    cells = whole(0, number - 1).map((head) => {
      const label = make("span", {}, String(head));
      const cell = make("div", { className: "head", role: "option" }, label);
      for (const event of ["pointerenter", "focus", "click"]) {
        app.on(cell, event, () => app.update(chosen(head)));
      }
      return cell;
    });
    element.replaceChildren(canvas, ...cells);
    arrange();
  }

  function show(state, changed) {
    const { now, head } = state;
    if (!now || !changed("now", "head")) return;
    fill(now.heads.length);
    cells.forEach((cell, n) => {
      cell.ariaSelected = n === head;
      cell.ariaLabel = `${headName(n, now)}, ${fromLikeliest(now.away[n])}`;
      cell.tabIndex = n === Math.max(head, 0) ? 0 : -1;
    });
  }

  return { element, canvas, arrange, show, places: () => places };
}
