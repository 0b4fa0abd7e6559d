// What d3f_lite/results/explorer_data.py packed: the posterior, in arrays of the precision it needs.

import { neighboursOf } from "./mesh.js";

const TYPES = {
  f8: Float64Array,
  f4: Float32Array,
  u4: Uint32Array,
  u2: Uint16Array,
  u1: Uint8Array,
};
const [VISIBLE, FREE] = [1, 2]; // bits of what the photo says of a vertex: it is shown; it may differ

/** The posterior that `data` packs. */
export async function unpack(data) {
  const bytes = await inflated(data.packed);
  const { reach, deviation, linearised, faces } = data;
  const parts = { reach, deviation, linearised, faces };
  let place = 0;
  let lower = null; // neighbours of lower number
  for (const [name, [kind, shape]] of Object.entries(data.arrays)) {
    const count = shape.reduce((product, side) => product * side, 1);
    const width = kind in TYPES ? TYPES[kind].BYTES_PER_ELEMENT : 4;
    const part = bytes.slice(place, place + count * width);
    place += count * width;
    if (kind in TYPES) parts[name] = new TYPES[kind](part);
    else if (shape.length === 3) parts[name] = moves(wholeNumbers(part), shape[0], lower, kind);
    else parts[name] = Float32Array.from(wholeNumbers(part), (steps) => steps * kind);
    if (name === "triangles") {
      const below = (others, vertex) => others.filter((one) => one < vertex);
      lower = neighboursOf(parts.triangles).map(below);
    }
  }
  return posteriorOf(parts);
}

/** A posterior of its parts: arrays as `posterior_arrays` has them in Python, flat, `reach` (d,) and
 * `deviation` in mm, triangles with `faces` of the head itself, and the `states` of its vertices.
 *
 * A latent z ~ N(0, I) (K,) gives the head mean + (zᵀ modes) · directions + (zᵀ turn) · remainder. */
export function posteriorOf(parts) {
  const { states, reach, modes, turn } = parts;
  const vertices = Uint32Array.from(states.keys());
  const latentSize = modes.length / reach.length;
  return {
    ...parts,
    latentSize,
    count: states.length,
    dimensions: reach.length,
    others: turn.length / latentSize,
    visible: vertices.filter((vertex) => states[vertex] & VISIBLE),
    free: vertices.filter((vertex) => states[vertex] & FREE),
    isVisible: (vertex) => (states[vertex] & VISIBLE) > 0,
    isFree: (vertex) => (states[vertex] & FREE) > 0,
  };
}

async function inflated(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** 0, −1, 1, −2, … from 0, 1, 2, 3, … of four bytes each, the lowest bytes of all of them first. */
function wholeNumbers(buffer) {
  const bytes = new Uint8Array(buffer);
  const count = bytes.length / 4;
  return Int32Array.from({ length: count }, (_, i) => {
    const [low, high] = [bytes[i] + 256 * bytes[count + i], bytes[2 * count + i]];
    const code = low + 65536 * (high + 256 * bytes[3 * count + i]);
    return code % 2 ? -(code + 1) / 2 : code / 2;
  });
}

/** Moves (n, V, 3) from (n, 3, V) steps, each stored as what it adds to the mean of its lower neighbours. */
function moves(steps, rows, lower, step) {
  const found = new Float32Array(steps.length);
  for (let row = 0; row < rows; row++) {
    for (let side = 0; side < 3; side++) {
      const start = (3 * row + side) * lower.length;
      const plane = steps.subarray(start, start + lower.length);
      for (let vertex = 0; vertex < lower.length; vertex++) {
        const others = lower[vertex];
        let sum = 0;
        for (let n = 0; n < others.length; n++) sum += plane[others[n]];
        plane[vertex] += Math.floor(sum / Math.max(others.length, 1));
        found[3 * (row * lower.length + vertex) + side] = plane[vertex] * step;
      }
    }
  }
  return found;
}
