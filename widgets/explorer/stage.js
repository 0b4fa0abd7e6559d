// The large head: what stands over it, and what a hand or a key does to it.

import { draw, make } from "./elements.js";
import { rmsDistance } from "./metrics.js";
import {
  drawDots,
  drawEllipse,
  ellipseIn,
  plausible,
  plotPoint,
  pointInWords,
  pointName,
} from "./point.js";
import { placeOfPoint, SEARCHED } from "./state.js";
import { fromLikeliest, headName, inWords, whereabouts } from "./words.js";

export const NUDGE = 1; // mm that an arrow key moves a held point

export function stage(app) {
  const canvas = make("canvas", { ariaHidden: "true" });
  const turn = make("div", {
    className: "turn",
    tabIndex: 0,
    role: "application",
    "aria-roledescription": "head to turn",
  });
  const overlay = draw("svg", { "aria-hidden": "true" });
  const handle = make("button", { type: "button", className: "handle", hidden: true });
  handle.ariaLabel = "Move the chosen point";
  const words = make("div", { className: "words" });
  const plot = make("div", { className: "plot" });
  const sides = make("div", { className: "sides" });
  const about = make("p", { className: "about" });
  const ticks = make("p");
  const strip = make("div", {
    style: `background: linear-gradient(to right, ${app.data.colours})`,
  });
  const heading = make("p", {}, "How far the heads differ (standard deviation)");
  const scale = make("div", { className: "scale" }, heading, strip, ticks);
  const foot = make("div", { className: "foot" }, sides, about, scale);
  const progress = make("progress", { max: 1, value: 0, ariaLabel: "The search" });
  const element = make(
    "section",
    { className: "stage", ariaLabel: "The large head" },
    ...[canvas, turn, overlay, handle, words, plot, foot, progress],
  );

  /** Where the large heads stand: [left, top, width, height] px; the pinned one left of today's. */
  function places() {
    const [width, height] = [element.clientWidth, element.clientHeight];
    const split = Boolean(app.state.pinned);
    const besideWords = split ? 74 : 8;
    const above = width < 480 ? besideWords : 34;
    const inner = height - above - foot.offsetHeight - 14;
    if (!split) return [[0, above, width, inner]];
    return [1, 0].map((half) => [(half * width) / 2, above, width / 2, inner]);
  }

  /** Mark the chosen point on the large head: its places in all heads, and the posterior's ellipse. */
  function mark() {
    const { state, posterior, camera } = app;
    const { point, head, now } = state;
    handle.hidden = point < 0 || !now || !posterior.isFree(point);
    if (point < 0 || !now) return overlay.replaceChildren();
    const [left, top, width, height] = places()[0];
    const at = (place) => {
      const [x, y] = camera.project(place, width, height);
      return [left + x, top + y];
    };
    const [x, y] = at(placeOfPoint(state, posterior));
    Object.assign(handle.style, { left: `${x}px`, top: `${y}px` });
    const { home, covariance } = plausible(state, posterior);
    const axes = ellipseIn(camera.turn, covariance);
    const dots = now.heads.map((one) => at(one.subarray(3 * point, 3 * point + 3)));
    overlay.replaceChildren(
      drawEllipse(at(home), axes, camera.scale(width, height)),
      ...drawDots(dots, head, [3, 5]),
    );
  }

  function name({ passing, drawn, head, now }) {
    const { posterior } = app;
    const passes = passing ? "A draw of the posterior" : headName(head, now);
    const away = drawn ? fromLikeliest(rmsDistance(drawn, now.likeliest, posterior.free)) : "";
    const where = passing || !now ? away : whereabouts(head, now, posterior);
    words.replaceChildren(
      make("b", {}, passes),
      make("br"),
      make("span", { className: "soft" }, where),
    );
    const keys = "Arrow keys turn it, plus and minus zoom, Home turns it back.";
    turn.ariaLabel = `${passes}, ${where}. ${keys} Touch a point to see its spread.`;
  }

  function explain(state) {
    const { point, now } = state;
    if (point < 0 || !now) {
      for (const part of [about, plot]) part.replaceChildren();
      return;
    }
    const [head, text] = pointInWords(app);
    about.replaceChildren(make("b", {}, head), text);
    plot.replaceChildren(plotPoint(app));
    const held = now.held?.places.some(([vertex]) => vertex === point);
    handle.classList.toggle("holds", Boolean(held));
    const keys = `arrow keys by ${NUDGE} mm, Escape lets it go`;
    handle.ariaLabel = `Move ${pointName(point, app.data.points)}: ${keys}`;
  }

  function compare(state) {
    const { pinned } = state;
    sides.hidden = !pinned;
    app.root.classList.toggle("pinned", Boolean(pinned));
    const texts = pinned ? [`pinned: ${inWords(pinned.settings)}`, `now: ${inWords(state)}`] : [];
    sides.replaceChildren(...texts.map((text) => make("span", {}, text)));
  }

  function show(state, changed) {
    if (changed("head", "now", "passing", "drawn")) name(state);
    if (changed("point", "now", "head", "drawn", "yaw", "pitch")) explain(state);
    if (changed("pinned", ...SEARCHED)) compare(state);
    const marks = [0, state.top / 2, state.top].map((tick) => make("span", {}, `${tick} mm`));
    if (changed("top")) ticks.replaceChildren(...marks);
    app.root.ariaBusy = String(state.busy !== null);
    progress.hidden = state.busy === null;
    progress.value = state.busy ?? 0;
  }

  return { element, canvas, turn, handle, words, places, mark, show };
}
