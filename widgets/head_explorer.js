// Heads to explore: the posterior travels with the page, and the search of d3f_lite/diversity/search.py runs here again, so
// that a slider answers at once and no server is asked. Nothing is fetched: the data is that of results/explorer_data.py.

// ---- The data -------------------------------------------------------------------------------------------------------------

const TYPES = { f8: Float64Array, f4: Float32Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };

/** What `explorer_data` packed: its arrays by name, moves as (n, V, 3) float32. */
export async function unpack(data) {
  const packed = Uint8Array.from(atob(data.packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(stream).arrayBuffer();
  const model = { ...data, packed: null };
  let [place, lower] = [0, null];
  for (const [name, [kind, shape]] of Object.entries(data.arrays)) {
    const count = shape.reduce((product, side) => product * side, 1);
    const part = bytes.slice(place, (place += count * (TYPES[kind]?.BYTES_PER_ELEMENT ?? 4)));
    if (kind in TYPES) model[name] = new TYPES[kind](part);
    else if (shape.length === 3) model[name] = besideNeighbours(wholeNumbers(part), shape[0], lower, kind);
    else model[name] = Float32Array.from(wholeNumbers(part), (steps) => steps * kind);
    if (name === "triangles")
      lower = neighboursOf(model.triangles).map((others, vertex) => others.filter((one) => one < vertex));
  }
  model.count = model.states.length;
  model.dimensions = model.reach.length;
  model.latents = model.modes.length / model.dimensions;
  model.others = data.arrays.turn[1][1];
  model.open = Uint32Array.from(model.states.keys()).filter((vertex) => model.states[vertex] & OPEN);
  return model;
}

/** 0, −1, 1, −2, … from 0, 1, 2, 3, … of four bytes each, the lowest bytes of all of them first. */
function wholeNumbers(buffer) {
  const bytes = new Uint8Array(buffer);
  const count = bytes.length / 4;
  return Int32Array.from({ length: count }, (_, i) => {
    const code = bytes[i] + 256 * (bytes[count + i] + 256 * (bytes[2 * count + i] + 256 * bytes[3 * count + i]));
    return code % 2 ? -(code + 1) / 2 : code / 2;
  });
}

/** Moves (n, V, 3) from (n, 3, V) steps, each told beside the mean of its neighbours of lower number. */
function besideNeighbours(steps, rows, lower, step) {
  const moves = new Float32Array(steps.length);
  for (let row = 0; row < rows; row++) {
    for (let side = 0; side < 3; side++) {
      const plane = steps.subarray((3 * row + side) * lower.length, (3 * row + side + 1) * lower.length);
      for (let vertex = 0; vertex < lower.length; vertex++) {
        const others = lower[vertex];
        let sum = 0;
        for (let n = 0; n < others.length; n++) sum += plane[others[n]];
        plane[vertex] += Math.floor(sum / Math.max(others.length, 1));
        moves[3 * (row * lower.length + vertex) + side] = plane[vertex] * step;
      }
    }
  }
  return moves;
}

function neighboursOf(triangles) {
  const neighbours = Array.from({ length: triangles.reduce((most, vertex) => Math.max(most, vertex), 0) + 1 }, () => new Set());
  triangles.forEach((vertex, n) => {
    const first = n - (n % 3);
    for (let corner = first; corner < first + 3; corner++) if (corner !== n) neighbours[vertex].add(triangles[corner]);
  });
  return neighbours.map((others) => Uint32Array.from(others));
}

const [VISIBLE, OPEN] = [1, 2]; // bits of what the photo says of a vertex

// ---- Random numbers: numpy's default_rng(seed).standard_normal(shape, float32), so that a seed means the same as in Python --

const MASK64 = (1n << 64n) - 1n;
const MASK128 = (1n << 128n) - 1n;
const MULTIPLIER = (2549297995355413924n << 64n) + 4865540595714422341n; // of PCG64

/** numpy's SeedSequence (O'Neill's seed_seq) of one 32-bit number: 8 words. */
function seedWords(seed) {
  let constant = 0x43b0d7e5;
  const hash = (value) => {
    value ^= constant;
    constant = Math.imul(constant, 0x931e8875);
    value = Math.imul(value, constant);
    return (value ^ (value >>> 16)) >>> 0;
  };
  const mix = (x, y) => {
    const value = (Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715)) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  const pool = [seed >>> 0, 0, 0, 0].map(hash);
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  }
  constant = 0x8b51f9dd;
  return Array.from({ length: 8 }, (_, n) => {
    let value = pool[n % 4] ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    value = Math.imul(value, constant);
    return (value ^ (value >>> 16)) >>> 0;
  });
}

/** PCG64 of a seed: a function that gives the next 32 bits, the lower half of each 64 first. */
function pcg64(seed) {
  const [a, b, c, d] = [0, 2, 4, 6].map(
    (n, _, __, words = seedWords(seed)) => (BigInt(words[n + 1]) << 32n) | BigInt(words[n]),
  );
  const increment = ((((c << 64n) | d) << 1n) | 1n) & MASK128;
  const advance = (state) => (state * MULTIPLIER + increment) & MASK128;
  let state = advance((increment + ((a << 64n) | b)) & MASK128);
  let kept = null;
  return () => {
    if (kept !== null) {
      const upper = kept;
      kept = null;
      return upper;
    }
    state = advance(state);
    const folded = ((state >> 64n) ^ state) & MASK64;
    const turn = state >> 122n;
    const word = ((folded >> turn) | (folded << (64n - turn))) & MASK64;
    kept = Number(word >> 32n);
    return Number(word & 0xffffffffn);
  };
}

const TAIL = 3.654152885361008796; // where the ziggurat's lowest strip begins
const STRIP = 0.004928673233974655; // area of each of its 256 strips
const zigzag = zigguratTables();

function zigguratTables() {
  const bell = (x) => Math.exp(-0.5 * x * x);
  const [widths, inside, heights] = [new Float32Array(256), new Uint32Array(256), new Float32Array(256)];
  const lowest = STRIP / bell(TAIL);
  let x = TAIL;
  inside[0] = (TAIL / lowest) * 2 ** 23;
  [widths[0], widths[255]] = [lowest / 2 ** 23, TAIL / 2 ** 23];
  [heights[0], heights[255]] = [1, bell(TAIL)];
  for (let n = 254; n > 0; n--) {
    const next = Math.sqrt(-2 * Math.log(STRIP / x + bell(x)));
    inside[n + 1] = (next / x) * 2 ** 23;
    [widths[n], heights[n]] = [next / 2 ** 23, bell(next)];
    x = next;
  }
  return { widths, inside, heights };
}

/** The first `count` standard normal numbers of numpy's generator of that seed. */
export function standardNormal(seed, count) {
  const bits = pcg64(seed);
  const uniform = () => (bits() >>> 8) / 2 ** 24;
  const { widths, inside, heights } = zigzag;
  const draw = () => {
    for (;;) {
      const word = bits();
      const [strip, minus, place] = [word & 255, (word >>> 8) & 1, (word >>> 9) & 0x7fffff];
      const x = Math.fround(place * widths[strip]) * (minus ? -1 : 1);
      if (place < inside[strip]) return x;
      if (strip === 0) {
        for (;;) {
          const [out, up] = [-Math.log1p(-uniform()) / TAIL, -Math.log1p(-uniform())];
          if (2 * up > out * out) return (place >>> 8) & 1 ? -(TAIL + out) : TAIL + out;
        }
      }
      if ((heights[strip - 1] - heights[strip]) * uniform() + heights[strip] < Math.exp(-0.5 * x * x)) return x;
    }
  };
  return Float32Array.from({ length: count }, draw);
}

// ---- The search -----------------------------------------------------------------------------------------------------------

/** The radius within which N(0, I) of d dimensions has the probability `mass`: the root of χ²'s quantile. */
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

/** The probability that N(0, I) of d dimensions has within a radius: the incomplete gamma function's series at r²/2. */
function ballMass(radius, dimensions) {
  let scale = dimensions % 2 ? Math.sqrt(Math.PI) / 2 : 1; // Γ(d/2 + 1)
  for (let factor = dimensions % 2 ? 1.5 : 1; factor <= dimensions / 2; factor++) scale *= factor;
  const x = radius ** 2 / 2;
  let [sum, term] = [0, x && Math.exp((dimensions / 2) * Math.log(x) - x) / scale];
  for (let n = 1; term > 1e-17 * sum; n++) {
    sum += term;
    term *= x / (dimensions / 2 + n);
  }
  return sum;
}

/** (aI + L)⁻¹ of a symmetric (N, N) matrix L, by Gauss and Jordan; aI + L is positive definite, so no row is exchanged. */
function inverseBeside(kernel, number, more) {
  const matrix = Float64Array.from(kernel);
  for (let n = 0; n < number; n++) matrix[n * number + n] += more;
  for (let n = 0; n < number; n++) {
    const pivot = 1 / matrix[n * number + n];
    matrix[n * number + n] = 1;
    for (let j = 0; j < number; j++) matrix[n * number + j] *= pivot;
    for (let i = 0; i < number; i++) {
      const factor = matrix[i * number + n];
      if (i === n || factor === 0) continue;
      matrix[i * number + n] = 0;
      for (let j = 0; j < number; j++) matrix[i * number + j] -= factor * matrix[n * number + j];
    }
  }
  return matrix;
}

/** The expected size of a DPP sample of a kernel L (N, N): tr(I − (L + I)⁻¹). */
export function expectedCardinality(kernel, number) {
  const inverse = inverseBeside(kernel, number, 1);
  let sum = number;
  for (let n = 0; n < number; n++) sum -= inverse[n * number + n];
  return sum;
}

/** q = exp(−max(0, ‖z‖ − R)) of each of the rows (N, K). */
function qualities(rows, number, radius) {
  const size = rows.length / number;
  return Float64Array.from({ length: number }, (_, n) => {
    const length = Math.sqrt(rows.subarray(n * size, (n + 1) * size).reduce((sum, value) => sum + value * value, 0));
    return Math.exp(-Math.max(0, length - radius));
  });
}

/** Adam (Kingma and Ba 2015, algorithm 1) with weight decay, as d3f_lite/common/adam.py. */
class Adam {
  constructor(unknown, rate, decay = 0) {
    Object.assign(this, { unknown, rate, decay, steps: 0 });
    [this.mean, this.square] = [new Float64Array(unknown.length), new Float64Array(unknown.length)];
  }

  step(gradient) {
    const { unknown, mean, square } = this;
    this.steps += 1;
    const [first, second] = [1 - 0.9 ** this.steps, 1 - 0.999 ** this.steps];
    for (let i = 0; i < unknown.length; i++) {
      const slope = gradient[i] + this.decay * unknown[i];
      mean[i] += (1 - 0.9) * (slope - mean[i]);
      square[i] += (1 - 0.999) * (slope * slope - square[i]);
      unknown[i] -= (this.rate * (mean[i] / first)) / (Math.sqrt(square[i] / second) + 1e-8);
    }
  }
}

/** The calibrated search, `_spread_out` in Python: points u (N, d) move to minimise Σ ½‖u‖² − w E|Y|, the first held at zero. */
export class CalibratedSearch {
  constructor(start, reach, deviation, settings) {
    const dimensions = reach.length;
    this.places = Float64Array.from(start);
    this.places.fill(0, 0, dimensions);
    Object.assign(this, { reach, settings, number: start.length / dimensions, steps: 0, energy: 0, cardinality: 0 });
    this.width = settings.bandwidth * deviation;
    this.radius = ballRadius(settings.mass, dimensions);
    this.adam = new Adam(this.places.subarray(dimensions), 0.15);
  }

  get done() {
    return this.steps >= this.settings.iterations;
  }

  step() {
    const { places, number, reach, width, radius } = this;
    const dimensions = reach.length;
    const kernel = withQuality(gaussianKernel(places, number, reach, width), qualities(places, number, radius));
    const { cardinality, slopes } = cardinalitySlopes(kernel, number);
    this.energy = places.reduce((sum, value) => sum + value * value, 0) / (2 * number);
    this.cardinality = cardinality;
    const pulls = wallPulls(places, number, radius, slopes);
    const share = this.settings.weight / number;
    const gradient = places.map((value, n) => value * (1 / number + share * pulls[Math.floor(n / dimensions)]));
    for (let i = 0; i < number; i++) {
      for (let j = 0; j < number; j++) {
        const slope = (share * slopes[i * number + j]) / width ** 2;
        for (let k = 0; k < dimensions; k++) {
          const apart = places[j * dimensions + k] - places[i * dimensions + k];
          gradient[i * dimensions + k] -= slope * apart * reach[k] ** 2;
        }
      }
    }
    this.adam.step(gradient.subarray(dimensions));
    this.steps += 1;
    if (this.done) this.holdInside();
  }

  /** The quality is a soft wall; this is the hard one. */
  holdInside() {
    const dimensions = this.reach.length;
    for (let n = 1; n < this.number; n++) {
      const point = this.places.subarray(n * dimensions, (n + 1) * dimensions);
      const factor = this.radius / Math.sqrt(point.reduce((sum, value) => sum + value * value, 0));
      if (factor < 1) point.forEach((value, k) => (point[k] = value * factor));
    }
  }
}

/** Minus the gradient of the expected cardinality along each ‖z‖, over ‖z‖: what the soft wall at R adds for each row z. */
function wallPulls(rows, number, radius, slopes) {
  const size = rows.length / number;
  return Float64Array.from({ length: number }, (_, i) => {
    const length = Math.sqrt(rows.subarray(i * size, (i + 1) * size).reduce((sum, value) => sum + value * value, 0));
    if (length <= radius) return 0;
    let pull = 0;
    for (let j = 0; j < number; j++) pull += slopes[i * number + j];
    return pull / length;
  });
}

/** Of a kernel L (N, N): the expected cardinality, and 2 (I + L)⁻² ⊙ L, its slope along log L_ij where i moves. */
function cardinalitySlopes(kernel, number) {
  const inverse = inverseBeside(kernel, number, 1);
  const slopes = new Float64Array(number * number);
  let cardinality = number;
  for (let i = 0; i < number; i++) {
    cardinality -= inverse[i * number + i];
    for (let j = 0; j <= i; j++) {
      let slope = 0;
      for (let k = 0; k < number; k++) slope += inverse[i * number + k] * inverse[j * number + k];
      slopes[i * number + j] = slopes[j * number + i] = 2 * slope * kernel[i * number + j];
    }
  }
  return { cardinality, slopes };
}

/** diag(q) S diag(q) of a similarity S (N, N) and qualities q (N,). */
function withQuality(alike, good) {
  return alike.map((value, n) => value * good[Math.floor(n / good.length)] * good[n % good.length]);
}

function gaussianKernel(places, number, reach, width) {
  const dimensions = reach.length;
  const alike = new Float64Array(number * number);
  for (let i = 0; i < number; i++) {
    for (let j = 0; j <= i; j++) {
      let square = 0;
      for (let k = 0; k < dimensions; k++) {
        square += ((places[i * dimensions + k] - places[j * dimensions + k]) * reach[k]) ** 2;
      }
      alike[i * number + j] = alike[j * number + i] = Math.exp(-square / (2 * width * width));
    }
  }
  return alike;
}

const [PUBLISHED_RATE, PUBLISHED_DECAY, PUBLISHED_ROUGHNESS] = [0.05, 5e-4, 0.001]; // Adam's two; per mm²

/** The published search, `diversify_published` in Python: N latents z move to keep the visible vertices at the fit, smoothly
 * (L1 and Laplacian), and to differ where hidden (minus the expected cardinality, its bandwidth following the heads). All K
 * latents move; what differs from Python is that heads are made of rounded moves (REMAINDER_STEP in explorer_data.py). */
export class PublishedSearch {
  constructor(model, latents, settings) {
    const number = latents.length / model.latents;
    Object.assign(this, { model, number, settings, steps: 0, latents: Float64Array.from(latents) });
    this.radius = ballRadius(0.9, model.latents);
    this.adam = new Adam(this.latents, PUBLISHED_RATE, PUBLISHED_DECAY);
    this.seen = Uint32Array.from(model.states.keys()).filter((vertex) => model.states[vertex] & VISIBLE);
    this.moves = [this.seen, model.open].map((where) =>
      [model.directions, model.remainder].map((moves) => at(moves, where, model)),
    );
    this.neighbours = neighboursOf(model.triangles.subarray(0, 3 * model.faces));
    this.gap = at(model.mean, this.seen, model).map((value, i) => value - at(model.fit ?? model.mean, this.seen, model)[i]);
  }

  get done() {
    return this.steps >= this.settings.iterations;
  }

  /** One step, in slices. */
  *step() {
    const { model, number, latents, settings } = this;
    const amounts = [model.modes, model.turn].map((matrix) => times(latents, number, matrix));
    const [shown, hidden] = [[], []];
    for (let n = 0; n < number; n++) {
      const own = amounts.map((all) => all.subarray((n * all.length) / number, ((n + 1) * all.length) / number));
      [shown, hidden].forEach((parts, which) => {
        const offsets = which ? new Float32Array(3 * model.open.length) : Float32Array.from(this.gap);
        own.forEach((amount, part) => addMoves(offsets, amount, this.moves[which][part]));
        parts.push(offsets);
      });
      yield;
    }
    const { slopes, width, apart } = this.likeness(hidden);
    const pulls = wallPulls(latents, number, this.radius, slopes);
    const gradient = latents.map((value, n) => settings.published * pulls[Math.floor(n / model.latents)] * value);
    for (let n = 0; n < number; n++) {
      const downhill = [this.holding(shown[n]), new Float32Array(3 * model.open.length)];
      for (let other = 0; other < number; other++) {
        if (other === n || apart[n * number + other] === 0) continue;
        const slope =
          (settings.published * slopes[n * number + other]) / (width * model.open.length * apart[n * number + other]);
        for (let i = 0; i < downhill[1].length; i++) downhill[1][i] += slope * (hidden[n][i] - hidden[other][i]);
      }
      [model.modes, model.turn].forEach((matrix, part) => {
        const slope = alongMoves(downhill[0], this.moves[0][part]);
        alongMoves(downhill[1], this.moves[1][part]).forEach((value, row) => (slope[row] += value));
        for (let k = 0; k < model.latents; k++) {
          for (let row = 0; row < slope.length; row++)
            gradient[n * model.latents + k] += matrix[k * slope.length + row] * slope[row];
        }
      });
      yield;
    }
    this.adam.step(gradient);
    this.steps += 1;
  }

  /** How alike the heads are where hidden: slopes of the expected cardinality, the bandwidth and the distances, mm. */
  likeness(hidden) {
    const { number } = this;
    const apart = new Float64Array(number * number);
    const pairs = [];
    for (let i = 0; i < number; i++) {
      for (let j = 0; j < i; j++) {
        let square = 0;
        for (let k = 0; k < hidden[i].length; k++) square += (hidden[i][k] - hidden[j][k]) ** 2;
        apart[i * number + j] = apart[j * number + i] = Math.sqrt((3 * square) / hidden[i].length);
        pairs.push(apart[i * number + j]);
      }
    }
    const width = 2 * pairs.sort((a, b) => a - b)[Math.floor((pairs.length - 1) / 2)];
    const kernel = withQuality(
      apart.map((value) => Math.exp(-value / width)),
      qualities(this.latents, number, this.radius),
    );
    return { ...cardinalitySlopes(kernel, number), width, apart };
  }

  /** The gradient of what keeps one head's visible vertices in place, from their offsets (n, 3) mm. */
  holding(offsets) {
    const { number, seen, neighbours, model } = this;
    const whole = new Float32Array(3 * model.count);
    seen.forEach((vertex, n) => whole.set(offsets.subarray(3 * n, 3 * n + 3), 3 * vertex));
    const rough = laplacian(laplacian(whole, neighbours), neighbours);
    return offsets.map((value, i) => {
      const bend = rough[3 * seen[Math.floor(i / 3)] + (i % 3)];
      return Math.sign(value) / (3 * number * seen.length) + (PUBLISHED_ROUGHNESS * 2 * bend) / (number * model.count);
    });
  }
}

/** The columns of moves (n, V, 3) that belong to the vertices `where`: (n, m, 3). */
function at(moves, where, model) {
  const rows = moves.length / (3 * model.count);
  const found = new Float32Array(rows * 3 * where.length);
  for (let row = 0; row < rows; row++) {
    where.forEach((vertex, n) => {
      const place = 3 * (row * model.count + vertex);
      found.set(moves.subarray(place, place + 3), 3 * (row * where.length + n));
    });
  }
  return found;
}

/** How far a gradient (m, 3) goes along each of the moves (n, m, 3). */
function alongMoves(gradient, moves) {
  const slopes = new Float64Array(moves.length / gradient.length);
  for (let row = 0; row < slopes.length; row++) {
    let sum = 0;
    for (let i = 0, place = row * gradient.length; i < gradient.length; i++, place++) sum += gradient[i] * moves[place];
    slopes[row] = sum;
  }
  return slopes;
}

/** Each vertex's degree times its value, minus its neighbours': values (V, 3). */
function laplacian(values, neighbours) {
  const result = new Float32Array(values.length);
  neighbours.forEach((others, vertex) => {
    for (let i = 0; i < 3; i++) {
      let sum = others.length * values[3 * vertex + i];
      for (const other of others) sum -= values[3 * other + i];
      result[3 * vertex + i] = sum;
    }
  });
  return result;
}

/** Latents (N, K) times a matrix (K, columns): (N, columns) float64. */
export function times(latents, number, matrix) {
  const size = latents.length / number;
  const columns = matrix.length / size;
  const result = new Float64Array(number * columns);
  for (let n = 0; n < number; n++) {
    for (let k = 0; k < size; k++) {
      const value = latents[n * size + k];
      for (let j = 0; j < columns; j++) result[n * columns + j] += value * matrix[k * columns + j];
    }
  }
  return result;
}

// ---- Heads and what is measured of them -----------------------------------------------------------------------------------

const HELD_TO = 1; // mm: how well a place is meant where a point is held
const FARTHEST_HELD = 0.9999; // of the posterior: a point is held no farther out

/** Add amount · moves to a head: moves are rows (n, V, 3), amounts (n,). */
function addMoves(head, amounts, moves) {
  const size = head.length;
  for (let row = 0; row < amounts.length; row++) {
    const amount = amounts[row];
    if (amount === 0) continue;
    const offset = row * size;
    for (let i = 0; i < size; i++) head[i] += amount * moves[offset + i];
  }
}

/** Take back what coefficients do beyond their bounds: `changes` (b,) from the most likely head's. */
function bend(head, changes, { slack, bent }) {
  const excess = changes.map((change, i) => Math.min(Math.max(change, slack[2 * i]), slack[2 * i + 1]) - change);
  addMoves(head, excess, bent);
}

/** Heads as a search needs them: latents, starts u, and heads without their searched part; of a seed, some may be `known`. */
export function* drawn(model, settings, known = []) {
  const { number, seed } = settings;
  const latents = standardNormal(seed, number * model.latents);
  const start = times(latents, number, model.modes);
  const others = times(latents, number, model.turn);
  return { latents, start, draws: yield* restOf(model, others, number, known) };
}

/** What the amounts (N, r) along all directions but the searched ones add to N heads, and to coefficients with bounds. */
function* restOf(model, amounts, number, known = []) {
  const rests = known.slice(0, number);
  for (let n = rests.length; n < number; n++) {
    const own = amounts.subarray(n * model.others, (n + 1) * model.others);
    rests.push({ moves: new Float32Array(model.mean.length), changes: model.bent && times(own, 1, model.bent_turn) });
    addMoves(rests[n].moves, own, model.remainder);
    yield;
  }
  return rests;
}

/** A head at u (d,): mean + u · directions + share of an independent draw elsewhere, and carried to where points are held. */
function headAt(model, place, { moves, changes }, share, hold) {
  const head = Float32Array.from(model.mean);
  addMoves(head, place, model.directions);
  addMoves(head, [share], moves);
  const amounts = hold && hold.carry(head);
  if (hold) addMoves(head, amounts, hold.response);
  if (model.bent) {
    const own = times(place, 1, model.bent_modes).map((change, i) => change + share * changes[i]);
    bend(head, hold ? times(amounts, 1, hold.changes).map((change, i) => change + own[i]) : own, model);
  }
  return head;
}

/** What carries heads of the posterior to where points are held, `held` [[vertex, x, y, z], …] in mm; null if none is.
 *
 * The posterior is conditioned on these places, which are good to HELD_TO: with A how the latents a move the points, and
 * S = AAᵀ + σ²I, it becomes N(AᵀS⁻¹d, I − AᵀS⁻¹A). Of that covariance I − AᵀMA is the symmetric root, M = (S + σ√S)⁻¹. So a head
 * that has the points at Aa is moved along the posterior's covariance with them, by S⁻¹d − M Aa: independent draws become
 * independent draws of the conditioned posterior, the most likely head becomes its most likely one, all others keep their manner.
 */
export function holding(model, held) {
  if (!held?.length) return null;
  const vertices = held.map(([vertex]) => vertex);
  const size = 3 * vertices.length;
  const home = at(model.mean, vertices, model);
  const wish = Float64Array.from(
    held.flatMap(([, ...place]) => place),
    (value, i) => value - home[i],
  );
  const parts = [model.directions, model.remainder].map((moves) => at(moves, vertices, model));
  const gram = new Float64Array(size * size);
  for (const part of parts) {
    for (let row = 0; row < part.length; row += size) {
      for (let i = 0; i < size * size; i++) gram[i] += part[row + Math.floor(i / size)] * part[row + (i % size)];
    }
  }
  const inverse = inverseBeside(gram, size, HELD_TO ** 2);
  const root = rootOf(
    gram.map((value, i) => value + (i % (size + 1) ? 0 : HELD_TO ** 2)),
    size,
  );
  const shrink = inverseBeside(
    gram.map((value, i) => value + HELD_TO * root[i]),
    size,
    HELD_TO ** 2,
  );
  const unusual = Math.sqrt(times(wish, 1, inverse).reduce((sum, value, i) => sum + value * wish[i], 0));
  const nearer = Math.min(1, ballRadius(FARTHEST_HELD, size) / unusual);
  const pull = times(wish, 1, inverse).map((value) => nearer * value);
  const response = new Float32Array(size * model.mean.length); // the covariance of all vertices with each coordinate held
  for (let i = 0; i < size; i++) {
    const field = response.subarray(i * model.mean.length, (i + 1) * model.mean.length);
    parts.forEach((part, n) => {
      addMoves(
        field,
        Float64Array.from({ length: part.length / size }, (_, row) => part[row * size + i]),
        n ? model.remainder : model.directions,
      );
    });
  }
  const changes =
    model.bent && [model.bent_modes, model.bent_turn].map((matrix, n) => times(across(parts[n], size), size, matrix));
  return {
    farther: 1 - ballMass(nearer * unusual, size), // the share of the posterior that has them farther out
    held: held.map(([vertex], n) => [vertex, ...[0, 1, 2].map((i) => home[3 * n + i] + nearer * wish[3 * n + i])]),
    response,
    changes: changes && changes[0].map((value, i) => value + changes[1][i]),
    inverse,
    carry: (head) => {
      const offset = Float64Array.from(at(head, vertices, model), (value, i) => value - home[i]);
      return times(offset, 1, shrink).map((value, i) => pull[i] - value);
    },
  };
}

/** √S of a symmetric positive definite (n, n) matrix, by Denman and Beavers. */
function rootOf(matrix, size) {
  let [root, other] = [matrix, Float64Array.from(matrix, (_, i) => (i % (size + 1) ? 0 : 1))];
  for (let n = 0; n < 40; n++) {
    const inverses = [root, other].map((one) => inverseBeside(one, size, 0));
    [root, other] = [
      root.map((value, i) => (value + inverses[1][i]) / 2),
      other.map((value, i) => (value + inverses[0][i]) / 2),
    ];
  }
  return root;
}

/** The transpose (columns, rows) of rows of so many columns. */
function across(rows, columns) {
  const height = rows.length / columns;
  return Float64Array.from(rows, (_, i) => rows[(i % height) * columns + Math.floor(i / height)]);
}

export const SWING = 2400; // ms from one draw to the next

/** Hypothetical outcomes: a smooth way through independent draws of the posterior, the first two of the seeds s and s + 1.
 *
 * Between two draws a, b the latents are a cos t + b sin t, which is a draw itself (Hennig 2013), so every frame is one. */
export class Passage {
  constructor(model, seed) {
    Object.assign(this, { model, seed, ends: [] });
  }

  /** The draw number n of the way, made once. */
  draw(n) {
    const { start, draws } = atOnce(drawn(this.model, { number: 1, seed: (this.seed + n) % 2 ** 32 }));
    return { n, parts: [start, draws[0].moves, draws[0].changes ?? []] };
  }

  /** The head (V, 3) after so many ms, given the points that are held. */
  at(time, hold = null) {
    const n = Math.floor(time / SWING);
    this.ends = [n, n + 1].map((which) => this.ends.find((end) => end.n === which) ?? this.draw(which));
    const share = time / SWING - n;
    const angle = (Math.PI / 2) * share * share * (3 - 2 * share);
    const [one, other] = this.ends.map(({ parts }) => parts);
    const [first, second] = [Math.cos(angle), Math.sin(angle)];
    const mixed = one.map((values, part) => values.map((value, i) => first * value + second * other[part][i]));
    return headAt(this.model, mixed[0], { moves: mixed[1], changes: mixed[2] }, 1, hold);
  }
}

/** RMS distance (mm) of two heads over the vertices `where`. */
export function distance(one, other, where) {
  let sum = 0;
  for (const vertex of where) {
    for (let i = 3 * vertex; i < 3 * vertex + 3; i++) sum += (one[i] - other[i]) ** 2;
  }
  return Math.sqrt(sum / where.length);
}

/** Standard deviation of each vertex over the heads: (V,) mm. */
export function spreadOf(heads) {
  const spread = new Float32Array(heads[0].length / 3);
  for (let vertex = 0; vertex < spread.length; vertex++) {
    let square = 0;
    for (let i = 3 * vertex; i < 3 * vertex + 3; i++) {
      let mean = 0;
      for (const head of heads) mean += head[i] / heads.length;
      for (const head of heads) square += (head[i] - mean) ** 2;
    }
    spread[vertex] = Math.sqrt(square / Math.max(heads.length - 1, 1));
  }
  return spread;
}

/** What is said of a set of heads; mm, but the expected cardinality. */
function* measured(model, heads, places, likeliest, settings) {
  const number = heads.length;
  const width = settings.bandwidth * model.deviation;
  const good = qualities(places, number, ballRadius(settings.mass, model.dimensions));
  const kernel = new Float64Array(number * number);
  const nearest = new Float64Array(number).fill(Infinity);
  for (let i = 0; i < number; i++) {
    for (let j = 0; j <= i; j++) {
      const apart = i === j ? 0 : distance(heads[i], heads[j], model.open);
      const alike = Math.exp(-0.5 * (apart / width) ** 2) * good[i] * good[j];
      kernel[i * number + j] = kernel[j * number + i] = alike;
      if (i !== j) [nearest[i], nearest[j]] = [Math.min(nearest[i], apart), Math.min(nearest[j], apart)];
    }
    yield;
  }
  const away = heads.map((head) => distance(head, likeliest, model.open));
  const spread = spreadOf(heads);
  return {
    cost: places.reduce((sum, value) => sum + value * value, 0) / (2 * number),
    cardinality: expectedCardinality(kernel, number),
    apart: number > 1 ? nearest.reduce((sum, value) => sum + value, 0) / number : 0,
    farthest: Math.max(...away),
    away,
    spread,
    widest: model.open.reduce((most, vertex) => Math.max(most, spread[vertex]), 0),
  };
}

/** Everything of one setting, in slices: N heads, their measures, and those of as many independent draws. */
export function* explored(model, settings, cache = {}) {
  const { number, seed } = settings;
  if (cache.number !== number || cache.seed !== seed) {
    const known = cache.seed === seed ? cache.draws : []; // a seed's first heads are the same, however many
    const found = yield* drawn(model, settings, known);
    Object.assign(cache, { number, seed, sets: {}, found, draws: known.length > number ? known : found.draws });
  }
  const independent = { settings, ...(yield* setOf("iid", model, settings, cache)) };
  return { ...independent, ...(yield* setOf(settings.form, model, settings, cache)), independent, found: cache.found };
}

// Each form's search, and the settings that it reads: it gives points u, what the heads are elsewhere, and how much of that.
const SEARCHES = {
  iid: [
    [],
    function* (model, settings, { start, draws }) {
      return { places: start, draws, shares: draws.map(() => 1) };
    },
  ],
  calibrated: [["weight", "bandwidth", "mass", "iterations"], calibrated],
  published: [["published", "iterations"], published],
};

/** One form's heads and their measures; what a setting leaves as it was is not made again. */
function* setOf(form, model, settings, cache) {
  const told = (names) => JSON.stringify(names.map((name) => settings[name]));
  const [names, search] = SEARCHES[form];
  const [searched, dressed] = [told(names), told(["bandwidth", "mass", "held"])];
  if (cache.sets[form]?.searched !== searched)
    cache.sets[form] = { searched, ...(yield* search(model, settings, cache.found)) };
  const set = cache.sets[form];
  if (set.dressed !== dressed) {
    const hold = holding(model, settings.held);
    const heads = [];
    for (let n = 0; n < set.draws.length; n++) {
      heads.push(headAt(model, placeOf(set, n), set.draws[n], set.shares[n], hold));
      yield;
    }
    const likeliest = headAt(model, new Float64Array(model.dimensions), set.draws[0], 0, hold);
    const measures = yield* measured(model, heads, set.places, likeliest, settings);
    Object.assign(set, { dressed, result: { heads, likeliest, hold, ...measures } });
  }
  return set.result;
}

/** The point u (d,) of head n of a set. */
function placeOf({ places, draws }, n) {
  const size = places.length / draws.length;
  return places.subarray(n * size, (n + 1) * size);
}

function* calibrated(model, settings, { start, draws }) {
  const search = new CalibratedSearch(start, model.reach, model.deviation, settings);
  while (!search.done) {
    search.step();
    yield search.steps / settings.iterations;
  }
  return { places: search.places, draws, shares: draws.map((_, n) => (n ? settings.remainder : 0)) };
}

function* published(model, settings, found) {
  if (settings.number === 1) return yield* SEARCHES.iid[1](model, settings, found); // one head has nobody to differ from
  const search = new PublishedSearch(model, found.latents, settings);
  while (!search.done) {
    for (const slices = search.step(); !slices.next().done;) yield search.steps / settings.iterations;
  }
  const { number } = settings;
  const [places, others] = [model.modes, model.turn].map((matrix) => times(search.latents, number, matrix));
  const draws = yield* restOf(model, others, number);
  return { places, draws, shares: draws.map(() => 1) };
}

// Each loss at a few weights, and the setting that is its weight.
const CURVES = { calibrated: ["weight", [0, 2, 5.6, 11, 20, 44, 88, 256]], published: ["published", [0.0125, 0.05, 0.1, 0.2]] };

/** What one loss comes to at a few weights, in slices: `points` gets { form, apart, cost } of one after another. */
export function* frontier(model, { settings, found }, form, points) {
  const [name, weights] = CURVES[form];
  for (const weight of weights) {
    const told = { ...settings, [name]: weight };
    const { apart, cost } = yield* setOf(form, model, told, { sets: {}, found });
    points.push({ form, apart, cost });
    yield;
  }
}

/** Run the slices to their end at once. */
export function atOnce(slices) {
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
  }
}

