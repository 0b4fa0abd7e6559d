"""The Laplacian of a triangle mesh."""

from functools import lru_cache

import numpy as np
from scipy.sparse import coo_matrix, diags


def laplacian(triangles, vertices):
    """The uniform Laplacian (V, V) sparse: each vertex minus the mean of its neighbours.

    Args:
        triangles: (T, 3) int.
        vertices: V, how many there are.
    """
    return _laplacian(np.ascontiguousarray(triangles, np.int32).tobytes(), vertices)


@lru_cache(maxsize=4)
def _laplacian(triangle_bytes, vertices):
    triangles = np.frombuffer(triangle_bytes, np.int32).reshape(-1, 3)
    edges = np.concatenate((triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]))
    edges = np.unique(np.concatenate((edges, edges[:, ::-1])), axis=0)
    neighbours = coo_matrix((np.ones(len(edges)), edges.T), shape=(vertices, vertices)).tocsr()
    return (diags(np.ones(vertices)) - diags(1.0 / np.maximum(neighbours.getnnz(1), 1)) @ neighbours).tocsr()
