"""The derivatives of ``colour_residual`` by hand: the fast way to what automatic differentiation finds as well."""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array, csr_array

from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.colours import SurfacePoints
from d3f_lite.fitting.rendering import vertex_normals
from d3f_lite.heads.model import HeadModel


def colour_slopes(
    head: HeadModel, vertices: Float[np.ndarray, "V 3"], camera: Camera, points: SurfacePoints
) -> Float[np.ndarray, "3 P D"]:
    """How the residual ``r = I(u) - a Y(n) L`` changes with coefficients and pose, D = K + 7, for each colour channel.

    Where a point's place u moves in the photo, its colour changes by the photo's slope ∇I; where its normal n turns, by the
    light's. The albedo a and the light L stay.

    Args:
        head: with K directions B, mm.
        vertices: v, mm, of the head now.
        camera: now, with rotation R.
        points: what its triangles show.
    """
    # The middle of a triangle lies at X = ⅓ Σ vₖ; its normal is that of m = ⅓ Σ nₖ, of its corners' normals: n = m / |m|.
    normals = vertex_normals(vertices, head.triangles)
    place, mean = vertices[points.corners].mean(1), normals[points.corners].mean(1) @ camera.rotation.T
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    normal = mean / length
    # ∂v/∂c = B and ∂n/∂c, (3 V, K) each.
    directions = np.ascontiguousarray(head.basis.reshape(len(head.basis), -1).T)  # else each product below copies it
    bent = _normal_slopes(vertices, head.triangles[np.isin(head.triangles, points.corners).any(1)]) @ directions
    # ∂u/∂X and ∂u/∂pose, in mm on the head; a ∂Y/∂n L, the light's slope, in the camera's frame.
    slides, moves = camera.slopes(place), camera.pose_slopes(place)
    shine = np.einsum("phn,hc->pcn", _harmonics_slopes(points.harmonics), points.appearance.light) * points.albedo[..., None]
    slopes = []
    for channel in range(3):
        pull, turn = camera.scale * points.slopes[:, channel], shine[:, channel]
        # ∂n = (1 - n nᵀ) ∂m / |m|: what turns n is what moves m across it.
        across = (turn - normal * (turn * normal).sum(1, keepdims=True)) / length
        # ∂r/∂c = ∇I ∂u/∂X ∂X/∂c - a ∂Y/∂n L ∂n/∂c, with R taken to the left side.
        of_coefficients = _middles(points, np.einsum("pi,pij->pj", pull, slides), len(vertices)) @ directions
        of_coefficients -= _middles(points, across @ camera.rotation, len(vertices)) @ bent
        # ∂r/∂pose = ∇I ∂u/∂pose, and a turn ω moves n by ω × n: t · (ω × n) = (n × t) · ω.
        of_pose = np.einsum("pi,pid->pd", pull, moves)
        of_pose[:, :3] -= np.cross(normal, turn)
        slopes.append(np.concatenate((of_coefficients, of_pose.astype(np.float32)), axis=1))
    return np.stack(slopes)


def _middles(points: SurfacePoints, along: Float[np.ndarray, "P 3"], vertices: int) -> csr_array:
    """The sparse (P, 3 V) matrix from what moves at the vertices to what moves at the points, measured ``along`` vectors."""
    columns = 3 * points.corners[..., None] + np.arange(3)
    values = np.repeat(along[:, None] / 3.0, 3, axis=1).astype(np.float32)
    return csr_array((values.ravel(), columns.ravel(), 9 * np.arange(len(along) + 1)), shape=(len(along), 3 * vertices))


def _normal_slopes(vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> csr_array:
    """How the unit normals of vertices that ``triangles`` surround change with the vertices: sparse, (3 V, 3 V)."""
    # N = Σ v₀ × v₁ + v₁ × v₂ + v₂ × v₀ over the triangles around, so ∂N = Σ wₖ × ∂vₖ with the edge w opposite a corner.
    corners = vertices[triangles]
    opposite = np.roll(corners, 1, axis=1) - np.roll(corners, -1, axis=1)
    crosses = np.cross(opposite[:, :, None], np.eye(3, dtype=np.float32)).swapaxes(2, 3)
    areas = np.repeat(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), 3, axis=0)
    around = np.stack([np.bincount(triangles.ravel(), axis, len(vertices)) for axis in areas.T], 1)
    length = np.maximum(np.linalg.norm(around, axis=1), 1e-12)[:, None, None]
    unit = around / length[:, 0]
    # n = N / |N|: ∂n = (1 - n nᵀ) ∂N / |N|.
    across = ((np.eye(3) - unit[:, :, None] * unit[:, None]) / length).astype(np.float32)
    blocks = across[triangles][:, :, None] @ crosses[:, None]
    axis = np.arange(3)
    rows, columns = 3 * triangles[:, :, None, None, None] + axis[:, None], 3 * triangles[:, None, :, None, None] + axis
    rows, columns = np.broadcast_arrays(rows, columns)
    return coo_array((blocks.ravel(), (rows.ravel(), columns.ravel())), shape=(vertices.size, vertices.size)).tocsr()


def _harmonics_slopes(harmonics: Float[np.ndarray, "P 9"]) -> Float[np.ndarray, "P 9 3"]:
    """How the nine spherical harmonics change with the normal."""
    _, x, y, z = harmonics.T[:4]
    slopes = np.zeros((len(harmonics), 9, 3))
    slopes[:, 1, 0] = slopes[:, 2, 1] = slopes[:, 3, 2] = 1.0
    slopes[:, 4, 0], slopes[:, 4, 1] = y, x
    slopes[:, 5, 0], slopes[:, 5, 2] = z, x
    slopes[:, 6, 1], slopes[:, 6, 2] = z, y
    slopes[:, 7, 0], slopes[:, 7, 1] = 2 * x, -2 * y
    slopes[:, 8, 2] = 6 * z
    return slopes
