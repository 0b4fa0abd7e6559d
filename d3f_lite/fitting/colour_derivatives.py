"""The derivatives of ``colour_residual`` by hand: the fast way to what automatic differentiation finds as well."""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array

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
        points: what its pixels show.
    """
    rotation = camera.rotation
    # X = Σ w_k v_k and m = R Σ w_k n_k over the corners k of each point's triangle; the normal is n = m / |m|.
    used, local = np.unique(points.corners, return_inverse=True)
    local = local.reshape(points.corners.shape)
    blended = lambda values: np.einsum("pk,pki->pi", points.weights, values[local])
    place, normal = blended(vertices[used]), blended(vertex_normals(vertices, head.triangles)[used] @ rotation.T)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = normal / length
    # ∂v/∂c = B and ∂n/∂c of the U vertices used, (3 U, K) each.
    directions = head.basis[:, used].transpose(1, 2, 0).reshape(3 * len(used), -1)
    bent = _normal_slopes(head, vertices, used).reshape(directions.shape)
    # ∂u/∂X and ∂u/∂pose, in mm on the head.
    slides, moves = camera.slopes(place), camera.pose_slopes(place)
    # a ∂Y/∂n L, the light's slope, in the camera's frame.
    shine = np.einsum("phn,hc->pcn", _harmonics_slopes(points.harmonics), points.appearance.light) * points.albedo[..., None]
    slopes = []
    for channel in range(3):
        pull, turn = camera.scale * points.slopes[:, channel], shine[:, channel]
        # ∂n = (1 - n nᵀ) ∂m / |m|: what turns n is what moves m across it.
        across = (turn - normal * (turn * normal).sum(1, keepdims=True)) / length
        # ∂r/∂c = ∇I ∂u/∂X ∂X/∂c - a ∂Y/∂n L ∂n/∂c, with R taken to the left side.
        of_coefficients = _along(points, local, np.einsum("pk,pki->pi", pull, slides)) @ directions
        of_coefficients -= _along(points, local, across @ rotation) @ bent
        # ∂r/∂pose = ∇I ∂u/∂pose, and a turn ω moves n by ω × n: t · (ω × n) = (n × t) · ω.
        of_pose = np.einsum("pi,pid->pd", pull, moves)
        of_pose[:, :3] -= np.cross(normal, turn)
        slopes.append(np.concatenate((of_coefficients, of_pose.astype(np.float32)), axis=1))
    return np.stack(slopes)


def _along(points: SurfacePoints, local: Int[np.ndarray, "P 3"], vectors: Float[np.ndarray, "P 3"]) -> csr_array:
    """The sparse (P, 3 U) matrix from motions of the vertices used to those of the points, measured along ``vectors``."""
    values = points.weights[:, :, None] * vectors[:, None]
    columns = 3 * local[:, :, None] + np.arange(3)
    starts = 9 * np.arange(len(vectors) + 1)
    shape = len(vectors), 3 * (local.max() + 1)
    return csr_array((values.ravel().astype(np.float32), columns.ravel(), starts), shape=shape)


def _normal_slopes(head: HeadModel, vertices: Float[np.ndarray, "V 3"], used: Int[np.ndarray, "U"]) -> Float[np.ndarray, "U 3 K"]:
    """How the unit normals of the vertices ``used`` change with each coefficient."""
    triangles = head.triangles[np.isin(head.triangles, used).any(1)]
    corners = head.basis[:, triangles]
    # A triangle's normal, twice its area long, is e × f of two edges: ∂(e × f) = ∂e × f + e × ∂f.
    first, second = (vertices[triangles[:, k]] - vertices[triangles[:, 0]] for k in (1, 2))
    moved = [corners[:, :, k] - corners[:, :, 0] for k in (1, 2)]
    change = (np.cross(moved[0], second) + np.cross(first, moved[1])).transpose(1, 2, 0).reshape(len(triangles), -1)
    # A vertex's N is the sum of those around it.
    rows, face = triangles.ravel(), np.repeat(np.arange(len(triangles)), 3)
    around = csr_array((np.ones(len(rows), np.float32), (rows, face)), shape=(len(vertices), len(triangles)))[used]
    area = around @ np.cross(first, second)
    length = np.linalg.norm(area, axis=1)[:, None, None]
    unit = area / length[..., 0]
    change = (around @ change).reshape(len(used), 3, -1)
    # n = N / |N|: ∂n = (1 - n nᵀ) ∂N / |N|.
    return (change - unit[..., None] * np.einsum("ui,uik->uk", unit, change)[:, None]) / length


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
