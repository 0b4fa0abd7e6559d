// The measures as bars, and how diverse against how plausible as curves.

import { clamp, draw, make, millimetres, scaleTop } from "./elements.js";
import { CURVES } from "./exploring.js";
import { MEASURES, resultInWords } from "./words.js";

const QUIET = 600; // ms after which a result is told to those who listen

/** The sets that are compared: those of now, as many independent draws, and the pinned ones. */
function compared({ now, pinned }) {
  const sets = [
    { who: "these heads", colour: "--now", set: now },
    { who: "independent draws", colour: "--other", set: now.independent },
  ];
  return pinned ? [...sets, { who: "pinned", colour: "--pin", set: pinned }] : sets;
}

export function measures(app) {
  const table = make("table");
  const key = make("div", { className: "flow soft" });
  const curves = chart(app);
  const status = make("p", { className: "unseen", role: "status" });
  const element = make(
    "section",
    { className: "measures", ariaLabel: "Measures" },
    ...[table, key, curves.element, status],
  );
  let telling = null;
  app.signal.addEventListener("abort", () => clearTimeout(telling));

  function show(state, changed) {
    if (!state.now) return;
    if (changed("now", "pinned", "ruler")) {
      const sets = compared(state);
      const caption = make("caption", { className: "unseen" }, "Measures");
      const rows = Object.keys(MEASURES).map((name) => row(name, sets, state.ruler));
      table.replaceChildren(caption, ...rows);
      key.replaceChildren(
        ...sets.map(({ who, colour }) => {
          const spot = make("span", { className: "key", style: `background: var(${colour})` });
          return make("span", {}, spot, `${who} `);
        }),
      );
    }
    if (changed("now")) {
      clearTimeout(telling);
      telling = setTimeout(() => {
        status.textContent = resultInWords(state.now);
      }, QUIET);
    }
    curves.show(state, changed);
  }

  return { element, show };
}

function row(name, sets, ruler) {
  const { label, unit, about } = MEASURES[name];
  const heads = Math.max(...sets.map(({ set }) => set.heads.length));
  const end = name === "cardinality" ? heads / 2 : ruler;
  const bars = sets.map(({ who, colour, set }) => {
    const width = clamp((72 * set[name]) / end, 0, 72);
    const value = `${set[name].toFixed(1)}${unit}`;
    return make(
      "div",
      { className: "bar" },
      make("i", { style: `width: ${width}%; background: var(${colour})` }),
      make("span", {}, make("span", { className: "unseen" }, `${who}: `), value),
    );
  });
  return make("tr", {}, make("th", { scope: "row", title: about }, label), make("td", {}, ...bars));
}

/** The curves of both losses, independent draws, and where the settings lie. */
function chart(app) {
  const compare = app.button("Add the published loss", () => app.update({ comparing: true }));
  compare.title = "Its curve takes a browser about half a minute, in the background";
  const text = make("span");
  const published = make("span", {}, make("i", { className: "published" }), text);
  const calibrated = make("span", {}, make("i"), "the calibrated DPP");
  const legend = make("figcaption", { className: "flow soft" }, calibrated, published, compare);
  const element = make("figure", { className: "chart" }, draw("svg"), legend);
  return {
    element,
    show(state, changed) {
      if (!changed("now", "pinned", "points", "tracing", "comparing")) return;
      element.firstChild.replaceWith(drawChart(state));
      compare.hidden = state.comparing || state.tracing !== null;
      published.hidden = !state.comparing;
      const computing = state.tracing === "published" ? ", being computed …" : "";
      text.textContent = `the published loss${computing}`;
    },
  };
}

function drawChart({ now, pinned, points }) {
  const marks = [
    ["independent", now.independent],
    ...(pinned ? [["pinned", pinned]] : []),
    ["now", now],
  ];
  const all = [...points, ...marks.map(([, set]) => set)];
  const end = (name) => scaleTop(1.05 * Math.max(...all.map((one) => one[name])));
  const [far, dear] = [end("asd"), end("cost")];
  const at = ({ asd, cost }) => [44 + (250 * asd) / far, 96 - (86 * cost) / dear];
  const curves = Object.keys(CURVES).map((form) => {
    const places = points.filter((point) => point.form === form).map(at);
    return draw("polyline", { points: places.join(" "), class: form });
  });
  const dots = marks.map(([who, set]) => {
    const [cx, cy] = at(set);
    const r = who === "now" ? 6 : 4.5;
    return draw("circle", { cx, cy, r, class: who }, draw("title", {}, who));
  });
  const word = (x, y, words, anchor) => draw("text", { x, y, "text-anchor": anchor }, words);
  const told = ({ asd, cost }) => `${millimetres(asd)} at ${cost.toFixed(1)} nats`;
  const label =
    `This setting: to the nearest other head ${told(now)} from the most likely head; ` +
    `independent draws: ${told(now.independent)}`;
  const upright = { transform: "translate(13 50) rotate(-90)", "text-anchor": "middle" };
  return draw(
    "svg",
    { viewBox: "0 0 300 128", role: "img", "aria-label": label },
    draw("path", { d: "M44 8V96H298", class: "axis" }),
    ...curves,
    ...dots,
    word(40, 18, String(dear), "end"),
    word(40, 100, "0", "end"),
    word(294, 110, String(far), "end"),
    word(44, 110, "0", "middle"),
    word(170, 123, "more diverse: to the nearest other head, mm", "middle"),
    draw("text", upright, "less likely, nats"),
  );
}
