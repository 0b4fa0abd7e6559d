"""How baked renders look: albedo regions of one skin colour each, plausible colours, and random light."""

import numpy as np

from d3f_lite.head_model import PARTS

ALBEDO_REGIONS = ("skin", "forehead", "nose", "cheeks", "chin", "lips", "brows", "eyeballs", "irises", "tongue")
BROW_HALF_HEIGHT = 3.5  # mm
IRIS_RADIUS = 6.0  # mm
SOFTNESS = 2.0  # mm over which one colour passes into the next
COLOURS = {"lips": (0.72, 0.45, 0.42), "brows": (0.25, 0.18, 0.14), "eyeballs": (0.88, 0.86, 0.84),
           "irises": (0.18, 0.12, 0.09), "tongue": (0.45, 0.22, 0.22)}  # fmt: skip
SKIN_TONES = ((0.92, 0.76, 0.68), (0.78, 0.59, 0.49), (0.55, 0.38, 0.29), (0.36, 0.24, 0.18))


def albedo_regions(head, landmarks=None):
    """Soft areas of one colour each.

    Args:
        head: HeadModel.
        landmarks: (68, 3) mm on the mean head; without them brows and lips are not told from the skin.

    Returns:
        (A, V) float32 weights that add up to 1, in the order of ALBEDO_REGIONS.
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
    weights = {name: weight * skin for name, weight in weights.items()}
    weights["tongue"] = (head.parts == PARTS.index("tongue")).astype(float)
    weights["irises"] = _irises(head)
    weights["eyeballs"] = (head.parts == PARTS.index("eyeballs")) * (1.0 - weights["irises"])
    weights["skin"] = np.clip(1.0 - sum(weights[name] for name in ALBEDO_REGIONS[1:]), 0.0, 1.0)
    return np.stack([weights[name] for name in ALBEDO_REGIONS]).astype(np.float32)


def paint(regions, tone=SKIN_TONES[1]):
    """A plain face: (V, 3) RGB albedo of the soft ``regions`` (A, V), skin in ``tone``."""
    colours = np.array([COLOURS.get(name, tone) for name in ALBEDO_REGIONS])
    darkness = np.array([np.mean(tone) / np.mean(SKIN_TONES[1]) if name == "lips" else 1.0 for name in ALBEDO_REGIONS])
    return (regions.T @ (colours * darkness[:, None])).astype(np.float32)


def draw_light(generator):
    """Random light from the front half: (9, 3) spherical-harmonics coefficients, per colour channel."""
    direction = generator.normal((0.0, 0.35, 0.8), (0.5, 0.35, 0.2))
    direction /= np.linalg.norm(direction)
    ambient, strength = generator.uniform(0.45, 0.75), generator.uniform(0.25, 0.55)
    light = np.zeros((9, 3), np.float32)
    light[0] = ambient
    light[1:4] = strength * direction[:, None]
    light[4:] = 0.04 * generator.standard_normal((5, 1))
    return light * generator.normal(1.0, 0.05, 3)


def _ramp(millimetres):
    """0 to 1 while the argument grows from minus to plus SOFTNESS."""
    return np.clip(0.5 + millimetres / (2.0 * SOFTNESS), 0.0, 1.0)


def _near_line(points, line):
    """How near (V, 3) points are to a polyline (P, 3), in [0, 1]."""
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


def _irises(head):
    """The front of both eyeballs, (V,) in [0, 1]."""
    weight = np.zeros(len(head.mean))
    for side in ("left_eyeball", "right_eyeball"):
        ball = head.regions[side] > 0
        front = head.mean[ball][head.mean[ball, 2].argmax()]
        distance = np.linalg.norm(head.mean[ball] - front, axis=1)
        weight[ball] = _ramp(IRIS_RADIUS - distance)
    return weight
