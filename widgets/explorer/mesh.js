// Triangle meshes: neighbours, the Laplacian, and the columns of moves that belong to some vertices.

/** The neighbours of each vertex, from triangles (T, 3). */
export function neighboursOf(triangles) {
  const count = triangles.reduce((most, vertex) => Math.max(most, vertex), 0) + 1;
  const neighbours = Array.from({ length: count }, () => new Set());
  triangles.forEach((vertex, n) => {
    const first = n - (n % 3);
    for (let corner = first; corner < first + 3; corner++) {
      if (corner !== n) neighbours[vertex].add(triangles[corner]);
    }
  });
  return neighbours.map((others) => Uint32Array.from(others));
}

/** Each vertex's degree times its value, minus its neighbours': values (V, 3). */
export function laplacian(values, neighbours) {
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

/** Of moves (n, V, 3) of `count` V vertices, the columns (n, m, 3) of m of them. */
export function atVertices(moves, vertices, count) {
  const rows = moves.length / (3 * count);
  const found = new Float32Array(rows * 3 * vertices.length);
  for (let row = 0; row < rows; row++) {
    vertices.forEach((vertex, n) => {
      const place = 3 * (row * count + vertex);
      found.set(moves.subarray(place, place + 3), 3 * (row * vertices.length + n));
    });
  }
  return found;
}
