// Hypothetical outcomes (Hullman et al. 2015): a smooth way through independent draws of the posterior.

import { decode, sample } from "./posterior.js";
import { atOnce } from "./slices.js";

export const SWING = 2400; // ms from one draw to the next

/** A way through the first draws of the seeds s, s + 1, s + 2, …
 *
 * Between two draws a, b the latents are a cos t + b sin t, a draw itself (Hennig 2013): so is each frame. */
export class Passage {
  constructor(posterior, seed) {
    Object.assign(this, { posterior, seed, ends: [] });
  }

  /** Draw number n of the way, made once: u, and its rest. */
  end(n) {
    const { places, rests } = atOnce(sample(this.posterior, 1, (this.seed + n) % 2 ** 32));
    return { n, parts: [places, rests[0].moves, rests[0].changes] };
  }

  /** The head (V, 3) after so many ms; `held`: of `holdPoints`, or null. */
  at(time, held = null) {
    const n = Math.floor(time / SWING);
    this.ends = [n, n + 1].map((m) => this.ends.find((end) => end.n === m) ?? this.end(m));
    const share = time / SWING - n;
    const angle = (Math.PI / 2) * share * share * (3 - 2 * share);
    const [one, other] = this.ends.map(({ parts }) => parts);
    const mix = (part) => (value, i) => Math.cos(angle) * value + Math.sin(angle) * other[part][i];
    const [place, moves, changes] = one.map((values, part) => values.map(mix(part)));
    return decode(this.posterior, place, { moves, changes }, 1, held);
  }
}
