// Meshes as they are drawn: a head's place, normal and value per vertex.

export const STRIDE = 7; // numbers of a vertex: place, normal, value

/** A mesh over some of the head's vertices: `vertices`, and `triangles` that count within those. */
export function meshOf(triangles) {
  const vertices = Uint32Array.from(new Set(triangles)).sort();
  const places = new Map(Array.from(vertices, (vertex, place) => [vertex, place]));
  return { vertices, triangles: triangles.map((vertex) => places.get(vertex)) };
}

/** A head (V, 3) with a value per vertex (V,) as numbers (n, STRIDE) of a mesh's n vertices. */
export function shaped(head, { vertices, triangles }, values) {
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

/** The vertex nearest to a place of a view, of the triangle that is seen there; −1 beside the head. */
export function vertexAt([x, y], shape, { vertices, triangles }, camera, width, height) {
  const points = Array.from(vertices, (_, n) =>
    camera.project(shape.subarray(STRIDE * n, STRIDE * n + 3), width, height),
  );
  let [best, nearest] = [-1, -Infinity];
  for (let t = 0; t < triangles.length; t += 3) {
    const corners = [0, 1, 2].map((n) => points[triangles[t + n]]);
    const shares = corners.map((_, n) => {
      const [one, two] = [corners[(n + 1) % 3], corners[(n + 2) % 3]];
      return (one[0] - x) * (two[1] - y) - (two[0] - x) * (one[1] - y);
    });
    if (shares.some((share) => share > 0)) continue; // beside it, or seen from behind
    const near = (corners[0][2] + corners[1][2] + corners[2][2]) / 3;
    const most = shares.indexOf(Math.min(...shares));
    if (near > nearest) [best, nearest] = [vertices[triangles[t + most]], near];
  }
  return best;
}