/** The posterior's covariance (3, 3), mm², of one vertex, given the points that are held. */
export function covarianceAt(model, vertex, remainder = 1, hold = null) {
  const covariance = new Float64Array(9);
  for (const [moves, share] of [
    [model.directions, 1],
    [model.remainder, remainder ** 2],
  ]) {
    for (let place = 3 * vertex; place < moves.length; place += model.mean.length) {
      for (let i = 0; i < 9; i++) covariance[i] += share * moves[place + Math.floor(i / 3)] * moves[place + (i % 3)];
    }
  }
  if (!hold) return covariance;
  const response = at(hold.response, [vertex], model);
  const gain = times(hold.inverse, response.length / 3, response);
  for (let row = 0; row < response.length; row += 3) {
    for (let i = 0; i < 9; i++) covariance[i] -= response[row + Math.floor(i / 3)] * gain[row + (i % 3)];
  }
  return covariance;
}

// ---- Drawing: one shader, any number of heads on one canvas ---------------------------------------------------------------

const FIELD = 0.24; // radians, from the top to the bottom of a view
const VERTEX = `#version 300 es
uniform mat3 turn;
uniform vec3 centre;
uniform vec3 lens;  // focal length over aspect, focal length, distance of the eye in mm
uniform float depth;  // mm
uniform float morph;
uniform mat4x3 onto;
in vec3 placeA, placeB, normalA, normalB;
in float valueA, valueB;
in vec3 kind;  // open, skin, tone
in vec3 tint;
out vec3 normal, seen, own;
out float value;
out vec2 photo;
void main() {
  vec3 place = mix(placeA, placeB, morph);
  normal = turn * mix(normalA, normalB, morph);
  value = mix(valueA, valueB, morph);
  seen = kind;
  own = tint;
  vec3 at = onto * vec4(place, 1.0);
  photo = at.xy / at.z;
  vec3 view = turn * (place - centre);
  float away = lens.z - view.z;
  gl_Position = vec4(lens.xy * view.xy, (lens.z - away) / depth * -away, away);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D colours, picture;
uniform float top;  // of the colour scale, mm
uniform vec3 look;  // how much of the scale's colours, of the photo, and of the vertices' own colours
in vec3 normal, seen, own;
in float value;
in vec2 photo;
out vec4 colour;
void main() {
  vec3 n = normalize(gl_FrontFacing ? normal : -normal);
  float key = max(dot(n, normalize(vec3(-0.45, 0.55, 0.75))), 0.0);
  float fill = max(dot(n, normalize(vec3(0.8, 0.05, 0.6))), 0.0);
  float edge = pow(1.0 - max(n.z, 0.0), 3.0);
  float shade = 0.34 + 0.56 * key + 0.2 * fill;
  float gloss = pow(max(dot(n, normalize(vec3(-0.3, 0.42, 0.86))), 0.0), 36.0);
  vec3 clay = vec3(0.93, 0.90, 0.87) * seen.z * 1.24 * shade + 0.07 * gloss + 0.10 * edge * vec3(0.75, 0.85, 1.0);
  vec3 plain = mix(clay, own * (0.50 + 0.72 * shade) + 0.05 * gloss, look.z);
  vec3 heat = texture(colours, vec2(clamp(value / top, 0.0, 1.0), 0.5)).rgb;
  heat = heat * (0.60 + 0.52 * shade) * (0.55 + 0.45 * seen.z / 0.784) + 0.06 * gloss;
  vec4 texel = texture(picture, photo);
  vec2 inside = step(abs(photo - 0.5), vec2(0.5));
  float shown = look.y * smoothstep(0.35, 0.65, texel.a) * inside.x * inside.y * smoothstep(0.1, 0.9, seen.y);
  float warm = look.x * mix(smoothstep(0.25, 0.75, seen.x), smoothstep(0.0, 0.2, seen.x), look.y);
  colour = vec4(mix(mix(plain, heat, warm), texel.rgb * (0.86 + 0.16 * shade), shown), 1.0);
  if (!gl_FrontFacing) colour.rgb *= 0.55;
}`;
const STRIDE = 7; // of a vertex: place, normal, value

