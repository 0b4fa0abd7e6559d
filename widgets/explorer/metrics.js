// What is measured of heads, as d3f_lite/metrics.py; mm.

/** RMS distance of two heads over some vertices. */
export function rmsDistance(one, other, where) {
  let sum = 0;
  for (const vertex of where) {
    for (let i = 3 * vertex; i < 3 * vertex + 3; i++) sum += (one[i] - other[i]) ** 2;
  }
  return Math.sqrt(sum / where.length);
}

/** RMS distances (N, N) between heads over some vertices, a row a slice. */
export function* rmsDistances(heads, where) {
  const number = heads.length;
  const apart = new Float64Array(number * number);
  for (let i = 0; i < number; i++) {
    for (let j = 0; j < i; j++) {
      const distance = rmsDistance(heads[i], heads[j], where);
      apart[i * number + j] = apart[j * number + i] = distance;
    }
    yield;
  }
  return apart;
}

/** The mean distance of each head to its nearest other one, from distances (N, N); 0 for one head. */
export function asd(apart, number) {
  if (number === 1) return 0;
  let sum = 0;
  for (let i = 0; i < number; i++) {
    let nearest = Infinity;
    for (let j = 0; j < number; j++)
      if (j !== i) nearest = Math.min(nearest, apart[i * number + j]);
    sum += nearest / number;
  }
  return sum;
}

/** Standard deviation of each vertex over the heads: (V,). */
export function spread(heads) {
  const deviations = new Float32Array(heads[0].length / 3);
  for (let vertex = 0; vertex < deviations.length; vertex++) {
    let square = 0;
    for (let i = 3 * vertex; i < 3 * vertex + 3; i++) {
      let mean = 0;
      for (const head of heads) mean += head[i] / heads.length;
      for (const head of heads) square += (head[i] - mean) ** 2;
    }
    deviations[vertex] = Math.sqrt(square / Math.max(heads.length - 1, 1));
  }
  return deviations;
}
