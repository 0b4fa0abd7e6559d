"""The Laplacian of a triangle mesh."""

from functools import lru_cache

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_matrix, csr_matrix, diags


def laplacian(triangles: Int[np.ndarray, "T 3"], vertices: int, normalised: bool = True) -> csr_matrix:
    """The uniform Laplacian (V, V), sparse: each vertex minus the mean of its neighbours.

    Args:
        triangles: vertex numbers.
        vertices: V, how many there are.
        normalised: False for degree minus adjacency, the same times each vertex's number of neighbours.
    """
    return _laplacian(np.ascontiguousarray(triangles, np.int32).tobytes(), vertices, normalised)


def laplacian_tensor(triangles: Int[np.ndarray, "T 3"], vertices: int, device, normalised: bool = True):
    """The same as a sparse (V, V) float32 torch tensor on ``device``."""
    import torch

    matrix = laplacian(triangles, vertices, normalised).tocoo()
    places, values = torch.from_numpy(np.stack([matrix.row, matrix.col])), torch.from_numpy(matrix.data).float()
    return torch.sparse_coo_tensor(places, values, matrix.shape, check_invariants=True).coalesce().to(device)


@lru_cache(maxsize=4)
def _laplacian(triangle_bytes: bytes, vertices: int, normalised: bool) -> csr_matrix:
    triangles = np.frombuffer(triangle_bytes, np.int32).reshape(-1, 3)
    edges = np.concatenate((triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]))
    edges = np.unique(np.concatenate((edges, edges[:, ::-1])), axis=0)
    neighbours = coo_matrix((np.ones(len(edges)), edges.T), shape=(vertices, vertices)).tocsr()
    degrees = neighbours.getnnz(1)
    if not normalised:
        return (diags(degrees.astype(float)) - neighbours).tocsr()
    return (diags(np.ones(vertices)) - diags(1.0 / np.maximum(degrees, 1)) @ neighbours).tocsr()
