// The Gaussian posterior, as d3f_lite/completion/posterior.py: its draws, its heads, and what becomes
// of them where points are held. Heads (V, 3) are flat Float32Arrays, in mm.
//
// A head is mean + u · directions + v · remainder: u (d,) are the amounts that a search moves, v the
// others. What v adds is made once and kept as a head's `rest`: its `moves` (V, 3), and what it
// `changes` (b,) of the coefficients that have bounds.

import { ballMass, ballRadius } from "./kernel.js";
import { addRows, inverse, squareRoot, times, transposed, withDiagonal } from "./matrix.js";
import { atVertices } from "./mesh.js";
import { standardNormal } from "./random.js";

/** N independent draws of a seed: latents (N, K), points u (N, d) and N rests, a slice each.
 *
 * Rests that are `known` are not made again: a seed's first draws are the same, however many. */
export function* sample(posterior, number, seed, known = []) {
  const latents = standardNormal(seed, number * posterior.latentSize);
  const rests = yield* restsOf(posterior, latents, number, known);
  return { latents, places: times(latents, number, posterior.modes), rests };
}

/** What N latents add outside the searched directions. */
export function* restsOf(posterior, latents, number, known = []) {
  const amounts = times(latents, number, posterior.turn);
  const rests = known.slice(0, number);
  for (let n = rests.length; n < number; n++) {
    const own = amounts.subarray(n * posterior.others, (n + 1) * posterior.others);
    const moves = new Float32Array(posterior.mean.length);
    addRows(moves, own, posterior.remainder);
    rests.push({ moves, changes: posterior.bent ? times(own, 1, posterior.bent_turn) : [] });
    yield;
  }
  return rests;
}

/** The head at u (d,) with a share of a rest, within the bounds; `held`: of `holdPoints`, or null. */
export function decode(posterior, place, rest, share, held = null) {
  const { mean, slack } = held ?? posterior;
  const head = Float32Array.from(mean);
  addRows(head, place, posterior.directions);
  addRows(head, [share], rest.moves);
  const amounts = held ? held.answer(head) : [];
  if (held) addRows(head, amounts, held.response);
  if (!posterior.bent) return head;
  const own = times(place, 1, posterior.bent_modes);
  const answers = held ? times(amounts, 1, held.changes) : own.map(() => 0);
  const changes = own.map((change, i) => change + share * rest.changes[i] + answers[i]);
  addRows(head, excess(changes, slack), posterior.bent);
  return head;
}

/** How far (b,) changes of coefficients must be taken back to lie within `slack` (b, 2). */
function excess(changes, slack) {
  const within = (change, i) => Math.min(Math.max(change, slack[2 * i]), slack[2 * i + 1]);
  return changes.map((change, i) => within(change, i) - change);
}

/** Condition on where some vertices are: `hold_points` in Python, which says how; null for none.
 *
 * `points` are [vertex, x, y, z], mm, good to `noise`; those farther out than the share `mass` of all
 * heads are held where that share ends. `places` says where they are held, `farther` which share of
 * all heads has them farther out. A head's points at a offset from the `mean` are answered by −M a
 * times the `response`: the covariance (3P, V, 3) of all vertices with the points' coordinates. */
export function holdPoints(posterior, points, noise = 1, mass = 0.9999) {
  if (!points.length) return null;
  const { mean, count, bent, slack } = posterior;
  const vertices = points.map(([vertex]) => vertex);
  const size = 3 * points.length;
  const home = atVertices(mean, vertices, count);
  const gap = Float64Array.from(points.flatMap(([, ...place]) => place)).map((x, i) => x - home[i]);
  const directions = [posterior.directions, posterior.remainder];
  const moved = directions.map((moves) => atVertices(moves, vertices, count)); // A by rows
  const across = moved.map((rows) => transposed(rows, size));
  const squares = across.map((columns, n) => times(columns, size, moved[n]));
  const free = squares[0].map((value, i) => value + squares[1][i]);
  const covariance = withDiagonal(free, size, noise ** 2);
  const precision = inverse(covariance, size);
  const root = squareRoot(covariance, size);
  const shrink = inverse(
    covariance.map((value, i) => value + noise * root[i]),
    size,
  );
  const distance = Math.sqrt(times(gap, 1, precision).reduce((sum, x, i) => sum + x * gap[i], 0));
  const radius = ballRadius(mass, size);
  const within = radius / Math.max(distance, radius);
  const pull = times(gap, 1, precision).map((value) => within * value);
  const response = new Float32Array(size * mean.length);
  for (let i = 0; i < size; i++) {
    const field = response.subarray(i * mean.length, (i + 1) * mean.length);
    directions.forEach((moves, n) => {
      const rows = moved[n].length / size;
      addRows(field, across[n].subarray(i * rows, (i + 1) * rows), moves);
    });
  }
  const likeliest = Float32Array.from(mean);
  addRows(likeliest, pull, response);
  const held = { mean: likeliest, response, precision };
  if (bent) {
    const turns = [posterior.bent_modes, posterior.bent_turn];
    const [one, other] = turns.map((matrix, n) => times(across[n], size, matrix));
    held.changes = one.map((value, i) => value + other[i]);
    const wished = times(pull, 1, held.changes);
    const back = excess(wished, slack);
    addRows(likeliest, back, bent);
    held.slack = slack.map((bound, i) => bound - wished[i >> 1] - back[i >> 1]);
  }
  const start = atVertices(likeliest, vertices, count);
  const place = (n) => [0, 1, 2].map((i) => home[3 * n + i] + within * gap[3 * n + i]);
  return Object.assign(held, {
    farther: 1 - ballMass(within * distance, size),
    places: points.map(([vertex], n) => [vertex, ...place(n)]),
    answer(head) {
      const offset = atVertices(head, vertices, count).map((value, i) => value - start[i]);
      return times(offset, 1, shrink).map((value) => -value);
    },
  });
}

/** The covariance (3, 3), mm², of one vertex, bounds left out; `share` of what is not searched. */
export function marginalCovariance(posterior, vertex, share = 1, held = null) {
  const covariance = new Float64Array(9);
  const add = (one, other, row, factor) => {
    for (let i = 0; i < 9; i++) {
      covariance[i] += factor * one[row + Math.floor(i / 3)] * other[row + (i % 3)];
    }
  };
  for (const [moves, factor] of [
    [posterior.directions, 1],
    [posterior.remainder, share ** 2],
  ]) {
    for (let row = 3 * vertex; row < moves.length; row += posterior.mean.length) {
      add(moves, moves, row, factor);
    }
  }
  if (!held) return covariance;
  const response = atVertices(held.response, [vertex], posterior.count);
  const gain = times(held.precision, response.length / 3, response);
  for (let row = 0; row < response.length; row += 3) add(response, gain, row, -1);
  return covariance;
}
