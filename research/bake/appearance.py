"""The areas of one skin colour each (skin, lips, brows, irises, …) on the head, found from its landmarks."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.rendering import depth_buffer, vertex_normals, visible_vertices
from d3f_lite.heads.model import ALBEDO_REGIONS, PARTS, HeadModel

BROW_HALF_HEIGHT = 3.5  # mm
IRIS_RADIUS = 6.0  # mm
MOUTH_MARGIN = 15.0  # mm around the tongue
SOFTNESS = 2.0  # mm over which one colour passes into the next


def albedo_regions(head: HeadModel, landmarks: Float[np.ndarray, "68 3"] | None = None) -> Float[np.ndarray, "A V"]:
    """Soft areas of one colour each.

    Args:
        landmarks: mm on the mean head; without them brows and lips get the skin's colour.

    Returns:
        weights that add up to 1, in the order of ALBEDO_REGIONS.
    """
    mean, skin = head.mean, head.parts == PARTS.index("skin")
    weights = {name: np.zeros(len(mean)) for name in ALBEDO_REGIONS}
    soft = {name: head.regions[name] ** 2 for name in head.regions}
    weights["forehead"], weights["nose"] = soft["forehead"], soft["nose"]
    weights["chin"] = soft["face"] * _ramp(-30.0 - mean[:, 1])
    weights["cheeks"] = soft["face"] - weights["chin"]
    if landmarks is not None:
        weights["lips"] = _inside_lips(head, landmarks)
        weights["brows"] = np.maximum(_near_line(mean, landmarks[17:22]), _near_line(mean, landmarks[22:27]))
        for name in ("forehead", "nose", "chin", "cheeks"):
            weights[name] = weights[name] * (1.0 - np.maximum(weights["lips"], weights["brows"]))
    cavity = _mouth_cavity(head)
    weights = {name: weight * (skin & ~cavity) for name, weight in weights.items()}
    weights["mouth"] = ((head.parts == PARTS.index("tongue")) | cavity).astype(float)
    weights["irises"] = _irises(head)
    weights["eyeballs"] = (head.parts == PARTS.index("eyeballs")) * (1.0 - weights["irises"])
    weights["skin"] = np.clip(1.0 - sum(weights[name] for name in ALBEDO_REGIONS[1:]), 0.0, 1.0)
    return np.stack([weights[name] for name in ALBEDO_REGIONS]).astype(np.float32)


def _ramp(millimetres):
    """0 to 1 while the argument grows from minus to plus SOFTNESS."""
    return np.clip(0.5 + millimetres / (2.0 * SOFTNESS), 0.0, 1.0)


def _near_line(points, line):
    """Closeness of points (V, 3) to a polyline (P, 3), in [0, 1]."""
    distance = np.full(len(points), np.inf)
    for start, end in zip(line[:-1], line[1:]):
        along = np.clip(((points - start) @ (end - start)) / np.sum((end - start) ** 2), 0.0, 1.0)
        distance = np.minimum(distance, np.linalg.norm(points - (start + along[:, None] * (end - start)), axis=1))
    return _ramp(BROW_HALF_HEIGHT - distance)


def _inside_lips(head, landmarks):
    """Which vertices lie within the outline of the lips as seen from the front, in [0, 1]."""
    from matplotlib.path import Path

    outline = Path(landmarks[48:60, :2])
    front = head.mean[:, 2] > landmarks[48:60, 2].min() - 6.0
    inside = outline.contains_points(head.mean[:, :2], radius=0.3)
    return (inside & front & (head.regions["lips"] > 0)).astype(float)


@lru_cache(maxsize=1)
def _mouth_cavity(head):
    """The skin inside the closed mouth, (V,) bool: around and behind the tongue, and invisible from outside."""
    normals = vertex_normals(head.mean, head.triangles)
    seen = np.zeros(len(head.mean), bool)
    for yaw in np.radians(range(0, 360, 40)):
        for pitch in np.radians((-40, 0, 40)):
            camera = Camera.from_angles(yaw, pitch, 0.0, 3.0, (450, 450))
            points = camera.view(head.mean)
            depth = depth_buffer(points, head.triangles, (900, 900))
            seen |= visible_vertices(points, camera.facing(head.mean, normals), head.triangles, depth, tolerance=0.7)
    tongue = head.mean[head.parts == PARTS.index("tongue")]
    low, high = tongue.min(0) - MOUTH_MARGIN, tongue.max(0) + MOUTH_MARGIN
    around = ((head.mean > low) & (head.mean < high))[:, :2].all(1) & (head.mean[:, 2] < high[2])
    return (head.parts == PARTS.index("skin")) & ~seen & around


def _irises(head):
    """The front of both eyeballs, (V,) in [0, 1]."""
    weight = np.zeros(len(head.mean))
    for side in ("left_eyeball", "right_eyeball"):
        ball = head.regions[side] > 0
        front = head.mean[ball][head.mean[ball, 2].argmax()]
        distance = np.linalg.norm(head.mean[ball] - front, axis=1)
        weight[ball] = _ramp(IRIS_RADIUS - distance)
    return weight
