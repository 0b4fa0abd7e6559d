// All that a page shows of one setting: N heads, their measures, and those of independent draws.

import { ballRadius, expectedCardinality, kernel, quality, similarity } from "./kernel.js";
import { times } from "./matrix.js";
import { asd, rmsDistance, rmsDistances, spread } from "./metrics.js";
import { decode, holdPoints, restsOf, sample } from "./posterior.js";
import { diversifyPublished, spreadOut } from "./search.js";

/** N heads of `settings`, their measures, and `independent`: as many independent draws, in slices.
 *
 * What a setting leaves as it was in `cache`, an object that belongs to the caller, is not made again. */
export function* explored(posterior, settings, cache = {}) {
  const { number, seed } = settings;
  if (cache.number !== number || cache.seed !== seed) {
    const known = cache.seed === seed ? cache.rests : [];
    const drawn = yield* sample(posterior, number, seed, known);
    const rests = known.length > number ? known : drawn.rests;
    Object.assign(cache, { number, seed, sets: {}, drawn, rests });
  }
  const independent = { settings, ...(yield* setOf("iid", posterior, settings, cache)) };
  const set = yield* setOf(settings.form, posterior, settings, cache);
  return { settings, ...set, independent, drawn: cache.drawn };
}

// Each form's search and the settings that it reads. A search gives points u (N, d), each head's rest,
// and which share of it the head takes.
const FORMS = {
  iid: { reads: [], search: independent },
  calibrated: { reads: ["dpp_weight", "bandwidth", "mass", "iterations"], search: calibrated },
  published: { reads: ["published_weight", "iterations"], search: published },
};

function* independent(_posterior, _settings, { places, rests }) {
  return { places, rests, shares: rests.map(() => 1) };
}

function* calibrated(posterior, settings, drawn) {
  const { places } = yield* spreadOut(drawn.places, posterior, settings);
  const shares = drawn.rests.map((_, n) => (n > 0 ? settings.remainder : 0));
  return { places, rests: drawn.rests, shares };
}

function* published(posterior, settings, drawn) {
  const { number } = settings;
  if (number === 1) return yield* independent(posterior, settings, drawn); // it differs from nobody
  const latents = yield* diversifyPublished(posterior, drawn.latents, settings);
  const rests = yield* restsOf(posterior, latents, number);
  return { places: times(latents, number, posterior.modes), rests, shares: rests.map(() => 1) };
}

/** One form's heads and their measures. */
function* setOf(form, posterior, settings, cache) {
  const { reads, search } = FORMS[form];
  const told = (names) => JSON.stringify(names.map((name) => settings[name]));
  const searched = told(reads);
  if (cache.sets[form]?.searched !== searched) {
    const found = yield* search(posterior, settings, cache.drawn);
    cache.sets[form] = { searched, ...found };
  }
  const set = cache.sets[form];
  const decoded = told(["bandwidth", "mass", "held"]);
  if (set.decoded !== decoded) {
    const result = yield* decodedSet(posterior, settings, set);
    Object.assign(set, { decoded, result });
  }
  return set.result;
}

function* decodedSet(posterior, settings, { places, rests, shares }) {
  const held = holdPoints(posterior, settings.held ?? []);
  const { dimensions } = posterior;
  const heads = [];
  for (let n = 0; n < rests.length; n++) {
    const place = places.subarray(n * dimensions, (n + 1) * dimensions);
    heads.push(decode(posterior, place, rests[n], shares[n], held));
    yield;
  }
  const likeliest = (held ?? posterior).mean;
  const measures = yield* measured(posterior, heads, places, likeliest, settings);
  return { heads, likeliest, held, ...measures };
}

/** The measures of N heads at points u (N, d): mm, but the expected cardinality and the cost in nats. */
function* measured(posterior, heads, places, likeliest, settings) {
  const { free } = posterior;
  const number = heads.length;
  const apart = yield* rmsDistances(heads, free);
  const alike = similarity(apart, settings.bandwidth * posterior.deviation, "gaussian");
  const radius = ballRadius(settings.mass, posterior.dimensions);
  const away = heads.map((head) => rmsDistance(head, likeliest, free));
  const deviations = spread(heads);
  return {
    cost: places.reduce((sum, value) => sum + value * value, 0) / (2 * number),
    cardinality: expectedCardinality(kernel(alike, quality(places, number, radius)), number),
    asd: asd(apart, number),
    farthest: Math.max(...away),
    away,
    spread: deviations,
    widest: free.reduce((most, vertex) => Math.max(most, deviations[vertex]), 0),
  };
}

// Each loss at a few of its weights.
export const CURVES = {
  calibrated: { weight: "dpp_weight", values: [0, 2, 5.6, 11, 20, 44, 88, 256] },
  published: { weight: "published_weight", values: [0.0125, 0.05, 0.1, 0.2] },
};

/** What a form comes to at a few weights: tells `point({ form, asd, cost })` of one after another. */
export function* frontier(posterior, { settings, drawn }, form, point) {
  const { weight, values } = CURVES[form];
  for (const value of values) {
    const changed = { ...settings, [weight]: value };
    const { asd, cost } = yield* setOf(form, posterior, changed, { sets: {}, drawn });
    point({ form, asd, cost });
    yield;
  }
}