/** A mesh over some of the head's vertices: `vertices`, and `triangles` that count within those. */
function meshOf(triangles) {
  const vertices = Uint32Array.from(new Set(triangles)).sort();
  const places = new Map(Array.from(vertices, (vertex, place) => [vertex, place]));
  return { vertices, triangles: triangles.map((vertex) => places.get(vertex)) };
}

/** What the shader draws of a head (V, 3): place, normal and value of each of a mesh's n vertices, (n, 7). */
function shaped(head, { vertices, triangles }, values) {
  const shape = new Float32Array(vertices.length * STRIDE);
  for (let t = 0; t < triangles.length; t += 3) {
    const [a, b, c] = [t, t + 1, t + 2].map((corner) => 3 * vertices[triangles[corner]]);
    const [ux, uy, uz] = [head[b] - head[a], head[b + 1] - head[a + 1], head[b + 2] - head[a + 2]];
    const [vx, vy, vz] = [head[c] - head[a], head[c + 1] - head[a + 1], head[c + 2] - head[a + 2]];
    const [x, y, z] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    for (let corner = t; corner < t + 3; corner++) {
      const place = STRIDE * triangles[corner] + 3;
      shape[place] += x;
      shape[place + 1] += y;
      shape[place + 2] += z;
    }
  }
  for (let n = 0, place = 0; n < vertices.length; n++, place += STRIDE) {
    const length = Math.hypot(shape[place + 3], shape[place + 4], shape[place + 5]) || 1;
    for (let i = 0; i < 3; i++) {
      shape[place + i] = head[3 * vertices[n] + i];
      shape[place + 3 + i] /= length;
    }
    shape[place + 6] = values[vertices[n]];
  }
  return shape;
}

