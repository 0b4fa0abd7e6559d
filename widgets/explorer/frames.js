// Frames: when the heads are drawn, how sharply, and how they morph from one into another.

import { clamp, make } from "./elements.js";
import { Passage } from "./passage.js";
import { meshOf, shaped } from "./shapes.js";
import { LOOKS, largeHead } from "./state.js";
import { View } from "./view.js";

const [HOVER, FOLLOW] = [420, 160]; // ms: a morph to another head, and to another setting
const REST = 220; // ms without a frame: nothing moves
const SHARPNESS = [2, 1.4, 1, 0.7, 0.5]; // px per css px: at rest, and while things move ever more slowly
const [SLOW, FAST, USUAL] = [28, 18, 22]; // ms between frames: draw less sharply, more sharply, or so

/** Draw what the state shows on the canvases of stage and gallery; where the browser cannot, it says so there. */
export function frames(app, stage, gallery, picture) {
  try {
    return drawing(app, stage, gallery, picture);
  } catch (error) {
    stage.words.after(
      make("p", { className: "missing", role: "alert" }, `No heads here: ${error.message}`),
    );
    return { show: () => gallery.arrange(), shape: () => null };
  }
}

function drawing(app, stage, gallery, picture) {
  const { data, posterior } = app;
  const paintAll = () => paint(large, small);
  const view = (canvas, triangles) =>
    new View(canvas, data, posterior, meshOf(triangles), picture, paintAll);
  const large = view(stage.canvas, posterior.triangles);
  const small = view(gallery.canvas, posterior.coarse);
  const sharpness = sharpnessOf(app.signal, paintAll);
  const still = new Float32Array(posterior.count);
  large.show(0, shaped(posterior.mean, large.mesh, still)); // until the heads are found
  const passing = passingOf(app);
  let frame = null;

  const watch = new ResizeObserver(() => {
    gallery.arrange();
    paintAll();
  });
  for (const part of [stage, gallery]) watch.observe(part.element);
  app.signal.addEventListener("abort", () => {
    watch.disconnect();
    cancelAnimationFrame(frame);
    for (const one of [large, small]) one.close();
  });

  /** Draw these views at the next frame, and as long as anything in them moves. */
  function paint(...views) {
    for (const one of views) one.dirty = true;
    frame ??= requestAnimationFrame((now) => {
      frame = null;
      const sharp = sharpness(now);
      const { state, camera } = app;
      if (state.passing && state.now) {
        const head = passing(now);
        app.update({ drawn: head });
        const shape = shaped(head, large.mesh, state.now.spread);
        large.show(0, shape, shape);
        large.dirty = true;
      }
      const how = { top: state.top, look: LOOKS[state.look].shares, sharpness: sharp };
      if (large.dirty) {
        morph(large, now);
        large.draw(stage.places(), camera, { ...how, zoom: state.zoom });
      }
      if (small.dirty) {
        morph(small, now);
        small.draw(gallery.places(), camera, { ...how, zoom: 1 });
      }
      stage.mark();
      if (state.passing || large.dirty || small.dirty) paint();
    });
  }

  /** Begin the morphs of a view, at once where motion is unwanted. */
  function animate(view, pace) {
    const whole = app.calm.matches ? 0 : pace;
    const begun = performance.now();
    for (const shape of view.shapes) Object.assign(shape, { morph: whole ? 0 : 1, whole, begun });
    paint(view);
  }

  /** Let the large heads, today's and the pinned one, become those of the chosen number. */
  function showLarge(state, pace) {
    const results = [state.now, state.pinned].filter(Boolean);
    large.shapes.length = Math.min(large.shapes.length, Math.max(results.length, 1));
    results.forEach((result, n) => {
      const shape = shaped(largeHead(state, posterior, result), large.mesh, result.spread);
      large.show(n, shape, large.shapes[n] ? large.shapeOf(n) : shape);
    });
    animate(large, pace);
  }

  function showSmall({ now }) {
    now.heads.forEach((head, n) => {
      small.show(n, shaped(head, small.mesh, now.spread));
    });
    small.shapes.length = now.heads.length;
    animate(small, 0);
  }

  function show(state, changed) {
    if (state.now && changed("now")) showSmall(state);
    if (state.now && changed("now", "pinned", "head", "passing")) {
      const follows = changed("now") && !changed("head", "passing");
      const pace = follows ? FOLLOW : HOVER;
      showLarge(state, follows && state.dragging ? 0 : pace);
    }
    if (changed("yaw", "pitch", "look", "top")) paint(large, small);
    paint(...(changed("zoom") ? [large] : [])); // always: a point may be marked elsewhere
  }

  return { show, shape: () => ({ mesh: large.mesh, now: large.shapeOf(0) }) };
}

function morph(view, now) {
  const moving = view.shapes.filter((shape) => shape.morph < 1);
  for (const shape of moving) {
    const share = clamp((now - shape.begun) / shape.whole, 0, 1);
    shape.morph = share * share * (3 - 2 * share);
  }
  view.dirty = moving.length > 0;
}

/** A function of the time that gives the draw that passes; while none passes, its clock stands. */
function passingOf(app) {
  let way = null;
  let [time, last] = [0, null];
  return (now) => {
    const { seed, drawn, now: result } = app.state;
    if (drawn === null) last = now; // it begins, or goes on
    if (way?.seed !== seed) way = new Passage(app.posterior, seed);
    time += clamp(now - last, 0, 100); // where frames were held back, it goes on from there
    last = now;
    return way.at(time, result.held);
  };
}

/** A function of the time that gives the px per css px of a frame: fewer while things move more slowly
 * than the eye likes, and most once they rest, when `redraw` is called. */
function sharpnessOf(signal, redraw) {
  let [level, slow, last, rests, timer] = [1, USUAL, Number.NEGATIVE_INFINITY, false, null];
  signal.addEventListener("abort", () => clearTimeout(timer));
  return (now) => {
    clearTimeout(timer);
    if (rests) {
      [rests, last] = [false, Number.NEGATIVE_INFINITY];
      return SHARPNESS[0];
    }
    const since = now - last;
    last = now;
    if (since < REST) {
      slow = 0.7 * slow + 0.3 * since;
      if (slow > SLOW || slow < FAST) {
        level = clamp(level + (slow > SLOW ? 1 : -1), 0, SHARPNESS.length - 1);
        slow = USUAL; // the next level is judged anew
      }
    }
    timer = setTimeout(() => {
      rests = true;
      redraw();
    }, REST);
    return SHARPNESS[level];
  };
}
