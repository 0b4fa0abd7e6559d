"""Renders of heads that stand for photos: plain colours, random light, random views. The true head is known."""

import numpy as np
from jaxtyping import Float

from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.rendering import render
from d3f_lite.heads.model import ALBEDO_REGIONS, HeadModel
from d3f_lite.observation.photo import Photo

SKIN_TONES = ((0.92, 0.76, 0.68), (0.78, 0.59, 0.49), (0.55, 0.38, 0.29), (0.36, 0.24, 0.18))


def paint(regions: Float[np.ndarray, "A V"], tone=SKIN_TONES[1]) -> Float[np.ndarray, "V 3"]:
    """A plain face: (V, 3) RGB albedo of the soft ``regions`` (A, V), skin in ``tone``."""
    parts = {"lips": (0.72, 0.45, 0.42), "brows": (0.25, 0.18, 0.14), "eyeballs": (0.88, 0.86, 0.84)}
    parts |= {"irises": (0.18, 0.12, 0.09), "mouth": (0.45, 0.22, 0.22)}
    colours = np.array([parts.get(name, tone) for name in ALBEDO_REGIONS])
    darkness = np.array([np.mean(tone) / np.mean(SKIN_TONES[1]) if name == "lips" else 1.0 for name in ALBEDO_REGIONS])
    return (regions.T @ (colours * darkness[:, None])).astype(np.float32)


def draw_light(generator: np.random.Generator) -> Float[np.ndarray, "9 3"]:
    """Random light from the front half: (9, 3) spherical-harmonics coefficients, per colour channel."""
    direction = generator.normal((0.0, 0.35, 0.8), (0.5, 0.35, 0.2))
    direction /= np.linalg.norm(direction)
    ambient, strength = generator.uniform(0.45, 0.75), generator.uniform(0.25, 0.55)
    light = np.zeros((9, 3), np.float32)
    light[0] = ambient
    light[1:4] = strength * direction[:, None]
    light[4:] = 0.04 * generator.standard_normal((5, 1))
    return light * generator.normal(1.0, 0.05, 3)


def draw_view(
    head: HeadModel,
    vertices: Float[np.ndarray, "V 3"],
    generator: np.random.Generator,
    *,
    albedo_regions: Float[np.ndarray, "A V"] | None = None,
    largest_yaw: float = 0.75,
    nearness: float = 0.0,
    size: tuple[int, int] = (300, 280),
) -> tuple[Photo, Camera]:
    """Render a head from a random view, in random light, skin tone and background.

    Args:
        vertices: mm.
        generator: numpy Generator.
        albedo_regions: soft areas of one colour each; the head's own by default.
        largest_yaw: radians.
        nearness: of the camera, per mm.
        size: height and width, px.

    Returns:
        Photo, and the Camera that saw the head.
    """
    yaw, pitch = generator.uniform(-largest_yaw, largest_yaw), generator.normal(0.0, 0.15)
    scale = generator.uniform(0.85, 1.1)
    camera = Camera.from_angles(yaw, pitch, generator.normal(0.0, 0.1), scale, (size[1] / 2, size[0] / 2), nearness)
    tone = SKIN_TONES[generator.integers(len(SKIN_TONES))]
    colours = paint(albedo_regions if albedo_regions is not None else head.albedo_regions, tone)
    background = generator.uniform(0.1, 0.9, 3)
    pixels, _ = render(vertices, head.triangles, camera, colours, draw_light(generator), size, background)
    return Photo.from_array(pixels, "render"), camera
