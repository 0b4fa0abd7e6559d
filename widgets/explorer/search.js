// The two searches for diverse heads, as d3f_lite/diversity/search.py, in slices: each generator
// yields the share that is done, so that a page stays awake, and returns what it found.

import { Adam } from "./adam.js";
import {
  ballRadius,
  cardinalityAndSlopes,
  kernel,
  publishedBandwidth,
  quality,
  qualityPulls,
  similarity,
} from "./kernel.js";
import { addRows, alongRows, lengths, times } from "./matrix.js";
import { atVertices, laplacian, neighboursOf } from "./mesh.js";

/** The calibrated search, `_spread_out` in Python: move points u (N, d) from `start` to minimise
 * Σ ½‖u‖² − w E|Y|, the first held at zero.
 *
 * `modes` has `reach` (d,), mm, and `deviation`, mm: what the page knows of Python's Modes. */
export function* spreadOut(start, modes, settings) {
  const { reach } = modes;
  const dimensions = reach.length;
  const number = start.length / dimensions;
  const width = settings.bandwidth * modes.deviation;
  const radius = ballRadius(settings.mass, dimensions);
  const places = Float64Array.from(start);
  places.fill(0, 0, dimensions);
  const others = places.subarray(dimensions);
  const adam = new Adam(others, 0.15);
  let cardinality = 0;
  for (let step = 0; step < settings.iterations; step++) {
    const alike = similarity(distancesOf(places, number, reach), width, "gaussian");
    const found = cardinalityAndSlopes(kernel(alike, quality(places, number, radius)), number);
    cardinality = found.cardinality;
    const share = settings.dpp_weight / number;
    const pulls = qualityPulls(places, number, radius, found.slopes);
    const gradient = places.map(
      (value, n) => value * (1 / number + share * pulls[Math.floor(n / dimensions)]),
    );
    addApart(gradient, places, number, reach, found.slopes, share / width ** 2);
    adam.step(gradient.subarray(dimensions));
    yield (step + 1) / settings.iterations;
  }
  // The quality is a soft wall; this is the hard one.
  lengths(others, number - 1).forEach((length, n) => {
    const inside = Math.min(1, radius / length);
    for (let k = n * dimensions; k < (n + 1) * dimensions; k++) others[k] *= inside;
  });
  return { places, cardinality };
}

/** Distances (N, N), mm, of heads at points u (N, d): √ Σ (u − u′)² reach². */
function distancesOf(places, number, reach) {
  const dimensions = reach.length;
  const apart = new Float64Array(number * number);
  for (let i = 0; i < number; i++) {
    for (let j = 0; j < i; j++) {
      let square = 0;
      for (let k = 0; k < dimensions; k++) {
        square += ((places[i * dimensions + k] - places[j * dimensions + k]) * reach[k]) ** 2;
      }
      apart[i * number + j] = apart[j * number + i] = Math.sqrt(square);
    }
  }
  return apart;
}

/** Subtract from the gradient (N, d) how the points' distances change the expected cardinality. */
function addApart(gradient, places, number, reach, slopes, factor) {
  const dimensions = reach.length;
  for (let i = 0; i < number; i++) {
    for (let j = 0; j < number; j++) {
      const slope = factor * slopes[i * number + j];
      for (let k = 0; k < dimensions; k++) {
        const apart = places[j * dimensions + k] - places[i * dimensions + k];
        gradient[i * dimensions + k] -= slope * apart * reach[k] ** 2;
      }
    }
  }
}

const ROUGHNESS = 0.001; // w_l of the published loss, per mm²; w_s is 1 per mm

/** The published search, `diversify_published` in Python: move N latents z (N, K) to keep the visible
 * vertices at the fit, smoothly (L1 and Laplacian), and to differ where the photo says nothing, with a
 * bandwidth that follows the heads. Heads differ from Python's as the packed moves are rounded. */
