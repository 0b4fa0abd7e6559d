"""Heads of different meshes compared by their surfaces: one laid onto the other, and how far apart they are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from trimesh.registration import procrustes

from d3f_lite.fitting.rendering import vertex_normals


@dataclass(frozen=True, eq=False)
class Surface:
    """A head's surface, as distances are measured to it: vertices (mm) and their unit normals."""

    vertices: Float[np.ndarray, "V 3"]
    normals: Float[np.ndarray, "V 3"]

    @classmethod
    def of(cls, vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> "Surface":
        """The surface of a mesh."""
        return cls(vertices, vertex_normals(np.ascontiguousarray(vertices, np.float32), triangles))

    def nearest_plane(self, points: Float[np.ndarray, "P 3"]) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "P 3"]]:
        """How far points lie outside the tangent plane of the nearest vertex, mm, and that plane's normal."""
        nearest = KDTree(self.vertices).query(points)[1]
        normals = self.normals[nearest]
        return np.einsum("pc,pc->p", points - self.vertices[nearest], normals), normals

    def signed_distances(self, points: Float[np.ndarray, "P 3"], planes: int = 3) -> Float[np.ndarray, "P"]:
        """How far points lie outside, mm: along the normals of so many nearest vertices, the nearer the heavier."""
        nearest = KDTree(self.vertices).query(points, k=planes)[1]
        offset = points[:, None] - self.vertices[nearest]
        weights = 1.0 / (1e-6 + np.linalg.norm(offset, axis=-1))
        return (np.einsum("pkc,pkc->pk", offset, self.normals[nearest]) * weights).sum(1) / weights.sum(1)


def transformed(vertices: Float[np.ndarray, "V 3"], matrix: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "V 3"]:
    """Points moved by a matrix."""
    return vertices @ matrix[:3, :3].T + matrix[:3, 3]


def align(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    points: Float[np.ndarray, "P 3"],
    start: Float[np.ndarray, "4 4"],
    rounds: int = 25,
    kept: float = 0.95,
) -> Float[np.ndarray, "4 4"]:
    """The size, turn and shift that lay a head's surface onto points (mm), by point-to-plane ICP.

    Args:
        vertices: mm.
        start: a first guess.
        kept: share of the points that count in a round, the nearest ones.
    """
    matrix = start
    for _ in range(rounds):
        apart, normals = Surface.of(transformed(vertices, matrix), triangles).nearest_plane(points)
        near = np.ones(len(points), bool)
        if kept < 1:
            near = np.abs(apart) < np.quantile(np.abs(apart), kept)
        feet = points - apart[:, None] * normals
        matrix = procrustes(feet[near], points[near], reflection=False)[0] @ matrix
    return matrix
