// What the explorer says of its heads.

import { millimetres } from "./elements.js";

export const FORM_NAMES = {
  calibrated: "the calibrated DPP",
  published: "the published loss (slow)",
  iid: "independent draws",
};

export const MEASURES = {
  cardinality: {
    label: "Different heads",
    unit: "",
    about:
      "expected cardinality: the different heads in the set, softly counted, at most half of all",
  },
  asd: {
    label: "To the nearest other head",
    unit: " mm",
    about: "how far apart the heads are where hidden, on average (ASD-O)",
  },
  farthest: {
    label: "Farthest from the most likely",
    unit: " mm",
    about: "how far the most unusual head is from the most likely one where hidden",
  },
};

/** The settings of a set of heads, briefly. */
export function inWords({ dpp_weight, published_weight, number, seed, form, held }) {
  const how = {
    iid: "independent",
    calibrated: `${dpp_weight} nats`,
    published: `published loss, ${published_weight} mm`,
  }[form];
  const points = `${held.length} point${held.length > 1 ? "s" : ""}`;
  return `${number} heads, ${how}, seed ${seed}${held.length ? `, ${points} held` : ""}`;
}

/** A result in one sentence. */
export function resultInWords({ settings, cardinality, asd }) {
  const differ = `${cardinality.toFixed(1)} different heads`;
  return `${inWords(settings)}: ${differ}, ${millimetres(asd)} to the nearest other head.`;
}

/** What a head of a result is called. */
export function headName(head, result) {
  if (head < 0) return "The fit";
  const calibrated = result?.settings.form === "calibrated";
  return `Head ${head}${head === 0 && calibrated ? ", the most likely" : ""}`;
}

/** Where a head of a result lies. */
export function whereabouts(head, { settings, away, held }, posterior) {
  if (head < 0) return "the one head that follows the photo";
  if (settings.form === "calibrated" && head === 0) {
    if (held) return "given what is held";
    return posterior.fit ? "near the fit" : "the fit, completed";
  }
  return fromLikeliest(away[Math.min(head, away.length - 1)]);
}

export const fromLikeliest = (away) => `${millimetres(away)} from the most likely`;

/** The call that makes the same heads in Python, and how nearly the same they are. */
export function pythonCall(state, first, posterior) {
  const { dpp_weight, published_weight, number, seed, bandwidth, mass, iterations, form } = state;
  const weights = `dpp_weight=${dpp_weight.toFixed(1)}, published_weight=${published_weight}`;
  const rest = `bandwidth=${bandwidth}, mass=${mass}, iterations=${iterations}`;
  const diversity = `DiversitySettings(form="${form}", ${weights}, ${rest})`;
  const settings = `settings=Settings(diversity=${diversity})`;
  const alike = () => {
    if (posterior.linearised) return "Nearly the same heads in Python, whose network bends";
    if (seed === first.seed) return "The same heads in Python";
    return "Nearly the same heads in Python, which fits the head with that seed, too";
  };
  const but = state.held.length ? "before points were held" : "other settings as they were";
  return {
    intro: `${alike()}, ${but}: `,
    code: `reconstruct(photo, occluded, samples=${number}, seed=${seed}, ${settings})`,
  };
}