export function* diversifyPublished(posterior, start, settings) {
  const { latentSize, modes, turn, visible, free } = posterior;
  const number = start.length / latentSize;
  const latents = Float64Array.from(start);
  const adam = new Adam(latents, 0.05, 5e-4);
  const radius = ballRadius(0.9, latentSize);
  const matrices = [modes, turn];
  const movesAt = (where) =>
    [posterior.directions, posterior.remainder].map((moves) =>
      atVertices(moves, where, posterior.count),
    );
  const [shownMoves, freeMoves] = [movesAt(visible), movesAt(free)];
  const keep = visibleLoss(posterior, number);
  for (let step = 0; step < settings.iterations; step++) {
    const share = step / settings.iterations;
    const amounts = matrices.map((matrix) => times(latents, number, matrix));
    const [shown, differing] = [[], []];
    for (let n = 0; n < number; n++) {
      shown.push(Float32Array.from(keep.gap));
      differing.push(new Float32Array(3 * free.length));
      amounts.forEach((all, part) => {
        const own = all.subarray((n * all.length) / number, ((n + 1) * all.length) / number);
        addRows(shown[n], own, shownMoves[part]);
        addRows(differing[n], own, freeMoves[part]);
      });
      yield share;
    }
    const { slopes, bandwidth, apart } = likeness(differing, latents, radius);
    const pulls = qualityPulls(latents, number, radius, slopes);
    const weight = settings.published_weight;
    const gradient = latents.map((value, n) => weight * pulls[Math.floor(n / latentSize)] * value);
    for (let n = 0; n < number; n++) {
      const kept = keep.gradient(shown[n]);
      const spread = new Float32Array(3 * free.length);
      for (let other = 0; other < number; other++) {
        const distance = apart[n * number + other];
        if (distance === 0) continue; // itself, or one that coincides with it
        const slope = (weight * slopes[n * number + other]) / (bandwidth * free.length * distance);
        for (let i = 0; i < spread.length; i++)
          spread[i] += slope * (differing[n][i] - differing[other][i]);
      }
      const own = gradient.subarray(n * latentSize, (n + 1) * latentSize);
      matrices.forEach((matrix, part) => {
        const downhill = alongRows(kept, shownMoves[part]);
        alongRows(spread, freeMoves[part]).forEach((value, row) => {
          downhill[row] += value;
        });
        alongRows(downhill, matrix).forEach((value, k) => {
          own[k] += value;
        });
      });
      yield share;
    }
    adam.step(gradient);
  }
  return latents;
}

/** What keeps a head's visible vertices at the fit: their `gap` (m, 3), mm, in the most likely head, and
 * the loss's `gradient` (m, 3) from offsets (m, 3). */
function visibleLoss(posterior, number) {
  const { visible, count, mean } = posterior;
  const neighbours = neighboursOf(posterior.triangles.subarray(0, 3 * posterior.faces));
  const fit = atVertices(posterior.fit ?? mean, visible, count);
  return {
    gap: atVertices(mean, visible, count).map((value, i) => value - fit[i]),
    gradient(offsets) {
      const whole = new Float32Array(3 * count);
      visible.forEach((vertex, n) => {
        whole.set(offsets.subarray(3 * n, 3 * n + 3), 3 * vertex);
      });
      const rough = laplacian(laplacian(whole, neighbours), neighbours);
      return offsets.map((value, i) => {
        const bend = rough[3 * visible[Math.floor(i / 3)] + (i % 3)];
        const smooth = (ROUGHNESS * 2 * bend) / (number * count);
        return Math.sign(value) / (3 * number * visible.length) + smooth;
      });
    },
  };
}

/** How alike heads are whose free vertices have these offsets, N arrays (m, 3): slopes of the expected
 * cardinality, the bandwidth, and the distances (N, N), mm. */
function likeness(offsets, latents, radius) {
  const number = offsets.length;
  const apart = new Float64Array(number * number);
  for (let i = 0; i < number; i++) {
    for (let j = 0; j < i; j++) {
      let square = 0;
      for (let k = 0; k < offsets[i].length; k++) square += (offsets[i][k] - offsets[j][k]) ** 2;
      apart[i * number + j] = apart[j * number + i] = Math.sqrt((3 * square) / offsets[i].length);
    }
  }
  const bandwidth = publishedBandwidth(apart, number);
  const alike = similarity(apart, bandwidth);
  const { slopes } = cardinalityAndSlopes(kernel(alike, quality(latents, number, radius)), number);
  return { slopes, bandwidth, apart };
}
