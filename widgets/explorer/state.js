// The state of the explorer: one plain object. The functions below name its changes: each takes a state
// and returns what is new in it. Links and traitlets hold what of it differs from how it opened.

import { clamp, scaleTop } from "./elements.js";

const LARGEST_TILT = 1.3; // radians
const MOST_HELD = 6; // points

/** The settings that make other heads: DiversitySettings, `number`, `seed`, and the points that are held. */
export const SEARCHED = [
  "form",
  "dpp_weight",
  "published_weight",
  "bandwidth",
  "mass",
  "iterations",
  "number",
  "seed",
  "held",
];
/** What links and traitlets keep. */
export const KEPT = [...SEARCHED, "head", "look", "yaw", "pitch", "zoom", "point", "pin"];
const WHOLE = ["number", "seed", "iterations", "head", "point"];

export const LOOKS = {
  photo: {
    name: "Photo",
    shares: [1, 1, 0],
    photo: true,
    title: "the photo where it shows the face, how far the heads differ elsewhere",
  },
  spread: { name: "Spread", shares: [1, 0, 0], title: "how far the heads differ" },
  skin: {
    name: "Skin",
    shares: [0, 0, 1],
    photo: true,
    title: "the photo's colours, made up where it does not show the face",
  },
  clay: { name: "Clay", shares: [0, 0, 0], title: "the shape alone" },
};

/** The looks that a page offers: those that need no photo, where it holds none. */
export const looksOf = ({ photo }) =>
  Object.keys(LOOKS).filter((look) => photo || !LOOKS[look].photo);

/** How the explorer opens: the settings of the data, seen as the photo's camera sees the face. */
export function firstState(data) {
  return {
    ...data.settings,
    held: [],
    head: 0,
    look: looksOf(data)[0],
    yaw: data.pose[0],
    pitch: data.pose[1],
    zoom: 1,
    point: -1, // the vertex that is looked at
    pin: null, // the settings that are pinned
    now: null, // what was found for the settings: of `explored`
    pinned: null, // what was found for the pinned ones
    busy: null, // the share of a search that is done, while one runs
    top: 0.5, // mm, the end of the colour scale
    ruler: 5, // mm, the end of the measures' bars
    points: [], // of the curves: { form, asd, cost }
    tracing: null, // the form whose curve is being computed
    comparing: false, // whether the published loss has a curve, too
    turns: 0, // how many heads will still pass
    passing: false, // whether draws pass in motion
    drawn: null, // the draw that is shown while they do
    dragging: false,
  };
}

/** The first state with what a link or a traitlet says, as far as it may be; the rest is left out. */
export function checked(given, first, limits, posterior) {
  const ranges = {
    ...limits,
    head: [-1, limits.number[1] - 1],
    yaw: [-9, 9],
    pitch: [-LARGEST_TILT, LARGEST_TILT],
    zoom: [0.5, 8],
    point: [-1, posterior.count - 1],
  };
  const state = { ...first };
  for (const [name, value] of Object.entries(given ?? {})) {
    if (Object.hasOwn(ranges, name) && Number.isFinite(value)) {
      state[name] = clamp(WHOLE.includes(name) ? Math.round(value) : value, ...ranges[name]);
    } else if (name === "form" && limits.form.includes(value)) state.form = value;
    else if (name === "look" && Object.hasOwn(LOOKS, value)) state.look = value;
    else if (name === "held" && Array.isArray(value)) state.held = onlyFree(value, posterior);
    else if (name === "pin" && value) {
      state.pin = searched(checked({ ...value, pin: null }, first, limits, posterior));
    }
  }
  return state;
}

/** Those of [[vertex, x, y, z], …] that are points which the photo does not show. */
function onlyFree(points, posterior) {
  const numbers = (one) => Array.isArray(one) && one.length === 4 && one.every(Number.isFinite);
  return points.filter((one) => numbers(one) && posterior.isFree(one[0])).slice(-MOST_HELD);
}

/** The settings of a state that make its heads. */
export const searched = (state) => part(state, SEARCHED);

/** What of a state links and traitlets keep. */
export const kept = (state) => part(state, KEPT);

function part(state, names) {
  return Object.fromEntries(names.map((name) => [name, state[name]]));
}

/** What of a state differs from how it opened, as links and traitlets keep it. */
export function differing(state, first) {
  const told = (one, name) => JSON.stringify(one[name]);
  return part(
    state,
    KEPT.filter((name) => told(state, name) !== told(first, name)),
  );
}

export function turned(state, right, up) {
  return {
    yaw: state.yaw + right,
    pitch: clamp(state.pitch + up, -LARGEST_TILT, LARGEST_TILT),
  };
}

export function zoomed(state, factor) {
  return { zoom: clamp(state.zoom * factor, 0.5, 8) };
}

/** One head stands large, and still. */
export function chosen(head) {
  return { head, turns: 0, passing: false, drawn: null };
}

/** The next head stands large, for as many turns as are left. */
export function nextHead(state) {
  return { head: (state.head + 1) % state.number, turns: state.turns - 1 };
}

/** The chosen point is held at a place (3,), mm. */
export function holding(state, place) {
  const others = state.held.filter(([vertex]) => vertex !== state.point);
  return { held: [...others, [state.point, ...place]].slice(-MOST_HELD) };
}

/** The chosen point is let go; where it is not held, none is chosen any more. */
export function lettingGo(state) {
  const held = state.held.filter(([vertex]) => vertex !== state.point);
  return held.length < state.held.length ? { held } : { point: -1 };
}

/** The settings as they stand are pinned, or what was pinned is not. */
export function pinning(state) {
  if (state.pin) return { pin: null, pinned: null };
  return { pin: searched(state.now.settings), pinned: state.now };
}

/** Something was found for the settings (`where` "now") or for the pinned ones ("pinned"); the scales only grow. */
export function found(state, where, result) {
  const { widest, farthest, independent } = result;
  return {
    [where]: result,
    top: Math.max(state.top, scaleTop(widest)),
    ruler: Math.max(state.ruler, scaleTop(farthest), scaleTop(independent.farthest)),
  };
}

/** The head (V, 3) that stands large of a result: the chosen one, the fit, or the draw that passes. */
export function largeHead(state, posterior, result) {
  if (state.drawn && result === state.now) return state.drawn;
  if (state.head < 0) return posterior.fit ?? posterior.mean;
  return result.heads[Math.min(state.head, result.heads.length - 1)];
}

/** Where the chosen point is (3,), mm: where it is held, or on the chosen head. */
export function placeOfPoint(state, posterior) {
  const held = state.now.held?.places.find(([vertex]) => vertex === state.point);
  if (held) return held.slice(1);
  const head = largeHead(state, posterior, state.now);
  return Array.from(head.subarray(3 * state.point, 3 * state.point + 3));
}
