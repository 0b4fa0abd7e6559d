// Linear algebra on flat arrays, row by row: what the posterior and the search need of it.

/** The product (N, columns) of `rows` (N, K) and a matrix (K, columns). */
export function times(rows, number, matrix) {
  const size = rows.length / number;
  const columns = matrix.length / size;
  const result = new Float64Array(number * columns);
  for (let n = 0; n < number; n++) {
    for (let k = 0; k < size; k++) {
      const value = rows[n * size + k];
      for (let j = 0; j < columns; j++) result[n * columns + j] += value * matrix[k * columns + j];
    }
  }
  return result;
}

/** The transpose (columns, rows) of a matrix with so many columns. */
export function transposed(matrix, columns) {
  const rows = matrix.length / columns;
  return Float64Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]);
}

/** Add Σ amount · row to a vector (size,), for `amounts` (n,) and `rows` (n, size). */
export function addRows(vector, amounts, rows) {
  const size = vector.length;
  for (let row = 0; row < amounts.length; row++) {
    const amount = amounts[row];
    if (amount === 0) continue;
    const offset = row * size;
    for (let i = 0; i < size; i++) vector[i] += amount * rows[offset + i];
  }
}

/** The products (n,) of `rows` (n, size) with a vector (size,). */
export function alongRows(vector, rows) {
  const products = new Float64Array(rows.length / vector.length);
  for (let row = 0; row < products.length; row++) {
    const offset = row * vector.length;
    let sum = 0;
    for (let i = 0; i < vector.length; i++) sum += vector[i] * rows[offset + i];
    products[row] = sum;
  }
  return products;
}

/** The length (N,) of each of `number` rows. */
export function lengths(rows, number) {
  const size = rows.length / number;
  return Float64Array.from({ length: number }, (_, n) => {
    const row = rows.subarray(n * size, (n + 1) * size);
    return Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
  });
}

/** A symmetric (n, n) matrix plus `more` on its diagonal. */
export function withDiagonal(matrix, size, more) {
  return matrix.map((value, i) => (i % (size + 1) === 0 ? value + more : value));
}

/** The inverse of a symmetric positive definite (n, n) matrix, by Gauss and Jordan: its pivots
 * are positive in any order, so no row has to be exchanged. */
export function inverse(matrix, size) {
  const result = Float64Array.from(matrix);
  for (let n = 0; n < size; n++) {
    const pivot = 1 / result[n * size + n];
    result[n * size + n] = 1;
    for (let j = 0; j < size; j++) result[n * size + j] *= pivot;
    for (let i = 0; i < size; i++) {
      const factor = result[i * size + n];
      if (i === n || factor === 0) continue;
      result[i * size + n] = 0;
      for (let j = 0; j < size; j++) result[i * size + j] -= factor * result[n * size + j];
    }
  }
  return result;
}

/** √S of a symmetric positive definite (n, n) matrix, by the iteration of Denman and Beavers. */
export function squareRoot(matrix, size) {
  let root = Float64Array.from(matrix);
  let other = withDiagonal(new Float64Array(size * size), size, 1);
  for (let n = 0; n < 40; n++) {
    const [rootInverse, otherInverse] = [inverse(root, size), inverse(other, size)];
    root = root.map((value, i) => (value + otherInverse[i]) / 2);
    other = other.map((value, i) => (value + rootInverse[i]) / 2);
  }
  return root;
}
