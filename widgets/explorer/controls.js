// The controls: sliders, seed, colours, buttons, and the settings that fewer people need.

import { among, clamp, make } from "./elements.js";
import { pointChoice } from "./point.js";
import { chosen, KEPT, kept, LOOKS, looksOf, pinning } from "./state.js";
import { FORM_NAMES, MEASURES, pythonCall } from "./words.js";

const WEIGHT = {
  label: "DPP weight",
  say: (value) => `${value} nats`,
  note: "What one more different head is worth. 0: all alike.",
};
const PUBLISHED_WEIGHT = {
  label: "DPP weight (published loss)",
  say: (value) => `${value} mm`,
  note: "What one more different head is worth against the visible part.",
};
const BANDWIDTH = {
  label: "Bandwidth",
  say: (value) => `${value} deviation${value === 1 ? "" : "s"}`,
  note: "How far apart two heads must be to count as different, in standard deviations of the hidden part.",
};
const MASS = {
  label: "Radius",
  say: (value) => `${Math.round(100 * value)} %`,
  note: "The share of the posterior that the heads may use: a smaller one keeps them more plausible.",
};
const ITERATIONS = {
  label: "Iterations",
  say: (value) => `${value} steps`,
  note: "How long the search moves the heads apart.",
};

/** What everybody moves: weight, number, seed, colours, a point to look at, and buttons. */
export function controls(app) {
  const weight = slider(app, "dpp_weight", WEIGHT);
  const published = slider(app, "published_weight", PUBLISHED_WEIGHT);
  const parts = [
    weight,
    published,
    slider(app, "number", { label: "Number of heads", say: String }),
    seedField(app),
    lookChoice(app),
    pointChoice(app),
    buttons(app),
  ];
  const elements = parts.map(({ element }) => element);
  return {
    element: make("section", { className: "controls", ariaLabel: "Settings" }, ...elements),
    show(state, changed) {
      if (!changed(...KEPT, "turns", "passing")) return;
      weight.element.hidden = state.form !== "calibrated";
      published.element.hidden = state.form !== "published";
      for (const part of parts) part.show(state);
    },
  };
}

/** The other settings of the search, what the measures mean, and the same call in Python. */
export function moreSettings(app) {
  const iterations = slider(app, "iterations", ITERATIONS);
  const parts = [
    slider(app, "bandwidth", BANDWIDTH),
    slider(app, "mass", MASS),
    iterations,
    formChoice(app),
  ];
  const back = app.button("Back to the first settings", () => {
    app.update({ ...kept(app.first), pin: app.state.pin });
  });
  const meanings = Object.values(MEASURES).map(({ label, about }) =>
    make("li", {}, make("b", {}, label), `: ${about}.`),
  );
  const [intro, code] = [make("small"), make("code")];
  const element = make(
    "details",
    {},
    make("summary", {}, "More settings"),
    make("div", { className: "settings" }, ...parts.map((part) => part.element)),
    make("div", { className: "flow" }, back),
    make("ul", {}, ...meanings),
    make("p", {}, intro, code),
  );
  return {
    element,
    show(state, changed) {
      if (!changed(...KEPT)) return;
      iterations.element.hidden = state.form === "iid";
      for (const part of parts) part.show(state);
      const call = pythonCall(state, app.first, app.posterior);
      [intro.textContent, code.textContent] = [call.intro, call.code];
    },
  };
}

/** A slider over the stops that the data has for a setting. */
function slider(app, name, { label, say, note }) {
  const stops = among(app.data.stops[name], app.first[name], app.state[name]);
  const wholeNumbers = stops.every((value, n) => value === stops[0] + n);
  const base = wholeNumbers ? stops[0] : 0; // whole numbers stand for themselves
  const input = make("input", {
    type: "range",
    id: app.id(name),
    min: base,
    max: base + stops.length - 1,
    step: 1,
  });
  const output = make("output", { htmlFor: input.id });
  app.on(input, "input", () => app.update({ [name]: stops[input.value - base] }));
  const heading = make("label", { htmlFor: input.id }, label);
  const notes = note ? [make("small", {}, note)] : [];
  return {
    element: make("div", { className: "field" }, heading, output, input, ...notes),
    show(state) {
      const value = state[name];
      const away = stops.map((stop) => Math.abs(stop - value));
      input.value = base + away.indexOf(Math.min(...away));
      output.textContent = say(value);
      input.setAttribute("aria-valuetext", say(value));
    },
  };
}

function seedField(app) {
  const [low, high] = app.data.limits.seed;
  const input = make("input", { type: "number", id: app.id("seed"), min: low, max: high, step: 1 });
  app.on(input, "change", () => {
    app.update({ seed: clamp(Math.round(Number(input.value) || 0), low, high) });
  });
  const next = app.button("New draw", () =>
    app.update({ seed: (app.state.seed + 1) % (high + 1) }),
  );
  const label = make("label", { htmlFor: input.id }, "Seed");
  return {
    element: make(
      "div",
      { className: "field" },
      label,
      make("div", { className: "flow" }, input, next),
    ),
    show({ seed }) {
      if (Number(input.value) !== seed || input.value === "") input.value = seed;
    },
  };
}

function lookChoice(app) {
  const legend = make("legend", { className: "unseen" }, "Colours of the heads");
  const element = make("fieldset", { className: "looks" }, legend);
  const choices = looksOf(app.data).map((look) => {
    const { name, title } = LOOKS[look];
    const choice = make("input", { type: "radio", name: app.id("look"), value: look });
    app.on(choice, "change", () => app.update({ look }));
    element.append(make("label", { title }, choice, name));
    return choice;
  });
  return {
    element,
    show(state) {
      for (const choice of choices) choice.checked = choice.value === state.look;
    },
  };
}

function formChoice(app) {
  const options = Object.entries(FORM_NAMES).map(([value, name]) =>
    make("option", { value }, name),
  );
  const select = make("select", { id: app.id("form") }, ...options);
  app.on(select, "change", () => app.update({ form: select.value }));
  const note = "The calibrated form stays inside the posterior; the published one is the paper's.";
  return {
    element: make(
      "div",
      { className: "field" },
      make("label", { htmlFor: select.id }, "Heads by"),
      select,
      make("small", {}, note),
    ),
    show({ form }) {
      select.value = form;
    },
  };
}

function buttons(app) {
  const play = app.button("Play", () => {
    const turns = app.state.turns ? 0 : Number.POSITIVE_INFINITY;
    app.update({ turns, passing: false, drawn: null });
  });
  const pass = app.button("Draws in motion", () => {
    app.update({ passing: !app.state.passing, drawn: null, turns: 0 });
  });
  pass.hidden = app.calm.matches;
  pass.title = "One draw of the posterior after another: how the face may look, each for a moment";
  const pin = app.button("Pin this setting", () => app.update(pinning(app.state)));
  const release = app.button("Let go", () => app.update({ held: [] }));
  const fit = app.button("The fit", () => app.update(chosen(-1)));
  const face = app.button("As in the photo", () => app.face());
  return {
    element: make("div", { className: "flow" }, play, pass, release, pin, fit, face),
    show(state) {
      play.textContent = state.turns ? "Pause" : "Play";
      pass.textContent = state.passing ? "Stop the motion" : "Draws in motion";
      pin.textContent = state.pin ? "Unpin" : "Pin this setting";
      release.hidden = !state.held.length;
    },
  };
}
