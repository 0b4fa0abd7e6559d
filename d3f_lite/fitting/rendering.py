"""A z-buffer rasteriser and spherical-harmonics shading: which surface point each pixel shows, and its colour."""

from functools import cache
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from d3f_lite.fitting.camera import Camera


@cache
def _compiled_rasteriser():
    """The rasteriser, compiled on first use and kept beside this file or, where that cannot be written, in numba's cache."""
    import numba

    try:
        return numba.njit(cache=True)(_rasterise_into)
    except RuntimeError:  # neither can be written: every process compiles its own
        return numba.njit(_rasterise_into)


@no_type_check
def _rasterise_into(points, triangles, index, barycentric, depth):
    """Fill the three buffers of ``rasterise``; numba compiles it, and cannot compile a checked function."""
    height, width = index.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area >= 0.0:  # Image y points down: triangles that face the camera turn the other way.
            continue
        x0 = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        for row in range(y0, y1 + 1):
            for column in range(x0, x1 + 1):
                x, y = column + 0.5, row + 0.5
                wa = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
                wb = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
                wc = 1.0 - wa - wb
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                z = wa * points[a, 2] + wb * points[b, 2] + wc * points[c, 2]
                if z > depth[row, column]:
                    depth[row, column] = z
                    index[row, column] = t
                    barycentric[row, column, 0] = wa
                    barycentric[row, column, 1] = wb
                    barycentric[row, column, 2] = wc


def rasterise(
    points: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"], shape: tuple[int, int]
) -> tuple[Int[np.ndarray, "H W"], Float[np.ndarray, "H W 3"], Float[np.ndarray, "H W"]]:
    """Find the front-facing surface point that each pixel shows.

    Args:
        points: x and y in px, z towards the camera (``Camera.view``).
        triangles: vertex indices, counter-clockwise seen from outside.
        shape: (height, width) px.

    Returns:
        index: (H, W) int32 triangle shown, -1 where there is none.
        barycentric: (H, W, 3) float32 weights of its corners.
        depth: (H, W) float32 depth, minus infinity where there is none.
    """
    index = np.full(shape, -1, np.int32)
    barycentric = np.zeros((*shape, 3), np.float32)
    depth = np.full(shape, -np.inf, np.float32)
    points, triangles = np.ascontiguousarray(points, np.float32), np.ascontiguousarray(triangles, np.int32)
    _compiled_rasteriser()(points, triangles, index, barycentric, depth)
    return index, barycentric, depth


def vertex_normals(vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> Float[np.ndarray, "V 3"]:
    """Unit normals of ``vertices`` (mm): those of the triangles around each, weighted by their areas."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    along, across = b - a, c - a
    following, preceding = [1, 2, 0], [2, 0, 1]
    areas = _fused(along[:, following], across[:, preceding], -along[:, preceding] * across[:, following])
    around = np.zeros_like(vertices)
    np.add.at(around, triangles.reshape(-1), np.repeat(areas, 3, axis=0))
    return unit(around)


def unit(vectors: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """The vectors in length 1; zero stays zero."""
    x, y, z = vectors.T[..., None]
    return vectors / np.maximum(np.sqrt(_fused(z, z, _fused(y, y, x * x))), 1e-12)


def _fused(a: Float[np.ndarray, "..."], b: Float[np.ndarray, "..."], c: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """a b + c, float32 rounded once, as processors with a fused multiply-add do: torch's normals to the last bit."""
    return (a.astype(float) * b + c).astype(a.dtype)


def spherical_harmonics(normals: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 9"]:
    """The nine real spherical harmonics up to order 2 of unit ``normals``, constants absorbed by the light.

    Lambertian irradiance is all but linear in them (Ramamoorthi and Hanrahan 2001).
    """
    x, y, z = normals.T
    return np.stack((np.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1), axis=-1)


def visible_vertices(
    points: Float[np.ndarray, "V 3"],
    facing: Float[np.ndarray, "V"],
    triangles: Int[np.ndarray, "T 3"],
    depth: Float[np.ndarray, "H W"],
    *,
    tolerance: float = 2.0,
) -> Bool[np.ndarray, "V"]:
    """Which vertices a camera sees: front-facing, inside the picture, and not behind another part.

    Args:
        points: view-space positions (px, px, mm).
        facing: cosine between each normal and the line to the camera (``Camera.facing``).
        triangles: unused corners are never seen.
        depth: mm from ``rasterise``.
        tolerance: mm that a vertex may lie behind the buffer (a pixel is not a point).
    """
    height, width = depth.shape
    column, row = np.floor(points[:, 0]).astype(int), np.floor(points[:, 1]).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    nearest = np.full(len(points), -np.inf, np.float32)
    nearest[inside] = depth[row[inside], column[inside]]
    used = np.zeros(len(points), bool)
    used[triangles.reshape(-1)] = True
    # A slanted surface falls within one pixel, so the tolerance grows towards the contour.
    slack = tolerance / np.clip(facing, 0.2, 1.0)
    return inside & used & (facing > 0.0) & np.isfinite(nearest) & (points[:, 2] >= nearest - slack)


def render(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    camera: Camera,
    albedo: Float[np.ndarray, "V 3"],
    light: Float[np.ndarray, "9 3"],
    shape: tuple[int, int],
    background: float | Float[np.ndarray, "..."] = 1.0,
    normals: Float[np.ndarray, "V 3"] | None = None,
) -> tuple[UInt8[np.ndarray, "H W 3"], Int[np.ndarray, "H W"]]:
    """Draw a head.

    Args:
        vertices: mm.
        albedo: RGB in [0, 1].
        light: spherical-harmonics coefficients of the normal in the camera's frame, per colour channel.
        shape: (height, width) px.
        background: a grey level, or an (H, W, 3) picture in [0, 1].
        normals: canonical frame; by default those of the triangles around each vertex.

    Returns:
        (H, W, 3) uint8 picture, and the (H, W) int32 triangle index (-1 = background).
    """
    points = camera.view(np.asarray(vertices, np.float32))
    index, barycentric, _ = rasterise(points, triangles, shape)
    if normals is None:
        normals = vertex_normals(np.asarray(vertices, np.float32), triangles)
    normals = normals @ np.asarray(camera.rotation, np.float32).T
    # Colours are worked out only where there is a head.
    covered = index >= 0
    values = np.concatenate((normals, albedo), 1).astype(np.float32)
    surface = np.einsum("pkc,pk->pc", values[triangles[index[covered]]], barycentric[covered])
    shading = spherical_harmonics(unit(surface[:, :3])) @ np.asarray(light, np.float32)
    picture = np.broadcast_to(np.asarray(background, np.float32), (*shape, 3)).copy()
    picture[covered] = surface[:, 3:] * shading
    return (np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8), index