/** How a head is seen: a turn by yaw (to its left) and pitch (up), radians, from afar. */
class Camera {
  constructor(mean) {
    const [low, high] = [
      [Infinity, Infinity, Infinity],
      [-Infinity, -Infinity, -Infinity],
    ];
    mean.forEach((value, i) => ([low[i % 3], high[i % 3]] = [Math.min(low[i % 3], value), Math.max(high[i % 3], value)]));
    this.centre = low.map((value, i) => (value + high[i]) / 2);
    this.extent = low.map((value, i) => high[i] - value);
    [this.yaw, this.pitch, this.zoom] = [0, 0, 1];
  }

  /** Rows of the turn, head to viewer: Rx(−pitch) Ry(yaw). */
  get turn() {
    const [cy, sy, cp, sp] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    return [
      [cy, 0, sy],
      [-sp * sy, cp, sp * cy],
      [-cp * sy, -sp, cp * cy],
    ];
  }

  /** Focal lengths and the eye's distance (mm) for a view of this width by height. */
  lens(aspect, zoom = this.zoom) {
    const half = Math.max(0.53 * this.extent[1], (0.56 * this.extent[0]) / aspect);
    const focal = 1 / Math.tan(FIELD / 2);
    return [(zoom * focal) / aspect, zoom * focal, half * focal + this.extent[2] / 2];
  }

  /** Where a point (3,) lies in a view of that size: px from its top left corner, and mm towards the eye. */
  project([x, y, z], width, height) {
    const moved = [x - this.centre[0], y - this.centre[1], z - this.centre[2]];
    const [right, up, near] = this.turn.map((row) => row[0] * moved[0] + row[1] * moved[1] + row[2] * moved[2]);
    const [across, along, away] = this.lens(width / height);
    const scale = 1 / (away - near);
    return [(width / 2) * (1 + across * right * scale), (height / 2) * (1 - along * up * scale), near];
  }

  /** px per mm in a view of that size, at the head's middle or so many mm nearer. */
  scale(width, height, near = 0) {
    const [, along, away] = this.lens(width / height);
    return (height / 2) * (along / (away - near));
  }
}

class View {
  constructor(canvas, model, mesh, picture, restored) {
    Object.assign(this, { canvas, model, mesh, picture, shapes: [], dirty: true });
    this.gl = canvas.getContext("webgl2", { antialias: false }); // what rests is drawn finer than the screen instead
    if (!this.gl) throw new Error("this browser cannot draw in 3D: it has no WebGL 2");
    this.build();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.build();
      this.shapes.splice(0).forEach((shape, n) => {
        this.show(n, shape.to, shape.from);
        this.shapes[n].morph = 1;
      });
      restored();
    });
  }

  build() {
    const { gl, model, mesh } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    this.program = program;
    this.at = (name) => gl.getUniformLocation(program, name);
    const kinds = new Uint8Array(4 * mesh.vertices.length);
    mesh.vertices.forEach((vertex, n) =>
      kinds.set([model.states[vertex] & OPEN ? 255 : 0, model.skin[vertex], model.tones[vertex]], 4 * n),
    );
    this.kinds = this.buffer(gl.ARRAY_BUFFER, kinds);
    this.tints = this.buffer(gl.ARRAY_BUFFER, Uint8Array.from(at(model.tints, mesh.vertices, model)));
    this.triangles = this.buffer(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles);
    this.wide = mesh.triangles instanceof Uint32Array ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT;
    const stops = model.colours.flatMap((hex) => [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16)));
    this.texture(0, "colours", new ImageData(withAlpha(stops), model.colours.length, 1));
    this.texture(1, "picture", this.picture);
    gl.uniformMatrix4x3fv(
      this.at("onto"),
      false,
      [0, 1, 2, 3].flatMap((column) => model.onto.map((row) => row[column])),
    );
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.SCISSOR_TEST);
  }

  buffer(kind, values) {
    const buffer = this.gl.createBuffer();
    this.gl.bindVertexArray(null);
    this.gl.bindBuffer(kind, buffer);
    this.gl.bufferData(kind, values, this.gl.STATIC_DRAW);
    return buffer;
  }

  texture(unit, name, image) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.uniform1i(this.at(name), unit);
  }

  /** Let head n morph into another shape (V, 7), from what it was or from the shape `from`. */
  show(n, shape, from = null) {
    const { gl } = this;
    const slot = (this.shapes[n] ??= { array: gl.createVertexArray(), buffers: [0, 1].map(() => gl.createBuffer()), to: null });
    const start = from ?? (slot.to ? null : shape); // null: the buffer of what it was
    [slot.from, slot.to, slot.morph] = [start ?? slot.to, shape, start === shape ? 1 : 0];
    slot.buffers.reverse();
    gl.bindVertexArray(slot.array);
    [start, shape].forEach((values, end) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, slot.buffers[end]);
      if (values) gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
      ["place", "normal", "value"].forEach((name, part) => {
        this.attribute(`${name}${"AB"[end]}`, [3, 3, 1][part], gl.FLOAT, false, 4 * STRIDE, 12 * part);
      });
    });
    gl.bindBuffer(gl.ARRAY_BUFFER, this.kinds);
    this.attribute("kind", 3, gl.UNSIGNED_BYTE, true, 4, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.tints);
    this.attribute("tint", 3, gl.UNSIGNED_BYTE, true, 3, 0);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.triangles);
  }

  attribute(name, ...how) {
    const where = this.gl.getAttribLocation(this.program, name);
    this.gl.enableVertexAttribArray(where);
    this.gl.vertexAttribPointer(where, ...how);
  }

  /** The shape that head n has now, between the two it morphs from and to. */
  now(n) {
    const { from, to, morph } = this.shapes[n];
    return morph >= 1 ? to : from.map((value, i) => value + morph * (to[i] - value));
  }

  /** Draw heads, each into its place [left, top, width, height], css px, of the canvas. */
  draw(places, camera, { top, look }, zoom, sharpness) {
    const { gl, canvas, mesh } = this;
    const fine = sharpness;
    const [wide, high] = [Math.round(canvas.clientWidth * fine), Math.round(canvas.clientHeight * fine)];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    gl.scissor(0, 0, wide, high);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const turn = camera.turn;
    gl.uniformMatrix3fv(
      this.at("turn"),
      false,
      [0, 1, 2].flatMap((column) => turn.map((row) => row[column])),
    );
    gl.uniform3fv(this.at("centre"), camera.centre);
    gl.uniform1f(this.at("depth"), Math.hypot(...camera.extent));
    gl.uniform1f(this.at("top"), top);
    gl.uniform3fv(this.at("look"), look);
    places.forEach(([left, top_, width, height], n) => {
      if (!this.shapes[n]) return;
      const box = [left, canvas.clientHeight - top_ - height, width, height].map((side) => Math.round(side * fine));
      gl.viewport(...box);
      gl.scissor(...box);
      gl.uniform3fv(this.at("lens"), camera.lens(width / height, zoom));
      gl.uniform1f(this.at("morph"), this.shapes[n].morph);
      gl.bindVertexArray(this.shapes[n].array);
      gl.drawElements(gl.TRIANGLES, mesh.triangles.length, this.wide, 0);
    });
  }
}

function withAlpha(stops) {
  const pixels = new Uint8ClampedArray((stops.length / 3) * 4).fill(255);
  stops.forEach((value, n) => (pixels[4 * Math.floor(n / 3) + (n % 3)] = value));
  return pixels;
}

/** The photo, see-through where the occluder's layer lies. */
async function pictureOf(model) {
  const [width, height] = model.size;
  const [photo, mask] = await Promise.all(
    [model.photo, model.mask].map(async (address) => {
      const image = Object.assign(new Image(), { src: address });
      await image.decode();
      const brush = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
      brush.drawImage(image, 0, 0, width, height);
      return brush.getImageData(0, 0, width, height);
    }),
  );
  for (let i = 3; i < mask.data.length; i += 4) photo.data[i] = 255 * (1 - mask.data[i] / model.opacity);
  return photo;
}

// ---- The explorer ---------------------------------------------------------------------------------------------------------

const WEIGHTS = [0, 1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16, 22, 32, 44, 64, 88, 128, 176, 256]; // nats
const PUBLISHED_WEIGHTS = [0, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8]; // mm
const ITERATIONS = [10, 20, 40, 60, 100, 200, 300];
const TOPS = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100]; // mm, where a scale may end
const MOST_HEADS = 256;
const MOST_HELD = 6;
const NUDGE = 1; // mm that an arrow key moves a held point
const LARGEST_SEED = 2 ** 32 - 1;
const SEARCHED = ["weight", "published", "number", "seed", "bandwidth", "mass", "iterations", "form", "held"]; // what makes other heads
const SLICE = 8; // ms of work between two frames
const [HOVER, FOLLOW, PLAY] = [420, 160, 1100]; // ms: a morph to another head, to another setting; a head's turn
const PATIENCE = 400; // ms, after which a search shows how far it is
const REST = 220; // ms without a frame: nothing moves
const SHARPNESS = [2, 1.4, 1, 0.7, 0.5]; // pixels per css px: at rest, and while things move on ever slower machines
const LARGEST_TILT = 1.3; // radians
const NINETY = Math.sqrt(-2 * Math.log(0.1)); // deviations: an ellipse of that size holds 90 % of a plane's normal draws
const LOOKS = {
  photo: ["Photo", [1, 1, 0], "the photo where it shows the face, how far the heads differ elsewhere"],
  spread: ["Spread", [1, 0, 0], "how far the heads differ"],
  skin: ["Skin", [0, 0, 1], "the photo's colours, made up where it does not show the face"],
  clay: ["Clay", [0, 0, 0], "the shape alone"],
};
const FORMS = { calibrated: "the calibrated DPP", published: "the published loss (slow)", iid: "independent draws" };
const MEASURES = {
  cardinality: [
    "Different heads",
    "expected cardinality: the different heads in the set, softly counted, at most half of all",
    "",
  ],
  apart: ["To the nearest other head", "how far apart the heads are where hidden, on average (ASD-O)", " mm"],
  farthest: ["Farthest from the most likely", "how far the most unusual head is from the most likely one where hidden", " mm"],
};

