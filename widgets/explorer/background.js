// Heads and curves are found in slices, between frames.

import { explored, frontier } from "./exploring.js";
import { found, SEARCHED, searched } from "./state.js";

const SLICE = 8; // ms of work between two frames
const PAUSE = 220; // ms between slices of a curve while draws pass in motion

/** Find the heads of the settings ("now") and of the pinned ones; then the curves.
 *
 * What runs is finished; then only the latest wish counts. */
export function background(app) {
  const { posterior } = app;
  const wishes = new Map(); // where to settings
  const caches = { now: {}, pinned: {} };
  let job = null; // { where, slices }
  let curve = null; // slices
  let timer = null;
  app.signal.addEventListener("abort", () => clearTimeout(timer));

  function wish(where, settings) {
    const { remainder } = app.data.settings;
    wishes.set(where, { ...searched(settings), remainder });
    if (app.state.busy === null) app.update({ busy: 0 });
    if (!job) later(); // a curve that waits comes after it
  }

  function later(pause = 0) {
    clearTimeout(timer);
    timer = setTimeout(work, pause);
  }

  /** One slice of whatever is next. */
  function work() {
    if (!job && wishes.size) {
      const [[where, settings]] = wishes;
      wishes.delete(where);
      job = { where, slices: explored(posterior, settings, caches[where]) };
    }
    if (job) workOn();
    else if (curve) trace();
  }

  function workOn() {
    const end = performance.now() + SLICE;
    let share = app.state.busy;
    let slice = job.slices.next();
    for (; !slice.done && performance.now() < end; slice = job.slices.next()) {
      share = slice.value ?? share;
    }
    later();
    if (!slice.done) return app.update({ busy: share });
    const { where } = job;
    job = null;
    const shows = where === "now" || app.state.pin; // what was unpinned meanwhile is not shown
    const result = shows ? found(app.state, where, slice.value) : {};
    app.update({ ...result, busy: wishes.size ? 0 : null });
  }

  function trace() {
    const end = performance.now() + SLICE;
    let done = false;
    while (!done && performance.now() < end) ({ done } = curve.next());
    if (done) {
      curve = null;
      app.update({ tracing: null });
    } else later(app.state.passing ? PAUSE : 0);
  }

  /** Begin a form's curve for the settings as they stand. */
  function begin(form) {
    const add = (point) => app.update({ points: [...app.state.points, point] });
    curve = frontier(posterior, app.state.now, form, add);
    if (!job) later();
  }

  let begun = ""; // the settings that the curves are for: weights and form are the curves' own
  return {
    show(state, changed) {
      if (changed(...SEARCHED)) wish("now", state);
      if (changed("pin") && state.pin && !state.pinned) wish("pinned", { ...state, ...state.pin });
      if (changed("now") && state.now) {
        const { dpp_weight, published_weight, form, ...rest } = state.now.settings;
        if (begun !== JSON.stringify(rest)) {
          begun = JSON.stringify(rest);
          begin("calibrated");
          app.update({ points: [], comparing: false, tracing: "calibrated" });
        }
      }
      if (changed("comparing") && state.comparing) {
        begin("published");
        app.update({ tracing: "published" });
      }
    },
  };
}
