// The mathematics of the determinantal point process, as d3f_lite/diversity/kernel.py: how alike
// heads are, how plausible, and how many of them differ. Matrices (N, N) are flat, row by row.

import { inverse, lengths, withDiagonal } from "./matrix.js";

/** How alike two heads are: exp(−d² / 2h²), or as published exp(−d / h), for distances d (N, N). */
export function similarity(apart, bandwidth, form = "exponential") {
  if (form === "gaussian")
    return apart.map((d) => Math.exp((-d * d) / (2 * bandwidth * bandwidth)));
  return apart.map((d) => Math.exp(-d / bandwidth));
}

/** Twice the median distance between different heads, of distances (N, N). */
export function publishedBandwidth(apart, number) {
  const pairs = apart.filter((_, n) => n % number > Math.floor(n / number)).sort();
  return 2 * pairs[Math.floor((pairs.length - 1) / 2)];
}

/** How plausible each head is: q = exp(−max(0, ‖z‖ − R)), of N latents and the radius R. */
export function quality(latents, number, radius) {
  return lengths(latents, number).map((length) => Math.exp(-Math.max(0, length - radius)));
}

/** The DPP's kernel diag(q) S diag(q) of a similarity S (N, N) and qualities q (N,). */
export function kernel(alike, plausible) {
  const number = plausible.length;
  return alike.map((value, n) => value * plausible[Math.floor(n / number)] * plausible[n % number]);
}

/** The expected size of a DPP sample of a kernel L (N, N): tr(I − (L + I)⁻¹). */
export function expectedCardinality(dppKernel, number) {
  return cardinalityAndSlopes(dppKernel, number).cardinality;
}

/** The expected cardinality, and 2 (I + L)⁻² ⊙ L (N, N): its slope along log L_ij where i moves. */
export function cardinalityAndSlopes(dppKernel, number) {
  const inverted = inverse(withDiagonal(dppKernel, number, 1), number);
  const slopes = new Float64Array(number * number);
  let cardinality = number;
  for (let i = 0; i < number; i++) {
    cardinality -= inverted[i * number + i];
    for (let j = 0; j <= i; j++) {
      let slope = 0;
      for (let k = 0; k < number; k++) slope += inverted[i * number + k] * inverted[j * number + k];
      slopes[i * number + j] = slopes[j * number + i] = 2 * slope * dppKernel[i * number + j];
    }
  }
  return { cardinality, slopes };
}

/** What the quality adds to the gradient of minus the expected cardinality, per unit of each latent:
 * its slope along ‖z‖, over ‖z‖; zero within the radius. */
export function qualityPulls(latents, number, radius, slopes) {
  return lengths(latents, number).map((length, i) => {
    if (length <= radius) return 0;
    let pull = 0;
    for (let j = 0; j < number; j++) pull += slopes[i * number + j];
    return pull / length;
  });
}

/** The radius within which N(0, I) of d dimensions has this probability: the root of χ²'s quantile. */
export function ballRadius(mass, dimensions) {
  let [low, high] = [0, 1];
  while (ballMass(high, dimensions) < mass) high *= 2;
  for (let n = 0; n < 100; n++) {
    const middle = (low + high) / 2;
    if (ballMass(middle, dimensions) < mass) low = middle;
    else high = middle;
  }
  return high;
}

/** The probability of N(0, I) of d dimensions within a radius: the incomplete gamma function's series. */
export function ballMass(radius, dimensions) {
  let scale = dimensions % 2 ? Math.sqrt(Math.PI) / 2 : 1; // Γ(d/2 + 1)
  for (let factor = dimensions % 2 ? 1.5 : 1; factor <= dimensions / 2; factor++) scale *= factor;
  const x = radius ** 2 / 2;
  let sum = 0;
  let term = x === 0 ? 0 : Math.exp((dimensions / 2) * Math.log(x) - x) / scale;
  for (let n = 1; term > 1e-17 * sum; n++) {
    sum += term;
    term *= x / (dimensions / 2 + n);
  }
  return sum;
}
