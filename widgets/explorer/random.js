// numpy's default_rng(seed).standard_normal(count, float32), number for number, so that a seed
// means the same heads here and in Python: SeedSequence, PCG64 and the ziggurat.

const MASK64 = (1n << 64n) - 1n;
const MASK128 = (1n << 128n) - 1n;
const MULTIPLIER = (2549297995355413924n << 64n) + 4865540595714422341n; // of PCG64

/** numpy's SeedSequence (O'Neill's seed_seq) of one 32-bit number: 8 words. */
function seedWords(seed) {
  let constant = 0x43b0d7e5;
  const hash = (given) => {
    let value = given ^ constant;
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
  const words = seedWords(seed);
  const pair = (n) => (BigInt(words[n + 1]) << 32n) | BigInt(words[n]);
  const increment = ((((pair(4) << 64n) | pair(6)) << 1n) | 1n) & MASK128;
  const advance = (state) => (state * MULTIPLIER + increment) & MASK128;
  let state = advance((increment + ((pair(0) << 64n) | pair(2))) & MASK128);
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

const TAIL = 3.654152885361009; // where the ziggurat's lowest strip begins
const STRIP = 0.004928673233974655; // area of each of its 256 strips
const ziggurat = zigguratTables();

function zigguratTables() {
  const bell = (x) => Math.exp(-0.5 * x * x);
  const widths = new Float32Array(256);
  const inside = new Uint32Array(256);
  const heights = new Float32Array(256);
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
  return Float32Array.from({ length: count }, () => drawNormal(bits, uniform));
}

function drawNormal(bits, uniform) {
  const { widths, inside, heights } = ziggurat;
  for (;;) {
    const word = bits();
    const [strip, minus, place] = [word & 255, (word >>> 8) & 1, (word >>> 9) & 0x7fffff];
    const x = Math.fround(place * widths[strip]) * (minus ? -1 : 1);
    if (place < inside[strip]) return x;
    if (strip === 0) return drawTail(uniform, (place >>> 8) & 1);
    const height = (heights[strip - 1] - heights[strip]) * uniform() + heights[strip];
    if (height < Math.exp(-0.5 * x * x)) return x;
  }
}

/** A number beyond TAIL, on either side. */
function drawTail(uniform, minus) {
  for (;;) {
    const [out, up] = [-Math.log1p(-uniform()) / TAIL, -Math.log1p(-uniform())];
    if (2 * up > out * out) return minus ? -(TAIL + out) : TAIL + out;
  }
}
