// The explorer: one state, the parts that show it, and the work that finds its heads.

import { background } from "./background.js";
import { boxOf, Camera } from "./camera.js";
import { controls, moreSettings } from "./controls.js";
import { unpack } from "./data.js";
import { make } from "./elements.js";
import { frames } from "./frames.js";
import { gallery } from "./gallery.js";
import { gestures } from "./gestures.js";
import { measures } from "./measures.js";
import { holdings, photo, pictureOf } from "./photo.js";
import { stage } from "./stage.js";
import { checked, differing, firstState, KEPT, kept, nextHead } from "./state.js";

const TURN = 1100; // ms that a head stands large while they pass
const SAVING = 200; // ms after which a state is kept

/** Build the explorer into an element; `host` loads and saves what differs from the first state. */
export async function mount(root, data, host) {
  root.classList.add("d3fx");
  try {
    const [posterior, picture] = await Promise.all([unpack(data), pictureOf(data)]);
    return new Explorer(root, data, posterior, picture, host);
  } catch (error) {
    root.replaceChildren(make("p", {}, `The heads cannot be shown: ${error.message}`));
    throw error;
  }
}

class Explorer {
  #parts;
  #updates = [];
  #shown = null; // the state that the parts show
  #closing = new AbortController();
  #ids = `d3fx${Math.random().toString(36).slice(2, 8)}`;

  constructor(root, data, posterior, picture, host) {
    Object.assign(this, { root, data, posterior });
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.box = boxOf(posterior.mean);
    this.hidden = data.part === "occluded" ? "hidden" : "unseen";
    this.first = firstState(data);
    this.state = checked(host.load(), this.first, data.limits, posterior);
    const [large, small] = [stage(this), gallery(this)];
    const [main, bars, more] = [controls(this), measures(this), moreSettings(this)];
    const shown = [large, small, main, bars, more];
    const elements = shown.map(({ element }) => element);
    root.replaceChildren(
      make("div", { className: "first" }, title(data), said(data), photo(this), ...elements),
      make("p", { className: "soft holds" }, holdings(data)),
    );
    theme(this);
    const drawing = frames(this, large, small, picture);
    gestures(this, large, drawing.shape);
    this.#parts = [...shown, background(this), drawing, player(this), keeper(this, host)];
    this.update({});
  }

  /** Ends when the explorer is closed. */
  get signal() {
    return this.#closing.signal;
  }

  get camera() {
    return new Camera(this.box, this.state);
  }

  /** Change the state, and show it; what a part asks for while it shows comes after it. */
  update(changes) {
    this.#updates.push(changes);
    if (this.#updates.length > 1) return;
    try {
      for (; this.#updates.length; this.#updates.shift()) {
        const state = { ...this.state, ...this.#updates[0] };
        this.state = { ...state, head: Math.min(state.head, state.number - 1) };
        this.#show();
      }
    } finally {
      this.#updates = []; // a part that fails stops nothing but itself
    }
  }

  #show() {
    const { state } = this;
    const before = this.#shown;
    const changed = (...names) => !before || names.some((name) => state[name] !== before[name]);
    this.#shown = state;
    for (const part of this.#parts) part.show(state, changed);
  }

  /** Become what a link or a traitlet says. */
  restore(given) {
    const state = checked(given, this.first, this.data.limits, this.posterior);
    const wanted = differing(state, this.first);
    if (JSON.stringify(wanted) === JSON.stringify(differing(this.state, this.first))) return;
    const samePin = JSON.stringify(state.pin) === JSON.stringify(this.state.pin);
    this.update({ ...kept(state), ...(samePin ? {} : { pinned: null }) });
  }

  /** Turn the head as the photo's camera sees it. */
  face() {
    const { yaw, pitch, zoom } = this.first;
    this.update({ yaw, pitch, zoom });
  }

  on(target, event, listener, options = {}) {
    target.addEventListener(event, listener, { ...options, signal: this.signal });
  }

  button(name, pressed) {
    const button = make("button", { type: "button", className: "plain" }, name);
    this.on(button, "click", pressed);
    return button;
  }

  /** An id that no other explorer of the page has. */
  id(name) {
    return this.#ids + name;
  }

  close() {
    this.#closing.abort();
    this.#parts = [];
    this.root.replaceChildren();
  }
}

function title({ name }) {
  const note = make("b", {}, "The hidden part is sampled, not observed.");
  const what = "Equal where the photo shows the face, different where it does not. ";
  return make("header", {}, make("h1", {}, make("bdi", {}, name)), make("p", {}, what, note));
}

/** What to know of the heads before looking at them. */
function said({ said }) {
  const list = make("ul", {}, ...said.map((words) => make("li", {}, words)));
  const summary = make("summary", {}, "How far from others; what is never seen");
  const open = matchMedia("(min-width: 640px)").matches; // a phone's first screen has no room
  return make("details", { className: "said soft", open }, summary, list);
}

/** Light or dark as the notebook is, or as the person has it. */
function theme(app) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const notebook = document.body.dataset.jpThemeLight;
    const isDark = notebook ? notebook === "false" : dark.matches;
    app.root.dataset.theme = isDark ? "dark" : "light";
  };
  const watch = new MutationObserver(show);
  watch.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  app.signal.addEventListener("abort", () => watch.disconnect());
  app.on(dark, "change", show);
  show();
}

/** Let one head after another stand large, for as many turns as are left. */
function player(app) {
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
  };
  app.signal.addEventListener("abort", stop);
  return {
    show({ turns }) {
      if (!turns) stop();
      else timer ??= setInterval(() => app.update(nextHead(app.state)), TURN);
    },
  };
}

/** Keep what differs from the first state: a moment after it changed, or as soon as a person turns
 * to something else, which may ask for it. */
function keeper(app, host) {
  let timer = null;
  const stop = () => {
    clearTimeout(timer);
    timer = null;
  };
  const save = () => {
    if (timer !== null) host.save(differing(app.state, app.first));
    stop();
  };
  app.signal.addEventListener("abort", stop);
  app.on(app.root, "focusout", save);
  return {
    show({ turns }, changed) {
      if (!changed(...KEPT, "turns")) return;
      stop();
      if (!turns) timer = setTimeout(save, SAVING);
    },
  };
}
