"""Pictures of heads, held out from all tuning: textured skin, a phone's camera, studio and window light, noise.

They share no code with the renders of ``synthetic``, which detector, occlusion network and calibration were made with.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.rendering import rasterise, vertex_normals
from d3f_lite.heads.model import ALBEDO_REGIONS, HeadModel
from d3f_lite.observation.photo import Photo

SIZE = (420, 360)  # px, height and width
DISTANCES = (330.0, 900.0)  # mm from the camera to the head's origin: an arm's length, and a conversation's
SKIN = np.array([(0.95, 0.80, 0.70), (0.87, 0.68, 0.56), (0.74, 0.53, 0.40), (0.55, 0.37, 0.27), (0.34, 0.22, 0.16)])
HAIR = np.array([(0.07, 0.06, 0.06), (0.22, 0.14, 0.09), (0.45, 0.31, 0.18), (0.62, 0.58, 0.54)])
GAMMA = 2.2


def draw_scan_photo(
    head: HeadModel, vertices: Float[np.ndarray, "V 3"], generator: np.random.Generator, largest_yaw: float = 0.45
) -> tuple[Photo, Camera]:
    """A picture of a head as a phone takes it, and its camera.

    Args:
        vertices: mm.
        largest_yaw: radians.
    """
    yaw, pitch, roll = generator.uniform(-largest_yaw, largest_yaw), generator.normal(0.0, 0.12), generator.normal(0.0, 0.08)
    scale, distance = generator.uniform(1.0, 1.5), generator.uniform(*DISTANCES)
    camera = Camera.from_angles(yaw, pitch, roll, scale, (SIZE[1] / 2, 0.46 * SIZE[0]), 1.0 / distance)
    index, barycentric = rasterise(camera.view(vertices), head.triangles, SIZE)
    colours = _background(generator)
    seen = index >= 0
    corners, weights = head.triangles[index[seen]], barycentric[seen][..., None]
    normals = vertex_normals(vertices, head.triangles)
    turned = ((normals @ camera.rotation.T)[corners] * weights).sum(1)
    albedo = (textured(head, generator)[corners] * weights).sum(1)
    colours[seen] = _lit(albedo, turned / np.linalg.norm(turned, axis=1, keepdims=True), generator)
    return Photo.from_array(_taken(colours, generator), "scan"), camera


def textured(head: HeadModel, generator: np.random.Generator) -> Float[np.ndarray, "V 3"]:
    """A skin: tone, blotches, freckles, brows, lips or lipstick, eye shadow, stubble or beard; linear RGB."""
    tone = _between(SKIN, generator)
    hair = _between(HAIR, generator)
    regions = dict(zip(ALBEDO_REGIONS, head.albedo_regions))
    colour = np.tile(tone, (len(head.mean), 1))
    red = np.array((1.0, generator.uniform(0.5, 0.8), generator.uniform(0.5, 0.8)))
    colour += 0.12 * _smooth(head.mean, 25.0, generator)[:, None] * tone * (red - 0.5)
    for part, strength in (("cheeks", 0.3), ("nose", 0.3)):
        colour *= 1 - generator.uniform(0, strength) * regions[part][:, None] * (1 - red)
    if generator.uniform() < 0.4:
        freckled = (generator.uniform(size=len(head.mean)) < 0.08) * (regions["cheeks"] + regions["nose"])
        colour *= 1 - 0.35 * freckled[:, None]
    height, front = head.mean[:, 1], head.mean[:, 2]
    if generator.uniform() < 0.3:
        low = 1 / (1 + np.exp((height + generator.uniform(5, 20)) / 4)) * (front > 10) * (1 - regions["lips"])
        patchy = np.clip(0.7 + 0.4 * _smooth(head.mean, 6.0, generator), 0, 1)
        colour += (generator.uniform(0.15, 0.85) * low * patchy)[:, None] * (hair - colour)
    lips = (
        tone * red * generator.uniform(0.6, 1.0) if generator.uniform() < 0.7 else generator.uniform((0.4, 0, 0), (0.8, 0.2, 0.3))
    )
    parts = {
        "lips": lips,
        "brows": hair,
        "eyeballs": np.full(3, 0.8),
        "irises": generator.uniform(0.02, 0.35, 3),
        "mouth": lips / 4,
    }
    for part, painted in parts.items():
        strength = generator.uniform(0.5, 1.0) if part == "brows" else 1.0
        colour += strength * regions[part][:, None] * (painted - colour)
    scalp = np.clip((height - 62.0 + 0.35 * (front - 60.0) * -1.0) / 12.0, 0, 1) * (generator.uniform() < 0.6)
    colour += scalp[:, None] * (hair * (1 + 0.2 * _smooth(head.mean, 3.0, generator)[:, None]) - colour)
    return np.clip(colour, 0.01, 1.0)


def _between(colours, generator):
    """A colour between two neighbours of a list, a little off."""
    place = generator.uniform(0, len(colours) - 1.001)
    low = int(place)
    return (colours[low] + (place - low) * (colours[low + 1] - colours[low])) * generator.normal(1.0, 0.03, 3)


def _smooth(points, millimetres, generator, waves=24):
    """Smooth noise (V,) of unit variance over points (V, 3): a sum of waves about so long."""
    direction = generator.normal(size=(3, waves)) / millimetres
    return np.sqrt(2.0 / waves) * np.cos(points @ direction + generator.uniform(0, 2 * np.pi, waves)).sum(1)


def _background(generator):
    """A blurred room (H, W, 3), linear RGB."""
    coarse = generator.uniform(0.02, 0.8, (5, 4, 3)).astype(np.float32)
    return cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC).clip(0.01, 1.0).astype(np.float64)


def _lit(albedo, normals, generator):
    """Colours (P, 3) of a skin under one lamp, light from above, and light from the floor; a little shiny."""
    lamp = generator.normal((0.0, 0.35, 0.9), (0.6, 0.35, 0.25))
    lamp /= np.linalg.norm(lamp)
    warm = generator.normal(1.0, 0.06, 3)
    diffuse = generator.uniform(0.4, 1.0) * np.clip(normals @ lamp, 0, None)[:, None] * warm
    sky = generator.uniform(0.25, 0.6) * (0.6 + 0.4 * normals[:, 1:2]) / warm
    half = lamp + (0.0, 0.0, 1.0)
    shine = generator.uniform(0.0, 0.18) * np.clip(normals @ (half / np.linalg.norm(half)), 0, None)[:, None] ** 18
    return albedo * (diffuse + sky) + shine


def _taken(colours, generator) -> UInt8[np.ndarray, "H W 3"]:
    """A phone's picture of the light: blur, grain, exposure, gamma, JPEG."""
    blurred = cv2.GaussianBlur(colours, (0, 0), generator.uniform(0.4, 1.3))
    exposed = np.clip(blurred * generator.uniform(0.8, 1.25), 0, 1) ** (1 / GAMMA)
    grainy = exposed + generator.normal(0.0, generator.uniform(0.005, 0.02), exposed.shape)
    pixels = (255 * np.clip(grainy, 0, 1)).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(55, 95))]
    _, packed = cv2.imencode(".jpg", pixels[..., ::-1], quality)
    return cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1].copy()
