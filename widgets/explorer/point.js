// One point of the face: where the heads have it, and where the posterior has it.

import { draw, make, millimetres, percent, scaleTop } from "./elements.js";
import { marginalCovariance } from "./posterior.js";
import { placeOfPoint } from "./state.js";

const NINETY = Math.sqrt(-2 * Math.log(0.1)); // deviations: this ellipse holds 90 % of a plane's draws
const TOUCHED = -2; // the value of the choice for a point without a name

/** The choice among the points that have a name. */
export function pointChoice(app) {
  const { points } = app.data;
  const option = (name, value) => {
    const touched = value === TOUCHED;
    return make("option", { value, disabled: touched, hidden: touched }, name);
  };
  const options = [
    option("touch the large head, or choose one", -1),
    option("the point that was touched", TOUCHED),
    ...Object.entries(points).map(([name, vertex]) => option(name, vertex)),
  ];
  const select = make("select", { id: app.id("point") }, ...options);
  app.on(select, "change", () => app.update({ point: Number(select.value) }));
  const label = make("label", { htmlFor: select.id }, "Look at one point");
  return {
    element: make("div", { className: "field" }, label, select),
    show({ point }) {
      const known = point < 0 || Object.values(points).includes(point);
      select.value = known ? point : TOUCHED;
    },
  };
}

/** Where the posterior has a point, `home` (3,), and its covariance there; of a held one, before it was. */
export function plausible({ point, now }, posterior) {
  const isHeld = now.held?.places.some(([vertex]) => vertex === point);
  const held = isHeld ? null : now.held;
  const home = (held ?? posterior).mean.subarray(3 * point, 3 * point + 3);
  const share = held ? 1 : now.settings.remainder;
  return { home, covariance: marginalCovariance(posterior, point, share, held) };
}

/** Half-axes of a covariance's ellipse in the plane of the view: mm, and the angle of the longer one. */
export function ellipseIn([right, up], covariance) {
  const across = (one, other) =>
    one.reduce((sum, a, i) => other.reduce((s, b, j) => s + a * b * covariance[3 * i + j], sum), 0);
  const [xx, xy, yy] = [across(right, right), across(right, up), across(up, up)];
  const [middle, half] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
  return {
    long: Math.sqrt(middle + half),
    short: Math.sqrt(Math.max(middle - half, 0)),
    angle: Math.atan2(2 * xy, xx - yy) / 2,
  };
}

/** The ellipse that holds 90 % of the draws, around a place; `scale` px per mm. */
export function drawEllipse([x, y], { long, short, angle }, scale) {
  const [rx, ry] = [NINETY * long * scale, NINETY * short * scale];
  const transform = `rotate(${(-180 / Math.PI) * angle} ${x} ${y})`;
  return draw("ellipse", { cx: x, cy: y, rx, ry, transform });
}

/** A dot for each head's point; the chosen head's is larger. */
export function drawDots(places, chosen, radii) {
  return places.map(([cx, cy], n) => {
    const mine = n === chosen;
    return draw("circle", { cx, cy, r: radii[mine ? 1 : 0], class: mine ? "chosen" : "other" });
  });
}

/** A drawing of the point in mm: its place in each head, and the ellipse. */
export function plotPoint(app) {
  const { now, point, head } = app.state;
  const [right, up] = app.camera.turn;
  const { home, covariance } = plausible(app.state, app.posterior);
  const axes = ellipseIn([right, up], covariance);
  const offsets = now.heads.map((one) =>
    [right, up].map((axis) =>
      axis.reduce((sum, value, i) => sum + value * (one[3 * point + i] - home[i]), 0),
    ),
  );
  const reach = scaleTop(1.15 * Math.max(NINETY * axes.long, ...offsets.flat().map(Math.abs), 0.4));
  const scale = 100 / reach;
  const lines = [10, 60, 110, 160, 210].flatMap((place) => [
    draw("line", { x1: place, x2: place, y1: 10, y2: 210, class: "grid" }),
    draw("line", { y1: place, y2: place, x1: 10, x2: 210, class: "grid" }),
  ]);
  const dots = offsets.map(([x, y]) => [110 + scale * x, 110 - scale * y]);
  const label = `Where this point lies in ${now.heads.length} heads, in mm`;
  return draw(
    "svg",
    { viewBox: "0 0 220 238", role: "img", "aria-label": label },
    ...lines,
    drawEllipse([110, 110], axes, scale),
    ...drawDots(dots, head, [3.2, 5]),
    draw("text", { x: 210, y: 229, "text-anchor": "end" }, `square: ${reach / 2} mm`),
  );
}

/** What a point is called. */
export function pointName(point, points) {
  const named = Object.keys(points).find((name) => points[name] === point);
  return named ? `the ${named}` : "this point";
}

/** What is said of the point: a heading, and a text. */
export function pointInWords({ state, data, posterior, hidden }) {
  const { point, now } = state;
  const name = pointName(point, data.points);
  const { home, covariance } = plausible(state, posterior);
  if (now.held?.places.some(([vertex]) => vertex === point)) {
    const place = placeOfPoint(state, posterior);
    const away = Math.hypot(...place.map((value, i) => value - home[i]));
    const count = now.held.places.length;
    const points = count > 1 ? `the ${count} held points` : "it";
    const share = `${percent(now.held.farther)} of all heads have ${points} as far out.`;
    return [
      `What if ${name} were here?`,
      ` It is held ${millimetres(away)} from its most likely place. ${share}`,
    ];
  }
  const [x, y, z] = [0, 4, 8].map((place) => Math.sqrt(covariance[place]));
  const free = posterior.isFree(point);
  const sampled = `${free ? hidden : "unseen"}: sampled, not observed`;
  const known = posterior.isVisible(point) ? "the photo shows it" : sampled;
  const axes = `${millimetres(x)} across, ${millimetres(y)} up and down, ${millimetres(z)} in depth`;
  const deviation = `Standard deviation ${millimetres(Math.hypot(x, y, z))}: ${axes}.`;
  const hint = free ? " Drag it: what if it were elsewhere?" : "";
  return [`${name[0].toUpperCase()}${name.slice(1)}`, ` – ${known}. ${deviation}${hint}`];
}
