"""A finer triangulation of a head's face, so that a colour at each vertex shows eyes, brows and lips."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array, eye_array, vstack

from d3f_lite.heads.model import PARTS, HeadModel

LONGEST_EDGE = 2.0  # mm, over face and eyeballs
SHORTEST = 0.2  # mm, added to the length of an edge
CORNERS = np.array([[0, 1], [1, 2], [2, 0]])


@dataclass(frozen=True, eq=False)
class Refinement:
    """A finer mesh whose vertices are fixed mixes of a head's own, which come first.

    Args:
        weights: (F, V) sparse; each row adds up to 1.
        triangles: counter-clockwise seen from outside.
        pairs: the vertices at both ends of each edge.
        closeness: of both ends on the mean head, 1 on average.
    """

    weights: csr_array
    triangles: Int[np.ndarray, "R 3"]
    pairs: Int[np.ndarray, "E 2"]
    closeness: Float[np.ndarray, "E"]

    def __call__(self, values: Float[np.ndarray, "V C"]) -> Float[np.ndarray, "F C"]:
        """Values of the finer mesh, of the head's: vertices in mm, normals (not of unit length any more), colours, …"""
        return self.weights @ values


@lru_cache(maxsize=4)
def refinement(head: HeadModel) -> Refinement:
    """The finer mesh of a head: no edge of the mean head's face or eyeballs is longer than LONGEST_EDGE."""
    fine = head.face | (head.parts == PARTS.index("eyeballs"))
    weights, triangles = eye_array(len(head.mean), format="csr", dtype=np.float32), head.triangles
    while True:
        pairs, edges = sides(triangles)
        ends = (weights @ head.mean)[pairs]
        lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
        split = fine[pairs].all(1) & (lengths > LONGEST_EDGE)
        if not split.any():
            closeness = 1.0 / (lengths + SHORTEST)
            return Refinement(weights, triangles, pairs, closeness / closeness.mean())
        triangles = _split(triangles, np.where(split, len(fine) + np.cumsum(split) - 1, -1)[edges])
        weights = vstack([weights, 0.5 * (weights[pairs[split, 0]] + weights[pairs[split, 1]])], format="csr")
        fine = np.concatenate((fine, fine[pairs[split]].all(1)))


def sides(triangles: Int[np.ndarray, "T 3"]) -> tuple[Int[np.ndarray, "E 2"], Int[np.ndarray, "T 3"]]:
    """The edges of a mesh, and which of them run from corner 0 to 1, 1 to 2 and 2 to 0 of each triangle."""
    low, high = np.sort(triangles[:, CORNERS].astype(np.int64), axis=2).reshape(-1, 2).T
    count = triangles.max() + 1
    keys, edges = np.unique(low * count + high, return_inverse=True)
    return np.stack((keys // count, keys % count), 1), edges.reshape(-1, 3)


def _split(triangles: Int[np.ndarray, "T 3"], middle: Int[np.ndarray, "T 3"]) -> Int[np.ndarray, "R 3"]:
    """Cut triangles at the new vertices on their sides.

    Args:
        middle: the vertex on the side from corner 0 to 1, 1 to 2 and 2 to 0; -1 = none.
    """
    number, parts = (middle >= 0).sum(1), [triangles[(middle < 0).all(1)]]
    for count, first in ((1, middle.argmax(1)), (2, middle.argmin(1) + 1), (3, np.zeros(len(middle), int))):
        chosen = np.flatnonzero(number == count)
        turned = (first[chosen, None] + np.arange(3)) % 3
        (a, b, c), (ab, bc, ca) = triangles[chosen[:, None], turned].T, middle[chosen[:, None], turned].T
        cut = {
            1: [(a, ab, c), (ab, b, c)],
            2: [(ab, b, bc), (a, ab, bc), (a, bc, c)],
            3: [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)],
        }[count]
        parts += [np.stack(corners, 1) for corners in cut]
    return np.concatenate(parts).astype(triangles.dtype)
