// What a hand and the keys do to the large head: turn it, zoom, touch a point, drag a hidden one.

import { vertexAt } from "./shapes.js";
import { NUDGE } from "./stage.js";
import { holding, lettingGo, placeOfPoint, turned, zoomed } from "./state.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STEP = 0.09; // radians that an arrow key turns the head

/** Listen to the stage; `shape()` gives the mesh and the shape that stand large. */
export function gestures(app, { turn, handle, places }, shape) {
  listenToTurns(app, turn, (event) => {
    const box = turn.getBoundingClientRect();
    const [left, top, width, height] = places()[0];
    const place = [event.clientX - box.left - left, event.clientY - box.top - top];
    const seen = shape();
    if (seen)
      app.update({ point: vertexAt(place, seen.now, seen.mesh, app.camera, width, height) });
  });
  const letGo = () => {
    const changes = lettingGo(app.state);
    if ("point" in changes) turn.focus();
    app.update(changes);
  };
  app.on(turn, "keydown", (event) => {
    const zooms = { "+": 1.15, "-": 1 / 1.15 };
    const arrow = ARROWS[event.key]?.map((step) => STEP * step);
    if (arrow) app.update(turned(app.state, ...arrow));
    else if (event.key in zooms) app.update(zoomed(app.state, zooms[event.key]));
    else if (event.key === "Home") app.face();
    else if (event.key === "Escape") letGo();
    else return;
    event.preventDefault();
  });

  /** Hold the chosen point so many mm to the right of a place and above it, as seen now. */
  const hold = (place, right, up) => {
    const [across, along] = app.camera.turn;
    const moved = place.map((value, i) => value + right * across[i] + up * along[i]);
    app.update(holding(app.state, moved));
  };
  app.on(handle, "keydown", (event) => {
    const { held, point } = app.state;
    const asked = held.find(([vertex]) => vertex === point); // keys may be faster than the heads
    const arrow = ARROWS[event.key]?.map((step) => NUDGE * step);
    if (arrow) hold(asked?.slice(1) ?? placeOfPoint(app.state, app.posterior), ...arrow);
    else if (event.key === "Escape") letGo();
    else return;
    event.preventDefault();
  });
  listenToDrags(app, handle, places, hold);
}

/** A drag turns the head, a touch calls `touched`, Ctrl and wheel zoom. */
function listenToTurns(app, turn, touched) {
  let last = null;
  app.on(turn, "pointerdown", (event) => {
    turn.setPointerCapture(event.pointerId);
    last = { x: event.clientX, y: event.clientY, far: 0 };
  });
  app.on(turn, "pointermove", (event) => {
    if (!last) return;
    const [x, y] = [event.clientX - last.x, event.clientY - last.y];
    last = { x: event.clientX, y: event.clientY, far: last.far + Math.abs(x) + Math.abs(y) };
    const mouse = event.pointerType === "mouse"; // a finger's up and down scrolls the page
    app.update(turned(app.state, 0.008 * x, mouse ? -0.008 * y : 0));
  });
  app.on(turn, "pointerup", (event) => {
    if (last && last.far < 5) touched(event);
    last = null;
  });
  app.on(turn, "pointercancel", () => {
    last = null;
  });
  const zoom = (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    app.update(zoomed(app.state, Math.exp(-0.01 * event.deltaY)));
  };
  app.on(turn, "wheel", zoom, { passive: false });
}

/** Dragging the handle holds the chosen point where it is moved to. */
function listenToDrags(app, handle, places, hold) {
  let drag = null;
  app.on(handle, "pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    const from = placeOfPoint(app.state, app.posterior);
    drag = { x: event.clientX, y: event.clientY, from };
  });
  app.on(handle, "pointermove", (event) => {
    if (!drag) return;
    const [x, y] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!app.state.dragging && Math.hypot(x, y) < 3) return;
    app.update({ dragging: true });
    const [, , width, height] = places()[0];
    const [, , near] = app.camera.project(drag.from, width, height);
    const scale = app.camera.scale(width, height, near);
    hold(drag.from, x / scale, -y / scale);
  });
  for (const event of ["pointerup", "pointercancel"]) {
    app.on(handle, event, () => {
      drag = null;
      app.update({ dragging: false });
    });
  }
}
