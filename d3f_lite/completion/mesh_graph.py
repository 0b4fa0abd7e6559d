"""The coarse-to-fine hierarchy of one triangulation: where a mesh network pools, and where it interpolates.

Each level is the finer one simplified by quadric edge collapses (Garland and Heckbert 1997), as in CoMA (Ranjan et al.
2018). The collapses themselves say which coarse vertex a fine one went into, so that surfaces that only lie close
together, such as the two lips, stay apart.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array, csr_array


@dataclass(frozen=True, eq=False)
class Level:
    """One step of the hierarchy, between V fine and W coarse vertices.

    Args:
        edges: the pairs (fine, coarse) that a convolution between the two levels joins, each once.
        interpolation: the up map: what each edge weighs when a fine vertex is interpolated from its
            nearest coarse triangle. The weights of a fine vertex add up to 1.
        size: W.
    """

    edges: Int[np.ndarray, "2 E"]
    interpolation: Float[np.ndarray, "E"]
    size: int

    @property
    def pooling(self) -> Float[np.ndarray, "E"]:
        """(E,) float32, the down map: the same weights, so that those of each coarse vertex add up to 1."""
        total = np.bincount(self.edges[1], self.interpolation, self.size)
        return (self.interpolation / np.maximum(total, 1e-6)[self.edges[1]]).astype(np.float32)


def build_graph(
    vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"], levels: int = 2, shrinking: int = 4
) -> tuple[Level, ...]:
    """Simplify a mesh ``levels`` times, each time to ``shrinking`` times fewer triangles: Levels, the finest first.

    Args:
        vertices: mm, the mesh that the quadrics measure: a mean head.
    """
    graph = []
    for _ in range(levels):
        level, vertices, triangles = _coarsen(vertices, triangles, len(triangles) // shrinking)
        graph.append(level)
    return tuple(graph)


def _coarsen(vertices, triangles, target):
    """One Level, and the coarse vertices (W, 3) mm and triangles (S, 3)."""
    from fast_simplification import replay_simplification, simplify

    _, _, collapses = simplify(vertices, triangles, target_count=target, return_collapses=True)
    coarse, coarse_triangles, cluster = replay_simplification(vertices, triangles, collapses)
    corners, weights = _nearest_triangles(vertices, coarse, coarse_triangles, cluster)
    edges = _edges(triangles, corners, cluster)
    up = coo_array((weights.ravel(), (np.repeat(np.arange(len(vertices)), 3), corners.ravel())))
    interpolation = up.tocsr()[edges[0], edges[1]]
    return Level(edges, np.asarray(interpolation, np.float32), len(coarse)), coarse, coarse_triangles


def _nearest_triangles(vertices, coarse, coarse_triangles, cluster):
    """Corners (V, 3) and barycentric weights (V, 3) of each vertex in the triangles around its own coarse vertex."""
    from trimesh.triangles import area, closest_point, points_to_barycentric

    coarse_triangles = coarse_triangles[area(coarse[coarse_triangles]) > 0.0]
    points, faces = _incidence(cluster, coarse_triangles)
    nearest = closest_point(coarse[coarse_triangles[faces]], vertices[points])
    order = np.lexsort((np.linalg.norm(nearest - vertices[points], axis=1), points))
    best = order[np.unique(points[order], return_index=True)[1]]
    # A vertex whose whole part collapsed has no triangle: it copies its coarse vertex.
    corners, weights = np.repeat(cluster[:, None], 3, 1), np.tile([1.0, 0.0, 0.0], (len(cluster), 1))
    corners[points[best]] = coarse_triangles[faces[best]]
    weights[points[best]] = points_to_barycentric(coarse[coarse_triangles[faces[best]]], nearest[best])
    return corners, weights


def _incidence(cluster, coarse_triangles):
    """Every pair (fine vertex, coarse triangle that touches its coarse vertex): (P,) and (P,)."""
    fine = csr_array((np.ones(len(cluster)), (np.arange(len(cluster)), cluster)))
    number = len(coarse_triangles)
    touching = (coarse_triangles.ravel(), np.repeat(np.arange(number), 3))
    faces = csr_array((np.ones(3 * number), touching), shape=(fine.shape[1], number))
    return (fine @ faces).nonzero()


def _edges(triangles, corners, cluster):
    """Pairs (fine, coarse), (2, E): the corners that a vertex is interpolated from, and where its neighbours went."""
    sides = np.concatenate((triangles, triangles[:, ::-1]))
    pairs = [np.stack((sides[:, k], cluster[sides[:, k - 1]])) for k in range(3)]
    pairs += [np.stack((np.arange(len(cluster)), corners[:, k])) for k in range(3)]
    pairs.append(np.stack((np.arange(len(cluster)), cluster)))
    return np.unique(np.concatenate(pairs, 1), axis=1).astype(np.int32)