const STYLE = `
.d3fx { --paper: #f6f4ef; --card: #fff; --ink: #1b1e24; --soft: #5a5e67; --line: #d9d5cc; --now: #1d4f9e; --other: #8b8f97;
  --pin: #8a5a00; --glow: #fff; --edge: #e7e2d8; container-type: inline-size; background: var(--paper); color: var(--ink);
  font: 15px/1.4 system-ui, sans-serif; }
.d3fx[data-theme=dark] { --paper: #0f1217; --card: #171b22; --ink: #eceef2; --soft: #a7adb9; --line: #2d333e; --now: #7fb2ff;
  --other: #7f8694; --pin: #f2c14e; --glow: #2b323d; --edge: #12161c; }
.d3fx *, .d3fx *::before { box-sizing: border-box; }
.d3fx .first { display: grid; gap: 10px; padding: 10px; grid-template-columns: minmax(0, 1fr);
  grid-template-areas: "head" "stage" "heads" "controls" "measures" "more"; }
.d3fx header { grid-area: head; }
.d3fx h1 { margin: 0; font-size: 19px; line-height: 1.2; overflow-wrap: anywhere; }
.d3fx p { margin: 0; }
.d3fx small, .d3fx .soft { color: var(--soft); font-size: 13px; }
.d3fx .photo { grid-area: stage; z-index: 2; pointer-events: none; margin: 8px; width: 96px; align-self: start; }
.d3fx .photo div { position: relative; line-height: 0; border-radius: 8px; overflow: hidden; border: 2px solid var(--card); }
.d3fx .photo img { width: 100%; } .d3fx .photo img + img { position: absolute; inset: 0; }
.d3fx .photo figcaption { display: none; }
.d3fx .stage { grid-area: stage; position: relative; height: 322px; border-radius: 14px; overflow: hidden;
  background: radial-gradient(circle at 50% 42%, var(--glow), var(--edge)); border: 1px solid var(--line); }
.d3fx .turn { position: absolute; inset: 0; cursor: grab; touch-action: pan-y; border-radius: 14px; }
.d3fx .turn:active { cursor: grabbing; }
.d3fx canvas { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.d3fx .stage svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; overflow: hidden; }
.d3fx .handle { position: absolute; width: 44px; height: 44px; margin: -22px; padding: 0; border: 0; background: none;
  border-radius: 50%; cursor: move; touch-action: none; }
.d3fx .handle::before { content: ""; position: absolute; inset: 12px; border-radius: 50%; border: 3px solid #fff;
  box-shadow: 0 0 0 2px #000, inset 0 0 0 1.5px #000; }
.d3fx .handle.holds::before { background: var(--pin); }
.d3fx .words { position: absolute; top: 10px; left: 116px; right: 10px; text-align: right; pointer-events: none;
  line-height: 1.25;
  text-wrap: balance; }
.d3fx .words span { display: inline-block; max-width: 118px; }
.d3fx .words b { font-size: 17px; }
.d3fx .sides { display: flex; gap: 10px; font-size: 13px; text-align: center; margin-bottom: 6px; }
.d3fx .sides span { flex: 1; }
.d3fx .sides span:first-child { color: var(--pin); }
.d3fx .sides span:last-child { color: var(--now); }
.d3fx .foot { position: absolute; left: 14px; right: 14px; bottom: 8px; font-size: 12px; line-height: 1.3; pointer-events: none; }
.d3fx .about { font-size: 13px; margin-bottom: 6px; min-height: 3.9em; } .d3fx .about:empty { display: none; }
.d3fx progress { position: absolute; inset: auto 0 0; width: 100%; height: 5px; accent-color: var(--now); }
.d3fx .plot { position: absolute; right: 8px; top: 72px; width: 104px; pointer-events: none; }
.d3fx .plot svg { position: static; height: auto; background: color-mix(in srgb, var(--card) 80%, transparent);
  border-radius: 10px; }
.d3fx .scale div { height: 9px; border-radius: 3px; border: 1px solid var(--line); }
.d3fx .scale p:last-child { display: flex; justify-content: space-between; gap: 8px; }
.d3fx .heads { grid-area: heads; position: relative; height: 210px; display: grid; }
.d3fx .head { position: relative; margin: 0; padding: 0; border: 0; background: none; color: var(--soft); border-radius: 10px;
  font: inherit; font-size: 11px; cursor: pointer; }
.d3fx .head span { position: absolute; left: 5px; top: 2px; }
.d3fx .head:hover, .d3fx .head[aria-selected=true] { background: color-mix(in srgb, var(--now) 14%, transparent);
  color: var(--ink); }
.d3fx .head[aria-selected=true] { box-shadow: inset 0 0 0 2px var(--now); }
.d3fx :focus-visible { outline: 3px solid var(--now); outline-offset: 1px; }
.d3fx .controls { grid-area: controls; display: grid; gap: 7px; align-content: start; }
.d3fx [hidden] { display: none !important; }
.d3fx .field { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 8px; align-items: center; align-content: start; }
.d3fx .field > label { font-weight: 600; } .d3fx .field output { font-variant-numeric: tabular-nums; }
.d3fx .field > input[type=range], .d3fx .field > small, .d3fx .field > select { grid-column: 1 / -1; }
.d3fx input[type=range] { width: 100%; min-height: 26px; margin: 0; accent-color: var(--now); }
.d3fx select, .d3fx button.plain, .d3fx input[type=number] { font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; padding: 4px 9px; min-height: 32px; }
.d3fx input[type=number] { width: 74px; }
.d3fx button.plain { cursor: pointer; } .d3fx button.plain:hover { border-color: var(--now); }
.d3fx .flow { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
.d3fx .looks { display: flex; flex-wrap: wrap; gap: 3px; border: 0; padding: 0; margin: 0; }
.d3fx .looks label { flex: 1; text-align: center; border: 1px solid var(--line); border-radius: 8px; padding: 4px 6px; background: var(--card);
  cursor: pointer;
  font-size: 13px; white-space: nowrap; }
.d3fx .looks label:has(:checked) { background: var(--now); border-color: var(--now); color: var(--card); }
.d3fx .looks label:has(:focus-visible) { outline: 3px solid var(--now); outline-offset: 2px; }
.d3fx .looks input, .d3fx .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.d3fx .measures { grid-area: measures; }
.d3fx table { border-collapse: collapse; width: 100%; }
.d3fx th { text-align: left; font-weight: 600; padding: 3px 8px 3px 0; line-height: 1.2; width: 42%; }
.d3fx td { padding: 3px 0; vertical-align: middle; }
.d3fx .bar { display: flex; align-items: center; gap: 6px; font-size: 12px; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.d3fx .bar i { height: 9px; border-radius: 2px; min-width: 2px; }
.d3fx .bar span { white-space: nowrap; }
.d3fx .chart { margin: 8px 0 0; max-width: 340px; } .d3fx .chart svg { display: block; width: 100%; }
.d3fx .chart figcaption { min-height: 34px; } .d3fx .chart text { font-size: 11px; } .d3fx .axis { stroke: var(--soft); fill: none; }
.d3fx polyline { fill: none; stroke: var(--now); stroke-width: 2.5; }
.d3fx polyline.published { stroke: var(--soft); stroke-dasharray: 6 4; }
.d3fx circle.now { fill: var(--now); } .d3fx circle.pinned { fill: var(--pin); } .d3fx circle.independent { fill: var(--other); }
.d3fx .chart i { display: inline-block; width: 26px; margin-right: 5px; vertical-align: middle; border-top: 3px solid var(--now); }
.d3fx .chart i.published { border-top: 3px dashed var(--soft); }
.d3fx .key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 4px; }
.d3fx ellipse { fill: color-mix(in srgb, var(--pin) 22%, transparent); stroke: var(--pin); stroke-width: 2; }
.d3fx .stage > svg ellipse { stroke: #fff; filter: drop-shadow(0 0 1.5px #000); }
.d3fx circle { fill: var(--card); stroke: var(--ink); stroke-width: 1.2; }
.d3fx circle.chosen { fill: var(--now); stroke: var(--card); }
.d3fx .grid { stroke: var(--line); } .d3fx text { fill: var(--soft); font-size: 19px; }
.d3fx details { grid-area: more; border-top: 1px solid var(--line); padding-top: 8px; }
.d3fx summary { font-weight: 600; cursor: pointer; min-height: 28px; }
.d3fx .settings { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 14px 26px; padding: 8px 0; }
.d3fx code { font: 12px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
@container (max-width: 639px) { .d3fx .controls small { display: none; } .d3fx.pinned .photo { width: 62px; }
  .d3fx.pinned .plot { display: none; } }
@container (min-width: 640px) {
  .d3fx .first { grid-template-columns: minmax(0, 1.1fr) minmax(0, 1fr);
    grid-template-areas: "head head" "stage heads" "controls measures" "more more"; }
  .d3fx .stage, .d3fx .heads { height: 430px; }
}
@container (min-width: 1000px) {
  .d3fx .first { gap: 12px 18px; padding: 14px 20px; grid-template-columns: 236px minmax(0, 1.12fr) minmax(0, 1fr);
    grid-template-rows: auto auto minmax(0, 1fr) auto;
    grid-template-areas: "head head head" "photo stage heads" "controls stage heads" "controls stage measures" "more more more"; }
  .d3fx .photo { grid-area: photo; width: auto; margin: 0; } .d3fx .photo figcaption { display: block; margin-top: 4px; }
  .d3fx .photo div { border: 0; }
  .d3fx .stage { height: auto; min-height: 620px; } .d3fx .heads { height: auto; min-height: 300px; }
  .d3fx .plot { width: 150px; top: 10px; right: 10px; }
  .d3fx .words { left: 16px; text-align: left; } .d3fx .words span { max-width: none; } .d3fx h1 { font-size: 22px; }
}
@media (min-width: 640px) { .d3fx.page { min-height: 100dvh; } }
@media (min-width: 1000px) { .d3fx.page .stage { min-height: max(440px, calc(100dvh - 104px)); } }
`;

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties and children; `aria-…` and the like are attributes. */
function make(tag, properties = {}, ...children) {
  const [name, drawn] = tag.startsWith("svg:") ? [tag.slice(4), true] : [tag, false];
  const element = drawn ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (!drawn && key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const millimetres = (value) => `${value.toFixed(1)} mm`;
const percent = (share) => (share < 0.001 ? "Less than 0.1 %" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`);
const scaleTop = (highest) => TOPS.find((top) => top >= highest) ?? Math.ceil(highest);

class Explorer {
  constructor(root, model, picture, host) {
    Object.assign(this, {
      root,
      model,
      host,
      caches: [{}, {}],
      results: [null, null],
      top: 0.5,
      ruler: 5,
      spots: [],
      points: [],
      cells: [],
      level: 1,
      slow: 22,
      last: -Infinity,
      listeners: new AbortController(),
    });
    this.defaults = {
      ...model.settings,
            head: 0,
      look: "photo",
      yaw: model.pose[0],
      pitch: model.pose[1],
      zoom: 1,
      point: -1,
      held: [],
      pin: null,
    };
    this.camera = new Camera(model.mean);
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.state = this.checked(host.load());
    this.build();
    const redraw = () => this.paint(this.large, this.small);
    const meshes = [meshOf(model.triangles), meshOf(model.coarse)];
    [this.large, this.small] = this.canvases.map((canvas, n) => new View(canvas, model, meshes[n], picture, redraw));
    this.large.show(0, shaped(model.mean, this.large.mesh, new Float32Array(model.count)));
    const watch = new ResizeObserver(() => this.arrange());
    for (const part of [this.stage, this.heads]) watch.observe(part);
    this.listeners.signal.addEventListener("abort", () => watch.disconnect());
    if (this.state.pin) this.want(1, { ...this.state, ...this.state.pin });
    this.update({});
    this.want(0, this.state);
  }

  // What a state may be: anything else in a link or a traitlet is left out.
  checked(given) {
    const limits = {
      weight: [0, 1e4],
      published: [0, 1e3],
      number: [1, MOST_HEADS],
      seed: [0, LARGEST_SEED],
      bandwidth: [0.05, 20],
      mass: [0.01, 0.999],
      iterations: [1, 5000],
      head: [-1, MOST_HEADS - 1],
      yaw: [-9, 9],
      pitch: [-LARGEST_TILT, LARGEST_TILT],
      zoom: [0.5, 8],
      point: [-1, this.model.count - 1],
    };
    const whole = ["number", "seed", "iterations", "head", "point"];
    const state = { ...this.defaults };
    for (const [name, value] of Object.entries(given ?? {})) {
      if (name in limits && Number.isFinite(value))
        state[name] = clamp(whole.includes(name) ? Math.round(value) : value, ...limits[name]);
      if ((name === "form" && value in FORMS) || (name === "look" && value in LOOKS)) state[name] = value;
      if (name === "held" && Array.isArray(value)) state.held = value.filter((one) => this.mayHold(one)).slice(-MOST_HELD);
      if (name === "pin" && value) state.pin = this.searched(this.checked({ ...value, pin: null }));
    }
    return state;
  }

  /** Whether it is [vertex, x, y, z] of a point that the photo does not show. */
  mayHold(one) {
    const numbers = Array.isArray(one) && one.length === 4 && one.every(Number.isFinite);
    return numbers && (this.model.states[one[0]] & OPEN) > 0;
  }

  searched(state) {
    return Object.fromEntries(SEARCHED.map((name) => [name, state[name]]));
  }

  // ---- What stands on the page

  build() {
    const { model } = this;
    this.hidden = model.part === "occluded" ? "hidden" : "unseen";
    this.canvases = [0, 1].map(() => make("canvas", { "aria-hidden": "true" }));
    this.turn = make("div", { className: "turn", tabIndex: 0, role: "application", "aria-roledescription": "head to turn" });
    this.handle = make("button", { type: "button", className: "handle", hidden: true, ariaLabel: "Move the chosen point" });
    this.overlay = make("svg:svg", { "aria-hidden": "true" });
    this.words = make("div", { className: "words" });
    this.progress = make("progress", { max: 1, value: 0, hidden: true, "aria-label": "The search" });
    this.sides = make("div", { className: "sides", hidden: true });
    this.ticks = make("p");
    const bar = make("div", { style: `background: linear-gradient(to right, ${model.colours})` });
    this.scale = make(
      "div",
      { className: "scale" },
      make("p", {}, `How far the heads differ (standard deviation)`),
      bar,
      this.ticks,
    );
    this.about = make("p", { className: "about" });
    this.foot = make("div", { className: "foot" }, this.sides, this.about, this.scale);
    this.plotted = make("div", { className: "plot" });
    this.stage = make(
      "section",
      { className: "stage", "aria-label": "The large head" },
      this.canvases[0],
      this.turn,
      this.overlay,
      this.handle,
      this.words,
      this.plotted,
      this.foot,
      this.progress,
    );
    this.heads = make("div", {
      className: "heads",
      role: "listbox",
      "aria-label": "The heads: choose one to see it large",
      "aria-orientation": "horizontal",
    });
    this.heads.append(this.canvases[1]);
    this.status = make("p", { className: "unseen", role: "status" });
    this.measures = make("section", { className: "measures", "aria-label": "Measures" });
    this.comparing = this.button("Add the published loss", () => this.trace("published"));
    this.comparing.title = "Its curve takes a browser about half a minute, in the background";
    this.compared = make("span", {}, make("i", { className: "published" }), "");
    const legend = [make("span", {}, make("i"), "the calibrated DPP"), this.compared, this.comparing];
    this.charted = make("figure", { className: "chart" }, make("svg:svg"), make("figcaption", { className: "flow soft" }, ...legend));
    const told = this.hidden === "hidden" ? "Magenta marks what hides the face" : "Nothing hides the face";
    const what = `Equal where the photo shows the face, different where it does not. `;
    const note = make("b", {}, `The hidden part is sampled, not observed.`);
    this.root.replaceChildren(
      make("style", {}, STYLE),
      make(
        "div",
        { className: "first" },
        make("header", {}, make("h1", {}, make("bdi", {}, model.name)), make("p", {}, what, note)),
        make(
          "figure",
          { className: "photo" },
          make(
            "div",
            {},
            make("img", { src: model.photo, alt: `The photo ${model.name}` }),
            make("img", { src: model.mask, alt: told }),
          ),
          make("figcaption", { className: "soft" }, `The photo. ${told}.`),
        ),
        this.stage,
        this.heads,
        this.controls(),
        this.measures,
        this.more(),
        this.status,
      ),
    );
    this.theme();
    this.listen();
  }

  theme() {
    const show = () => {
      const notebook = document.body.dataset.jpThemeLight;
      const dark = notebook ? notebook === "false" : matchMedia("(prefers-color-scheme: dark)").matches;
      this.root.dataset.theme = dark ? "dark" : "light";
    };
    const watch = new MutationObserver(show);
    watch.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
    this.listeners.signal.addEventListener("abort", () => watch.disconnect());
    this.on(matchMedia("(prefers-color-scheme: dark)"), "change", show);
    show();
  }

  controls() {
    const { state } = this;
    [this.fields, this.rows] = [{}, {}]; // what shows a setting, and the row of its slider
    const weights = among(WEIGHTS, this.defaults.weight, state.weight);
    const losses = among(PUBLISHED_WEIGHTS, this.defaults.published, state.published);
    const seed = make("input", { type: "number", id: this.id("seed"), min: 0, max: LARGEST_SEED, step: 1, value: state.seed });
    this.on(seed, "change", () => this.update({ seed: clamp(Math.round(Number(seed.value) || 0), 0, LARGEST_SEED) }));
    this.fields.seed = () => (seed.value = this.state.seed);
    const looks = make("fieldset", { className: "looks" }, make("legend", { className: "unseen" }, "Colours of the heads"));
    const choices = Object.entries(LOOKS).map(([look, [name, , title]]) => {
      const choice = make("input", { type: "radio", name: this.id("look"), value: look });
      this.on(choice, "change", () => this.update({ look }));
      looks.append(make("label", { title }, choice, name));
      return choice;
    });
    this.fields.look = () => choices.forEach((choice) => (choice.checked = choice.value === this.state.look));
    this.choice = this.pointChoice();
    this.playing = this.button("Play", () => this.play(this.turns ? 0 : Infinity));
    this.passing = this.button("Draws in motion", () => this.pass(!this.passage));
    this.passing.hidden = this.calm.matches;
    this.passing.title = "One draw of the posterior after another: how the face may look, each for a moment";
    this.pinning = this.button("Pin this setting", () => this.pin());
    this.letting = this.button("Let go", () => this.update({ held: [] }));
    return make(
      "section",
      { className: "controls", "aria-label": "Settings" },
      this.slider(
        "weight",
        "DPP weight",
        weights,
        (value) => `${value} nats`,
        "What one more different head is worth. 0: all alike.",
      ),
      this.slider(
        "published",
        "DPP weight (published loss)",
        losses,
        (value) => `${value} mm`,
        "What one more different head is worth against the visible part.",
      ),
      this.slider("number", "Number of heads", whole(1, Math.max(48, state.number)), String, ""),
      make(
        "div",
        { className: "field" },
        make("label", { htmlFor: seed.id }, "Seed"),
        make(
          "div",
          { className: "flow" },
          seed,
          this.button("New draw", () => this.update({ seed: (this.state.seed + 1) % 2 ** 32 })),
        ),
      ),
      looks,
      make("div", { className: "field" }, make("label", { htmlFor: this.choice.id }, "Look at one point"), this.choice),
      make(
        "div",
        { className: "flow" },
        this.playing,
        this.passing,
        this.letting,
        this.pinning,
        this.button("The fit", () => this.choose(-1)),
        this.button("As in the photo", () => this.face()),
      ),
    );
  }

  more() {
    const { state } = this;
    const form = make(
      "select",
      { id: this.id("form") },
      ...Object.entries(FORMS).map(([value, name]) => make("option", { value }, name)),
    );
    this.on(form, "change", () => this.update({ form: form.value }));
    this.fields.form = () => {
      form.value = this.state.form;
      const used = { weight: ["calibrated"], published: ["published"], iterations: ["calibrated", "published"] };
      for (const [name, forms] of Object.entries(used)) this.rows[name].hidden = !forms.includes(form.value);
    };
    [this.code, this.coded] = [make("code"), make("small")];
    const iterations = among(ITERATIONS, this.defaults.iterations, state.iterations);
    return make(
      "details",
      {},
      make("summary", {}, "More settings"),
      make(
        "div",
        { className: "settings" },
        this.slider(
          "bandwidth",
          "Bandwidth",
          stepped(0.25, 3, 0.05, state.bandwidth),
          (value) => `${value} deviation${value === 1 ? "" : "s"}`,
          "How far apart two heads must be to count as different, in standard deviations of the hidden part.",
        ),
        this.slider(
          "mass",
          "Radius",
          stepped(0.1, 0.99, 0.01, state.mass),
          (value) => `${Math.round(100 * value)} %`,
          "The share of the posterior that the heads may use: a smaller one keeps them more plausible.",
        ),
        this.slider(
          "iterations",
          "Iterations",
          iterations,
          (value) => `${value} steps`,
          "How long the search moves the heads apart.",
        ),
        make(
          "div",
          { className: "field" },
          make("label", { htmlFor: form.id }, "Heads by"),
          form,
          make("small", {}, "The calibrated form stays inside the posterior; the published one is the paper's."),
        ),
      ),
      make(
        "div",
        { className: "flow" },
        this.button("Back to the first settings", () => this.update({ ...this.defaults, pin: this.state.pin })),
      ),
      make(
        "ul",
        {},
        ...Object.values(MEASURES).map(([label, explained]) => make("li", {}, make("b", {}, label), `: ${explained}.`)),
      ),
      make("p", {}, this.coded, this.code),
    );
  }

  id(name) {
    return (this.ids ??= `d3fx${Math.random().toString(36).slice(2, 8)}`) + name;
  }

  on(target, event, listener, options = {}) {
    target.addEventListener(event, listener, { ...options, signal: this.listeners.signal });
  }

  button(name, pressed) {
    const button = make("button", { type: "button", className: "plain" }, name);
    this.on(button, "click", pressed);
    return button;
  }

  slider(name, label, values, told, explained) {
    const base = values.every((value, n) => value === values[0] + n) ? values[0] : 0; // whole numbers stand for themselves
    const input = make("input", { type: "range", id: this.id(name), min: base, max: base + values.length - 1, step: 1 });
    const output = make("output", { htmlFor: input.id });
    this.on(input, "input", () => this.update({ [name]: values[input.value - base] }));
    this.fields[name] = () => {
      const value = this.state[name];
      input.value =
        base + values.reduce((best, one, n) => (Math.abs(one - value) < Math.abs(values[best] - value) ? n : best), 0);
      output.textContent = told(value);
      input.setAttribute("aria-valuetext", told(value));
    };
    const parts = explained ? [make("small", {}, explained)] : [];
    return (this.rows[name] = make(
      "div",
      { className: "field" },
      make("label", { htmlFor: input.id }, label),
      output,
      input,
      ...parts,
    ));
  }

  // ---- What a person does

  listen() {
    let last = null;
    this.on(this.turn, "pointerdown", (event) => {
      this.turn.setPointerCapture(event.pointerId);
      last = { x: event.clientX, y: event.clientY, far: 0 };
    });
    this.on(this.turn, "pointermove", (event) => {
      if (!last) return;
      const [x, y] = [event.clientX - last.x, event.clientY - last.y];
      last = { x: event.clientX, y: event.clientY, far: last.far + Math.abs(x) + Math.abs(y) };
      this.look(0.008 * x, event.pointerType === "mouse" ? -0.008 * y : 0);
    });
    this.on(this.turn, "pointerup", (event) => {
      if (last && last.far < 5) this.touch(event);
      last = null;
    });
    this.on(this.turn, "pointercancel", () => (last = null));
    this.on(
      this.turn,
      "wheel",
      (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        this.update({ zoom: clamp(this.state.zoom * Math.exp(-0.01 * event.deltaY), 0.5, 8) });
      },
      { passive: false },
    );
    this.on(this.turn, "keydown", (event) => {
      const step = 0.09;
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
      if (event.key in moves) this.look(...moves[event.key]);
      else if (event.key === "+" || event.key === "-")
        this.update({ zoom: clamp(this.state.zoom * (event.key === "+" ? 1.15 : 1 / 1.15), 0.5, 8) });
      else if (event.key === "Home") this.face();
      else if (event.key === "Escape") this.letGo();
      else return;
      event.preventDefault();
    });
    let drag = null;
    this.on(this.handle, "pointerdown", (event) => {
      this.handle.setPointerCapture(event.pointerId);
      drag = { x: event.clientX, y: event.clientY, from: this.placeOfPoint() };
    });
    this.on(this.handle, "pointermove", (event) => {
      const [x, y] = [event.clientX - drag?.x, event.clientY - drag?.y];
      if (!drag || (!this.dragging && Math.hypot(x, y) < 3)) return;
      this.dragging = true;
      const [, , width, height] = this.places()[0];
      const scale = this.camera.scale(width, height, this.camera.project(drag.from, width, height)[2]);
      this.hold(drag.from, x / scale, -y / scale);
    });
    for (const event of ["pointerup", "pointercancel"]) this.on(this.handle, event, () => (drag = this.dragging = null));
    this.on(this.handle, "keydown", (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      const held = this.state.held.find(([vertex]) => vertex === this.state.point); // keys may be faster than the heads
      if (event.key in moves)
        this.hold(held?.slice(1) ?? this.placeOfPoint(), ...moves[event.key].map((step) => step * NUDGE));
      else if (event.key === "Escape") this.letGo();
      else return;
      event.preventDefault();
    });
    this.on(this.heads, "keydown", (event) => {
      const moves = {
        ArrowLeft: -1,
        ArrowRight: 1,
        ArrowUp: -this.columns,
        ArrowDown: this.columns,
        Home: -Infinity,
        End: Infinity,
      };
      if (!(event.key in moves)) return;
      event.preventDefault();
      this.cells[clamp(this.state.head + moves[event.key], 0, this.cells.length - 1)].focus();
    });
  }

  look(right, up) {
    this.update({ yaw: this.state.yaw + right, pitch: clamp(this.state.pitch + up, -LARGEST_TILT, LARGEST_TILT) });
  }

  face() {
    this.update({ yaw: this.defaults.yaw, pitch: this.defaults.pitch, zoom: 1 });
  }

  touch(event) {
    const box = this.turn.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const view = this.places()[0];
    this.update({ point: this.hit(x - view[0], y - view[1], view[2], view[3]) });
  }

  /** Where the chosen point is (3,) mm: where it is held, or on the chosen head. */
  placeOfPoint() {
    const [{ hold }] = this.results;
    const { point } = this.state;
    const held = hold?.held.find(([vertex]) => vertex === point);
    return held ? held.slice(1) : Array.from(this.largeOf(this.results[0]).subarray(3 * point, 3 * point + 3));
  }

  /** Hold the chosen point so many mm to the right of a place and above it, as seen now. */
  hold(place, right, up) {
    const [across, along] = this.camera.turn;
    const others = this.state.held.filter(([vertex]) => vertex !== this.state.point);
    const there = place.map((value, i) => value + right * across[i] + up * along[i]);
    this.update({ held: [...others, [this.state.point, ...there]].slice(-MOST_HELD) });
  }

  /** Let the chosen point go where it is held; where it is not, choose none. */
  letGo() {
    const held = this.state.held.filter(([vertex]) => vertex !== this.state.point);
    if (held.length < this.state.held.length) return this.update({ held });
    this.turn.focus();
    this.update({ point: -1 });
  }

  /** The vertex nearest to a place in a view, of the triangle that is seen there; −1 beside the head. */
  hit(x, y, width, height) {
    const shape = this.large.now(0);
    const { vertices, triangles } = this.large.mesh;
    const points = Array.from(vertices, (_, n) =>
      this.camera.project(shape.subarray(STRIDE * n, STRIDE * n + 3), width, height),
    );
    let [best, nearest] = [-1, -Infinity];
    for (let t = 0; t < triangles.length; t += 3) {
      const corners = [0, 1, 2].map((n) => points[triangles[t + n]]);
      const shares = corners.map((_, n) => {
        const [one, two] = [corners[(n + 1) % 3], corners[(n + 2) % 3]];
        return (one[0] - x) * (two[1] - y) - (two[0] - x) * (one[1] - y);
      });
      if (shares.some((share) => share > 0)) continue; // beside it, or seen from behind
      const most = shares.indexOf(Math.min(...shares));
      const near = (corners[0][2] + corners[1][2] + corners[2][2]) / 3;
      if (near > nearest) [best, nearest] = [vertices[triangles[t + most]], near];
    }
    return best;
  }

  /** Let this head stand large, and still. */
  choose(head) {
    this.play(0);
    this.pass(false);
    this.update({ head });
  }

  /** Let the large head become one after another, for so many turns; 0 stops it. */
  play(turns) {
    if (turns) this.pass(false);
    clearInterval(this.timer);
    this.turns = turns;
    this.playing.textContent = turns ? "Pause" : "Play";
    if (!turns) return;
    this.timer = setInterval(() => {
      this.update({ head: (this.state.head + 1) % this.state.number });
      this.turns -= 1;
      if (!this.turns) this.play(0);
    }, PLAY);
  }

  /** Let draws of the posterior pass in the large view, or stop them. */
  pass(wanted) {
    if (!wanted && !this.passage) return;
    this.play(0);
    this.passing.textContent = wanted ? "Stop the motion" : "Draws in motion";
    this.passage = wanted ? { way: null, time: 0, last: null } : null;
    this.showLarge(HOVER);
    this.tell();
  }

  /** The draw that stands large at this frame. */
  frameOfPassage(now) {
    const { passage, results, large, state } = this;
    if (passage.way?.seed !== state.seed) passage.way = new Passage(this.model, state.seed);
    passage.time += Math.min(now - (passage.last ?? now), 100); // where frames were held back, it goes on from there
    passage.last = now;
    passage.head = passage.way.at(passage.time, results[0].hold);
    const shape = shaped(passage.head, large.mesh, results[0].spread);
    large.show(0, shape, shape);
    const away = distance(passage.head, results[0].likeliest, this.model.open);
    this.words.lastChild.textContent = `${millimetres(away)} from the most likely`;
  }

  pin() {
    this.results[1] = this.state.pin ? null : this.results[0];
    this.update({ pin: this.state.pin ? null : this.searched(this.results[0].settings) });
    this.redress(HOVER);
  }

  // ---- From a state to the screen

  update(changes) {
    const before = this.state;
    this.state = { ...before, ...changes };
    this.state.head = Math.min(this.state.head, this.state.number - 1);
    if (SEARCHED.some((name) => before[name] !== this.state[name])) this.want(0, this.state);
    if (before.head !== this.state.head) this.showLarge(HOVER);
    const { yaw, pitch, zoom } = Object.assign(this.camera, {
      yaw: this.state.yaw,
      pitch: this.state.pitch,
      zoom: this.state.zoom,
    });
    if (yaw !== before.yaw || pitch !== before.pitch || this.state.look !== before.look) this.paint(this.small);
    if (zoom !== before.zoom || this.small.dirty) this.paint(this.large);
    for (const show of Object.values(this.fields)) show();
    this.tell();
    this.paint();
    clearTimeout(this.saving);
    if (!this.turns) this.saving = setTimeout(() => this.host.save(this.differing()), 200);
  }

  /** What differs from the first state. */
  differing() {
    const found = Object.entries(this.state).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(this.defaults[name]),
    );
    return Object.fromEntries(found);
  }

  restore(given) {
    const state = this.checked(given);
    if (JSON.stringify(state) === JSON.stringify(this.state)) return;
    if (JSON.stringify(state.pin) !== JSON.stringify(this.state.pin)) {
      this.results[1] = null;
      if (state.pin) this.want(1, { ...state, ...state.pin });
      this.redress(0);
    }
    this.update(state);
  }

  /** Ask for heads, for now (0) or as pinned (1): what runs is finished, then the latest wish is next. */
  want(which, settings) {
    (this.wishes ??= [])[which] = { ...this.searched(settings), remainder: this.model.settings.remainder };
    if (!this.job) {
      clearTimeout(this.working); // curves wait
      this.working = setTimeout(() => this.work());
    }
  }

  work() {
    if (!this.job) {
      const which = this.wishes.findIndex(Boolean);
      if (this.listeners.signal.aborted) return (this.working = null);
      if (which < 0) return (this.working = this.idle());
      this.begun = performance.now();
      this.job = { which, slices: explored(this.model, this.wishes[which], this.caches[which]) };
      this.wishes[which] = null;
    }
    const end = performance.now() + SLICE;
    while (performance.now() < end) {
      const { done, value } = this.job.slices.next();
      if (!done) {
        this.progress.value = value ?? this.progress.value;
        continue;
      }
      this.results[this.job.which] = value;
      this.job = null;
      this.redress(this.dragging ? 0 : FOLLOW);
      break;
    }
    this.progress.hidden = !this.job || performance.now() - this.begun < PATIENCE;
    this.working = setTimeout(() => this.work());
  }

  /** Go on with the curves where nothing else is asked for. */
  idle() {
    const known = this.points.length;
    const end = performance.now() + SLICE;
    while (this.curves && performance.now() < end) if (this.curves.next().done) this.curves = null;
    if (this.points.length > known || !this.curves) this.chart();
    return this.curves && setTimeout(() => this.work(), this.passage ? REST : 0);
  }

  /** Dress the heads of all results in the colours of one scale. */
  redress(pace) {
    const found = this.results.filter(Boolean);
    if (!this.results[0]) return;
    this.top = Math.max(this.top, ...found.map(({ widest }) => scaleTop(widest)));
    this.ruler = Math.max(
      this.ruler,
      ...found.flatMap(({ farthest, independent }) => [scaleTop(farthest), scaleTop(independent.farthest)]),
    );
    const { heads, spread } = this.results[0];
    heads.forEach((head, n) => this.small.show(n, shaped(head, this.small.mesh, spread)));
    this.small.shapes.length = heads.length;
    this.cellsFor(heads.length);
    this.animate(this.small, 0);
    this.showLarge(pace);
    this.tell();
    this.measured();
  }

  /** What stands large of a set of heads: the chosen one, or the fit. */
  largeOf({ heads }) {
    const { state, model } = this;
    if (this.passage?.head && heads === this.results[0].heads) return this.passage.head;
    return state.head < 0 ? (model.fit ?? model.mean) : heads[Math.min(state.head, heads.length - 1)];
  }

  /** Let the large heads, that of now and the pinned one, become those of the chosen number. */
  showLarge(pace) {
    const found = this.results.filter(Boolean);
    this.large.shapes.length = Math.min(this.large.shapes.length, Math.max(found.length, 1));
    found.forEach((result, which) => {
      const shape = shaped(this.largeOf(result), this.large.mesh, result.spread);
      this.large.show(which, shape, this.large.shapes[which] ? this.large.now(which) : shape);
    });
    this.animate(this.large, pace);
  }

  animate(view, pace) {
    const whole = this.calm.matches ? 0 : pace;
    for (const shape of view.shapes) Object.assign(shape, { morph: whole ? 0 : 1, whole, begun: performance.now() });
    this.paint(view);
  }

  /** Draw these views at the next frame, and as long as anything in them moves. */
  paint(...views) {
    for (const view of views) view.dirty = true;
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = null;
      const sharpness = this.sharpness(now);
      const [, look] = LOOKS[this.state.look];
      if (this.passage && this.results[0]) {
        this.frameOfPassage(now);
        this.large.dirty = true;
      }
      for (const view of [this.large, this.small].filter(({ dirty }) => dirty)) {
        const moving = view.shapes.filter(({ morph }) => morph < 1);
        for (const shape of moving) {
          const share = clamp((now - shape.begun) / shape.whole, 0, 1);
          shape.morph = share * share * (3 - 2 * share);
        }
        view.dirty = moving.length > 0 || (view === this.large && Boolean(this.passage));
        view.draw(
          view === this.large ? this.places() : this.spots,
          this.camera,
          { top: this.top, look },
          view === this.large ? this.state.zoom : 1,
          sharpness,
        );
      }
      this.mark();
      if (this.large.dirty || this.small.dirty) this.paint();
    });
  }

  /** Pixels per css px of a frame: fewer while things move more slowly than the eye likes, and most once they rest. */
  sharpness(now) {
    clearTimeout(this.resting);
    if (this.rests) {
      [this.rests, this.last] = [false, -Infinity];
      return SHARPNESS[0];
    }
    const since = now - this.last;
    this.last = now;
    if (since < REST) {
      this.slow = 0.7 * this.slow + 0.3 * since;
      if (this.slow > 28 || this.slow < 18) {
        this.level = clamp(this.level + (this.slow > 28 ? 1 : -1), 0, SHARPNESS.length - 1);
        this.slow = 22; // the next level is judged anew
      }
    }
    this.resting = setTimeout(() => {
      this.rests = true;
      this.paint(this.large, this.small);
    }, REST);
    return SHARPNESS[this.level];
  }

  /** Where the large heads stand: [left, top, width, height] px of each; the pinned one left of that of now. */
  places() {
    const [width, height] = [this.stage.clientWidth, this.stage.clientHeight];
    const narrow = this.stage.clientWidth < 480;
    const [above, below] = [narrow ? (this.results[1] ? 74 : 8) : 34, this.foot.offsetHeight + 14];
    if (!this.results[1]) return [[0, above, width, height - above - below]];
    return [1, 0].map((half) => [(half * width) / 2, above, width / 2, height - above - below]);
  }

  /** As many columns as make the small heads largest. */
  arrange() {
    const { cells, heads } = this;
    if (!cells.length) return this.paint(this.large);
    const [width, height] = [heads.clientWidth, heads.clientHeight];
    const wide = this.camera.extent[0] / this.camera.extent[1];
    const size = (columns) => Math.min(width / columns / wide, height / Math.ceil(cells.length / columns));
    this.columns = whole(1, cells.length).reduce((best, columns) => (size(columns) > size(best) + 0.5 ? columns : best), 1);
    heads.style.gridTemplateColumns = `repeat(${this.columns}, minmax(0, 1fr))`;
    heads.style.gridTemplateRows = `repeat(${Math.ceil(cells.length / this.columns)}, minmax(0, 1fr))`;
    this.spots = cells.map((cell) => [cell.offsetLeft, cell.offsetTop, cell.offsetWidth, cell.offsetHeight]);
    this.paint(this.large, this.small);
  }

  cellsFor(number) {
    if (this.cells.length === number) return;
    this.cells = whole(0, number - 1).map((head) => {
      const cell = make("div", { className: "head", role: "option" }, make("span", {}, String(head)));
      for (const event of ["pointerenter", "focus", "click"]) {
        this.on(cell, event, () => this.choose(head));
      }
      return cell;
    });
    this.heads.replaceChildren(this.canvases[1], ...this.cells);
    this.arrange();
  }

  /** Say in words what is shown. */
  tell() {
    const {
      state,
      results: [now, pinned],
    } = this;
    const name = this.passage ? "A draw of the posterior" : this.named(state.head, now);
    const away = now && !this.passage ? this.whereabouts(now) : "";
    this.words.replaceChildren(make("b", {}, name), make("br"), make("span", { className: "soft" }, away));
    this.turn.setAttribute(
      "aria-label",
      `${name}, ${away}. Arrow keys turn it, plus and minus zoom, Home turns it back. Touch a point to see its spread.`,
    );
    this.cells.forEach((cell, head) => {
      const chosen = head === state.head;
      cell.setAttribute("aria-selected", chosen);
      cell.setAttribute(
        "aria-label",
        now ? `${this.named(head, now)}, ${millimetres(now.away[head])} from the most likely` : `Head ${head}`,
      );
      cell.tabIndex = head === Math.max(state.head, 0) ? 0 : -1;
    });
    this.root.classList.toggle("pinned", Boolean(pinned));
    this.sides.hidden = !pinned;
    this.sides.replaceChildren(
      ...(pinned ? [make("span", {}, `pinned: ${inWords(pinned.settings)}`), make("span", {}, `now: ${inWords(state)}`)] : []),
    );
    this.pinning.textContent = state.pin ? "Unpin" : "Pin this setting";
    this.ticks.replaceChildren(...[0, this.top / 2, this.top].map((tick) => make("span", {}, `${tick} mm`)));
    const { weight, published, number, seed, bandwidth, mass, iterations, form } = state;
    const weights = `dpp_weight=${weight.toFixed(1)}, published_weight=${published}`;
    const diversity = `form="${form}", ${weights}, bandwidth=${bandwidth}, mass=${mass}, iterations=${iterations}`;
    const settings = `Settings(diversity=DiversitySettings(${diversity}))`;
    this.code.textContent = `reconstruct(photo, occluded, samples=${number}, seed=${seed}, settings=${settings})`;
    const alike = this.model.linearised ? "Nearly the same heads in Python, whose network bends" : "The same heads in Python";
    this.coded.textContent = `${alike}, ${state.held.length ? "before points were held" : "other settings as they were"}: `;
    this.letting.hidden = !state.held.length;
    this.explain();
  }

  named(head, result) {
    if (head < 0) return "The fit";
    return `Head ${head}${head === 0 && result?.settings.form === "calibrated" ? ", the most likely" : ""}`;
  }

  /** Where the chosen head lies, in words. */
  whereabouts({ settings, away, hold }) {
    if (this.state.head < 0) return "the one head that follows the photo";
    if (settings.form === "calibrated" && !this.state.head && hold) return "given what is held";
    if (settings.form === "calibrated" && !this.state.head) return this.model.fit ? "near the fit" : "the fit, completed";
    return `${millimetres(away[Math.min(this.state.head, away.length - 1)])} from the most likely`;
  }

  /** The measures as bars: those of now, those of as many independent draws, and the pinned ones. */
  measured() {
    const [now, pinned] = this.results;
    const sets = [
      ["these heads", "--now", now],
      ["independent draws", "--other", now.independent],
      ...(pinned ? [["pinned", "--pin", pinned]] : []),
    ];
    const rows = Object.entries(MEASURES).map(([name, [label, explained, unit]]) => {
      const most = name === "cardinality" ? Math.max(...sets.map(([, , set]) => set.heads.length)) / 2 : this.ruler;
      const bars = sets.map(([who, colour, set]) =>
        make(
          "div",
          { className: "bar" },
          make("i", { style: `width: ${clamp((72 * set[name]) / most, 0, 72)}%; background: var(${colour})` }),
          make("span", {}, make("span", { className: "unseen" }, `${who}: `), `${set[name].toFixed(1)}${unit}`),
        ),
      );
      return make("tr", {}, make("th", { scope: "row", title: explained }, label), make("td", {}, ...bars));
    });
    const key = sets.map(([who, colour]) =>
      make("span", {}, make("span", { className: "key", style: `background: var(${colour})` }), `${who} `),
    );
    this.measures.replaceChildren(
      make("table", {}, make("caption", { className: "unseen" }, "Measures"), ...rows),
      make("div", { className: "flow soft" }, ...key),
      this.charted,
    );
    const asked = JSON.stringify({ ...now.settings, weight: 0, published: 0, form: "" });
    if (asked !== this.asked) {
      [this.asked, this.points] = [asked, []];
      this.trace("calibrated");
    }
    this.chart();
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      const differ = `${now.cardinality.toFixed(1)} different heads, ${millimetres(now.apart)} to the nearest other head`;
      this.status.textContent = `${inWords(now.settings)}: ${differ}.`;
    }, 600);
  }

  /** Begin a loss's curve for the settings as they stand. */
  trace(form) {
    this.tracing = form;
    this.curves = frontier(this.model, this.results[0], form, this.points);
    this.working ??= setTimeout(() => this.work());
  }

  /** How diverse against how plausible: the curves of both losses, independent draws, and where the settings lie. */
  chart() {
    const [now, pinned] = this.results;
    const marks = [
      ["independent", now.independent],
      ...(pinned ? [["pinned", pinned]] : []),
      ["now", now],
    ];
    const all = [...this.points, ...marks.map(([, set]) => set)];
    const [far, dear] = ["apart", "cost"].map((name) => scaleTop(1.05 * Math.max(...all.map((one) => one[name]))));
    const at = ({ apart, cost }) => [44 + (250 * apart) / far, 96 - (86 * cost) / dear];
    const curves = Object.keys(CURVES).map((form) => {
      const places = this.points.filter((point) => point.form === form).map(at);
      return make("svg:polyline", { points: places.join(" "), class: form });
    });
    const dots = marks.map(([who, set]) => {
      const [cx, cy] = at(set);
      return make("svg:circle", { cx, cy, r: who === "now" ? 6 : 4.5, class: who }, make("svg:title", {}, who));
    });
    const text = (x, y, words, anchor) => make("svg:text", { x, y, "text-anchor": anchor }, words);
    const said = `${millimetres(now.apart)} to the nearest other head at ${now.cost.toFixed(1)} nats from the most likely head`;
    this.charted.firstChild.replaceWith(
      make(
        "svg:svg",
        { viewBox: "0 0 300 128", role: "img", "aria-label": `This setting: ${said}; independent draws: ${millimetres(now.independent.apart)} at ${now.independent.cost.toFixed(1)} nats` },
        make("svg:path", { d: "M44 8V96H298", class: "axis" }),
        ...curves,
        ...dots,
        text(40, 18, String(dear), "end"),
        text(40, 100, "0", "end"),
        text(294, 110, String(far), "end"),
        text(44, 110, "0", "middle"),
        text(170, 123, "more diverse: to the nearest other head, mm", "middle"),
        make("svg:text", { transform: "translate(13 50) rotate(-90)", "text-anchor": "middle" }, "less likely, nats"),
      ),
    );
    const begun = this.tracing === "published" || this.points.some(({ form }) => form === "published");
    this.comparing.hidden = begun || Boolean(this.curves);
    this.compared.hidden = !begun;
    this.compared.lastChild.textContent = this.curves ? "the published loss, being computed …" : "the published loss";
  }

  /** The chosen point: its places over the heads, and the posterior's ellipse, on the large head. */
  mark() {
    const {
      state: { point, head },
      results: [now],
      overlay,
      model,
    } = this;
    this.handle.hidden = point < 0 || !now || !(model.states[point] & OPEN);
    if (point < 0 || !now) return overlay.replaceChildren();
    const [left, top, width, height] = this.places()[0];
    const at = (place) => {
      const [x, y] = this.camera.project(place, width, height);
      return [left + x, top + y];
    };
    const scale = this.camera.scale(width, height);
    const centre = at(this.plausible(point).home);
    const [x, y] = at(this.placeOfPoint());
    Object.assign(this.handle.style, { left: `${x}px`, top: `${y}px` });
    const dots = now.heads.map((one, n) => {
      const [cx, cy] = at(one.subarray(3 * point, 3 * point + 3));
      return make("svg:circle", { cx, cy, r: n === head ? 5 : 3, class: n === head ? "chosen" : "other" });
    });
    const axes = this.ellipse(point);
    overlay.replaceChildren(ellipseOf(centre, axes, scale), ...dots);
  }

  /** Where the posterior has a point, `home` (3,), and its covariance there; of one that is held, before it was. */
  plausible(point) {
    const { hold, likeliest } = this.results[0];
    const given = hold?.held.some(([vertex]) => vertex === point) ? null : hold;
    const home = (given ? likeliest : this.model.mean).subarray(3 * point, 3 * point + 3);
    return { home, covariance: covarianceAt(this.model, point, given ? 1 : this.model.settings.remainder, given) };
  }

  /** Half-axes of the posterior's ellipse at a point, in the plane of the view: mm, and the angle of the longer one. */
  ellipse(point) {
    const { covariance } = this.plausible(point);
    const [right, up] = this.camera.turn;
    const across = (one, other) =>
      one.reduce((sum, a, i) => sum + other.reduce((inner, b, j) => inner + a * b * covariance[3 * i + j], 0), 0);
    const [xx, xy, yy] = [across(right, right), across(right, up), across(up, up)];
    const [middle, half] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
    return {
      long: Math.sqrt(middle + half),
      short: Math.sqrt(Math.max(middle - half, 0)),
      angle: Math.atan2(2 * xy, xx - yy) / 2,
    };
  }

  /** The panel of the chosen point: its spread in words, and a drawing in mm. */
  explain() {
    const {
      state: { point },
      results: [now],
      model,
    } = this;
    this.choice.value = Object.values(model.points).includes(point) ? point : point < 0 ? -1 : -2;
    if (point < 0 || !now) return [this.about, this.plotted].forEach((part) => part.replaceChildren());
    const { covariance, home } = this.plausible(point);
    const named = Object.keys(model.points).find((one) => model.points[one] === point);
    const held = now.hold?.held.some(([vertex]) => vertex === point);
    this.handle.classList.toggle("holds", Boolean(held));
    const name = named ? `the ${named}` : "this point";
    this.handle.setAttribute("aria-label", `Move ${name}: arrow keys by ${NUDGE} mm, Escape lets it go`);
    this.plotted.replaceChildren(this.plot(point));
    if (held) {
      const away = Math.hypot(...this.placeOfPoint().map((value, i) => value - home[i]));
      const points = now.hold.held.length > 1 ? `the ${now.hold.held.length} held points` : "it";
      const told = `held ${millimetres(away)} from its most likely place. ${percent(now.hold.farther)} of all heads have ${points} as far out.`;
      return this.about.replaceChildren(make("b", {}, `What if ${name} were here?`), ` It is ${told}`);
    }
    const [x, y, z] = [0, 4, 8].map((place) => Math.sqrt(covariance[place]));
    const shown = model.states[point] & VISIBLE;
    const known = shown
      ? "the photo shows it"
      : `${model.states[point] & OPEN ? this.hidden : "unseen"}: sampled, not observed`;
    const axes = `${millimetres(x)} across, ${millimetres(y)} up and down, ${millimetres(z)} in depth`;
    const told = `Standard deviation ${millimetres(Math.hypot(x, y, z))}: ${axes}.`;
    const hint = model.states[point] & OPEN ? " Drag it: what if it were elsewhere?" : "";
    this.about.replaceChildren(make("b", {}, `${name[0].toUpperCase()}${name.slice(1)}`), ` – ${known}. ${told}${hint}`);
  }

  pointChoice() {
    const options = [
      [-1, "touch the large head, or choose one"],
      [-2, "the point that was touched"],
      ...Object.entries(this.model.points).map(([name, vertex]) => [vertex, name]),
    ];
    const choice = make(
      "select",
      { id: this.id("point") },
      ...options.map(([value, name]) => make("option", { value, disabled: value === -2, hidden: value === -2 }, name)),
    );
    this.on(choice, "change", () => this.update({ point: Number(choice.value) }));
    return choice;
  }

  plot(point) {
    const {
      results: [now],
      model,
      state: { head },
    } = this;
    const axes = this.ellipse(point);
    const [right, up] = this.camera.turn;
    const { home } = this.plausible(point);
    const offsets = now.heads.map((one) =>
      [right, up].map((axis) => axis.reduce((sum, value, i) => sum + value * (one[3 * point + i] - home[i]), 0)),
    );
    const reach = scaleTop(1.15 * Math.max(NINETY * axes.long, ...offsets.flat().map(Math.abs), 0.4));
    const scale = 100 / reach;
    const lines = [-1, -0.5, 0, 0.5, 1].flatMap((share) => [
      make("svg:line", { x1: 110 + 100 * share, x2: 110 + 100 * share, y1: 10, y2: 210, class: "grid" }),
      make("svg:line", { y1: 110 + 100 * share, y2: 110 + 100 * share, x1: 10, x2: 210, class: "grid" }),
    ]);
    const dots = offsets.map(([x, y], n) =>
      make("svg:circle", {
        cx: 110 + scale * x,
        cy: 110 - scale * y,
        r: n === head ? 5 : 3.2,
        class: n === head ? "chosen" : "other",
      }),
    );
    const label = make("svg:text", { x: 210, y: 229, "text-anchor": "end" }, `square: ${reach / 2} mm`);
    return make(
      "svg:svg",
      { viewBox: "0 0 220 238", role: "img", "aria-label": `Where this point lies in ${now.heads.length} heads, in mm` },
      ...lines,
      ellipseOf([110, 110], axes, scale),
      ...dots,
      label,
    );
  }

  close() {
    this.play(0);
    this.listeners.abort();
    for (const timer of [this.working, this.saving, this.saying, this.resting]) clearTimeout(timer);
    cancelAnimationFrame(this.frame);
    for (const { gl } of [this.large, this.small]) gl.getExtension("WEBGL_lose_context")?.loseContext();
    this.root.replaceChildren();
  }
}

function ellipseOf([x, y], { long, short, angle }, scale) {
  const turn = `rotate(${(-180 / Math.PI) * angle} ${x} ${y})`;
  return make("svg:ellipse", { cx: x, cy: y, rx: NINETY * long * scale, ry: NINETY * short * scale, transform: turn });
}

/** Whole numbers from low to high. */
function whole(low, high) {
  return Array.from({ length: high - low + 1 }, (_, n) => low + n);
}

/** Numbers from low to high in steps, and one more. */
function stepped(low, high, step, more) {
  const digits = Math.ceil(-Math.log10(step));
  const values = whole(0, Math.round((high - low) / step)).map((n) => Number((low + n * step).toFixed(digits)));
  return among(values, more);
}

/** Numbers and some more, in order. */
function among(values, ...more) {
  return [...new Set([...values, ...more])].sort((one, other) => one - other);
}

function inWords({ weight, published, number, seed, form, held }) {
  const how = { iid: "independent", calibrated: `${weight} nats`, published: `published loss, ${published} mm` }[form];
  const given = held.length ? `, ${held.length} point${held.length > 1 ? "s" : ""} held` : "";
  return `${number} heads, ${how}, seed ${seed}${given}`;
}

/** Build the explorer into an element; `host` loads and saves its state. */
export async function mount(root, data, host) {
  root.classList.add("d3fx");
  try {
    const model = await unpack(data);
    return new Explorer(root, model, await pictureOf(model), host);
  } catch (error) {
    root.append(Object.assign(document.createElement("p"), { textContent: `The heads cannot be shown: ${error.message}` }));
    throw error;
  }
}

// ---- Its two homes: a page, whose address holds the state, and a notebook, where a traitlet does ------------------------------

const SHORT = {
  weight: "w",
  published: "wp",
  number: "n",
  seed: "s",
  bandwidth: "h",
  mass: "m",
  iterations: "t",
  form: "f",
  head: "head",
  look: "look",
  yaw: "yaw",
  pitch: "pitch",
  zoom: "zoom",
  point: "at",
  held: "hold",
};

function intoAddress(state) {
  const written = (value) => (typeof value === "number" ? +value.toFixed(4) : value);
  const parts = ([name, value]) =>
    `${SHORT[name]}=${name === "held" ? value.map((one) => one.map(written)).join(";") : written(value)}`;
  const own = Object.entries(state)
    .filter(([name]) => name in SHORT)
    .map(parts);
  const pinned = state.pin ? Object.entries(state.pin).map((pair) => `pin.${parts(pair)}`) : [];
  return [...own, ...pinned].join("&");
}

function fromAddress(text) {
  const names = Object.fromEntries(Object.entries(SHORT).map(([name, short]) => [short, name]));
  const state = {};
  for (const [key, value] of new URLSearchParams(text)) {
    const pinned = key.startsWith("pin.");
    const name = names[pinned ? key.slice(4) : key];
    if (!name) continue;
    const told = value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
    (pinned ? (state.pin ??= {}) : state)[name] =
      name === "held" ? value.split(";").map((one) => one.split(",").map(Number)) : told;
  }
  return state;
}

/** As a page: `location.hash` holds what differs from the first state. */
export async function openPage(root, data) {
  root.classList.add("page");
  const load = () => fromAddress(location.hash.slice(1));
  const save = (state) => history.replaceState(null, "", `#${intoAddress(state)}`);
  const explorer = await mount(root, data, { load, save });
  addEventListener("hashchange", () => explorer.restore(load()));
  if (!explorer.calm.matches) explorer.play(explorer.state.number);
  return explorer;
}

async function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  const save = (state) => {
    model.set("state", state);
    model.save_changes();
  };
  const explorer = await mount(root, model.get("data"), { load: () => model.get("state"), save });
  const restore = () => explorer.restore(model.get("state"));
  model.on("change:state", restore);
  return () => {
    model.off("change:state", restore);
    explorer.close();
  };
}
export default { render };
