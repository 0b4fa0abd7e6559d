"""A z-buffer rasteriser and spherical-harmonics shading: which surface point each pixel shows, and its colour."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from d3f_lite.fitting.camera import Camera


def front_areas(points: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> Float[np.ndarray, "T"]:
    """The area (T,) that each triangle takes in a picture, px² for ``points`` in px; negative where its back is seen."""
    (ax, bx, cx), (ay, by, cy) = (np.ascontiguousarray(points[:, axis])[triangles.T] for axis in (0, 1))
    return 0.5 * ((cx - ax) * (by - ay) - (bx - ax) * (cy - ay))  # y points down


def depth_buffer(
    points: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"], shape: tuple[int, int]
) -> Float[np.ndarray, "H W"]:
    """The depth (H, W), mm, of the front-facing surface that each pixel shows; minus infinity where there is none.

    Args:
        points: x and y in px, z in mm towards the camera (``Camera.view``).
        triangles: vertex indices, counter-clockwise seen from outside.
        shape: (height, width) px.
    """
    return _drawn(points, triangles[front_areas(points, triangles) > 0], shape)


def rasterise(
    points: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"], shape: tuple[int, int]
) -> tuple[Int[np.ndarray, "H W"], Float[np.ndarray, "H W 3"]]:
    """Find the front-facing surface point that each pixel shows.

    Args:
        points, triangles, shape: as of ``depth_buffer``.

    Returns:
        index: (H, W) int32 triangle shown, -1 where there is none.
        barycentric: (H, W, 3) float32 weights of its corners.
    """
    # Each triangle is drawn in a colour of its own: its number.
    front = np.flatnonzero(front_areas(points, triangles) > 0)
    numbers = np.full((*shape, 3), -1, np.float32)
    corners = points[triangles[front]].reshape(-1, 3)
    own = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    _drawn(corners, own, shape, np.repeat(front, 9).reshape(-1, 3), numbers, cv2.RASTERIZE_SHADING_FLAT)
    index = numbers[..., 0].astype(np.int32)
    rows, columns = np.nonzero(index >= 0)
    a, b, c = points[triangles[index[rows, columns]], :2].transpose(1, 0, 2)
    cross = lambda u, v: u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    centre, area = np.stack((columns, rows), 1) + 0.5, cross(b - a, c - a)
    second, third = cross(centre - a, c - a) / area, cross(b - a, centre - a) / area
    barycentric = np.zeros((*shape, 3), np.float32)
    barycentric[rows, columns] = np.stack((1.0 - second - third, second, third), 1)
    return index, barycentric


def _drawn(points, triangles, shape, colours=None, picture=None, shading=cv2.RASTERIZE_SHADING_SHADED, away: float = 1e4):
    """Draw ``triangles`` by OpenCV: the depth (H, W) of each pixel and, into ``picture``, the ``colours`` of the points.

    OpenCV has a pinhole camera: it stands ``away`` mm before the points, each put where it is seen at its px.
    """
    height, width = shape
    nearest = points[:, 2].max() + away
    distance = nearest - points[:, 2]
    x, y = (2.0 * points[:, 0] - width) / height, (height - 2.0 * points[:, 1]) / height
    places = np.stack((x * distance, y * distance, -distance), 1).astype(np.float32)[None]
    far = float(distance.max()) + 100.0
    depth, eye = np.full(shape, far, np.float32), np.eye(4, dtype=np.float32)
    how = cv2.TriangleRasterizeSettings().setCullingMode(cv2.RASTERIZE_CULLING_NONE)
    frame = (eye, np.pi / 2, away / 2, far, how.setShadingType(shading))
    triangles = np.ascontiguousarray(triangles, np.int32)[None]
    if picture is None:
        cv2.triangleRasterizeDepth(places, triangles, depth, *frame)
    else:
        cv2.triangleRasterize(places, triangles, np.ascontiguousarray(colours, np.float32)[None], picture, depth, *frame)
    return np.where(depth < far - 50.0, nearest - depth, -np.inf).astype(np.float32)


def vertex_normals(vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> Float[np.ndarray, "V 3"]:
    """Unit normals of ``vertices`` (mm): those of the triangles around each, weighted by their areas."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    areas = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    around = [np.bincount(triangles.ravel(), axis, len(vertices)) for axis in areas.T]
    return unit(np.stack(around, 1)).astype(vertices.dtype)


def unit(vectors: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """The vectors in length 1; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


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
        depth: of ``depth_buffer``.
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
    index, barycentric = rasterise(points, triangles, shape)
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


def render_vertices(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    camera: Camera,
    albedo: Float[np.ndarray, "V 3"],
    light: Float[np.ndarray, "9 3"],
    shape: tuple[int, int],
    normals: Float[np.ndarray, "V 3"] | None = None,
) -> tuple[Float[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """Draw a head as ``render`` does, in a third of its time: only the vertices are shaded (Gouraud 1971). Over black.

    Args as of ``render``. Returns the picture in [0, 1], and where the head is.
    """
    points = camera.view(np.asarray(vertices, np.float32))
    if normals is None:
        normals = vertex_normals(np.asarray(vertices, np.float32), triangles)
    shading = spherical_harmonics(unit(normals @ np.asarray(camera.rotation, np.float32).T)) @ np.asarray(light, np.float32)
    picture = np.zeros((*shape, 3), np.float32)
    depth = _drawn(points, triangles[front_areas(points, triangles) > 0], shape, np.clip(albedo * shading, 0.0, 1.0), picture)
    return picture, np.isfinite(depth)
