"""A finer triangulation of a head's face, so that a colour at each vertex shows eyes, brows and lips."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array, csr_array, eye_array, vstack
from scipy.sparse.csgraph import connected_components

from d3f_lite.heads.model import PARTS, HeadModel

LONGEST_EDGES = (3.0, 2.0)  # mm, over face and eyeballs, from level to level


@dataclass(frozen=True, eq=False)
class Refinement:
    """A finer mesh whose vertices are fixed mixes of a head's own, which come first.

    Args:
        weights: (F, V) sparse; each row adds up to 1.
        triangles: counter-clockwise seen from outside.
    """

    weights: csr_array
    triangles: Int[np.ndarray, "R 3"]

    def __call__(self, values: Float[np.ndarray, "V C"]) -> Float[np.ndarray, "F C"]:
        """Values of the finer mesh, of the head's: vertices in mm, normals (not of unit length any more), colours, …"""
        return self.weights @ values

    @cached_property
    def pairs(self) -> Int[np.ndarray, "E 2"]:
        """The vertices at both ends of each edge."""
        return sides(self.triangles)[0]


@lru_cache(maxsize=8)
def refinement(head: HeadModel, level: int = len(LONGEST_EDGES)) -> Refinement:
    """The finer mesh of a head: no edge of the mean head's face or eyeballs is longer than LONGEST_EDGES[level - 1].

    Its first vertices are those of the level before; level 0 is the head itself, its eyeballs closed.
    """
    if level == 0:
        return Refinement(eye_array(len(head.mean), format="csr", dtype=np.float32), with_closed_eyeballs(head))
    mesh, fine = refinement(head, level - 1), head.face | (head.parts == PARTS.index("eyeballs"))
    while True:
        pairs, edges = sides(mesh.triangles)
        within = mesh(fine[:, None].astype(np.float32))[:, 0] == 1.0
        ends = mesh(head.mean)[pairs]
        split = within[pairs].all(1) & (np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) > LONGEST_EDGES[level - 1])
        if not split.any():
            return mesh
        weights = mesh.weights
        triangles = _split(mesh.triangles, np.where(split, weights.shape[0] + np.cumsum(split) - 1, -1)[edges])
        halfway = 0.5 * (weights[pairs[split, 0]] + weights[pairs[split, 1]])
        mesh = Refinement(vstack([weights, halfway], format="csr"), triangles)


def sides(triangles: Int[np.ndarray, "T 3"]) -> tuple[Int[np.ndarray, "E 2"], Int[np.ndarray, "T 3"]]:
    """The edges of a mesh, and which of them run from corner 0 to 1, 1 to 2 and 2 to 0 of each triangle."""
    low, high = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].astype(np.int64), axis=2).reshape(-1, 2).T
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


def with_closed_eyeballs(head: HeadModel) -> Int[np.ndarray, "C 3"]:
    """The triangles of a HeadModel and, after them, those that close the holes of its eyeballs: (T + C, 3) int32.

    The right eyeball of the shipped head ends behind the lids. Nothing sees that hole, but other programs want closed
    parts. No vertex is added. The model keeps its own triangles: its Laplacian, and so the published loss, goes by them.
    """
    sides = head.triangles[(head.parts == PARTS.index("eyeballs"))[head.triangles].all(1)][:, [[0, 1], [1, 2], [2, 0]]].reshape(
        -1, 2
    )
    count = len(head.mean)
    open_sides = sides[~np.isin(sides @ (count, 1), sides @ (1, count))]  # that no neighbour runs along the other way
    ends = coo_array((np.ones(len(open_sides)), open_sides.T), shape=(count, count))
    _, first, hole = np.unique(connected_components(ends)[1], return_index=True, return_inverse=True)
    # A fan around the first vertex of each hole.
    caps = np.column_stack((first[hole][open_sides[:, 0]], open_sides[:, ::-1]))
    caps = caps[(caps[:, [0]] != caps[:, 1:]).all(1)]
    return np.concatenate([head.triangles, caps.astype(head.triangles.dtype)])
