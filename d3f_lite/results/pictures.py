"""Pictures of heads: plain renders, a fit laid over its photo, N heads on one sheet, heatmaps of the spread."""

import matplotlib
import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.figure import Figure

from d3f_lite.common.names import caption
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.fit import Fit
from d3f_lite.fitting.render import render
from d3f_lite.heads.model import ALBEDO_REGIONS, HeadModel
from d3f_lite.observation.occlusion import Observation
from d3f_lite.observation.photo import Photo

CLAY = (0.74, 0.72, 0.70)
MOUTH_SHADE = 0.45  # how bright the inside of the mouth is drawn against the rest
NEUTRAL = (0.80, 0.80, 0.82)  # of vertices without a value in a heatmap
HEATMAP = "cividis"
# A soft key light from above the camera: ambient, x, y, z, and no second order.
STUDIO_LIGHT = np.zeros((9, 3), np.float32)
STUDIO_LIGHT[:4] = np.array([0.38, 0.10, 0.22, 0.50])[:, None]
LINE = 90  # characters of a title
DISCLAIMER = "The occluded part is sampled, not observed."


def portrait_camera(vertices: Float[np.ndarray, "V 3"], size: int, yaw: float = 0.0, pitch: float = 0.0) -> Camera:
    """A Camera that shows a whole head (V, 3) mm in ``size`` px, turned by ``yaw`` and ``pitch`` radians."""
    extent = np.ptp(vertices, axis=0).max()
    scale = 0.94 * size / extent
    centre = (vertices.max(0) + vertices.min(0)) / 2
    camera = Camera.from_angles(yaw, pitch, 0.0, scale, (0.0, 0.0))
    return Camera(camera.rotation, scale, np.full(2, size / 2, np.float32) - camera.project(centre[None])[0])


def clay_colours(head: HeadModel) -> Float[np.ndarray, "V 3"]:
    """The plain colours (V, 3) of a head: clay, darker inside the mouth."""
    inside = head.albedo_regions[ALBEDO_REGIONS.index("mouth")][:, None]
    return (np.array(CLAY) * (1.0 - (1.0 - MOUTH_SHADE) * inside)).astype(np.float32)


def draw_head(vertices, triangles, *, size=256, yaw=0.0, pitch=0.0, colours=CLAY, camera=None, background=1.0):
    """Draw one head in studio light.

    Args:
        vertices: (V, 3) mm.
        triangles: (T, 3) int.
        size: px of the square picture.
        yaw, pitch: radians.
        colours: one RGB, or (V, 3), in [0, 1].
        camera: Camera; by default one that shows the whole head.
        background: grey level in [0, 1].

    Returns:
        (size, size, 3) uint8.
    """
    camera = camera or portrait_camera(vertices, size, yaw, pitch)
    albedo = np.broadcast_to(np.asarray(colours, np.float32), vertices.shape)
    # Twice as fine, then averaged: smooth contours.
    fine = camera.cropped((0.0, 0.0), 2.0)
    picture, _ = render(vertices, triangles, fine, albedo, STUDIO_LIGHT, (2 * size, 2 * size), background)
    return picture.reshape(size, 2, size, 2, 3).mean((1, 3)).astype(np.uint8)


def heatmap_colours(values: Float[np.ndarray, "V"], where: Bool[np.ndarray, "V"], highest: float) -> Float[np.ndarray, "V 3"]:
    """Colours (V, 3) of ``values`` (V,) from 0 to ``highest``; neutral outside ``where`` (V,) bool."""
    mapped = matplotlib.colormaps[HEATMAP](np.clip(values / max(highest, 1e-9), 0.0, 1.0))[:, :3]
    # Shading darkens what it is laid on, so the colours start a little brighter.
    return np.where(where[:, None], np.clip(1.15 * mapped, 0.0, 1.0), NEUTRAL).astype(np.float32)


def overlay(photo: Photo, head: HeadModel, fit: Fit, opacity: float = 1.0) -> UInt8[np.ndarray, "H W 3"]:
    """The fitted head, in its own colours, laid over the photo: (H, W, 3) uint8."""
    if fit.appearance is None:
        albedo, light = np.broadcast_to(np.array(CLAY, np.float32), head.mean.shape), STUDIO_LIGHT
    else:
        albedo, light = head.albedo_regions.T @ fit.appearance.albedo, fit.appearance.light
    drawn, index = render(fit.vertices, head.triangles, fit.camera, albedo, light, photo.shape)
    mixed = opacity * drawn + (1.0 - opacity) * photo.pixels
    return np.where((index >= 0)[..., None], mixed, photo.pixels).astype(np.uint8)


def mark_occluder(pixels: UInt8[np.ndarray, "H W 3"], occluded: Bool[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """The photo with its occluder tinted magenta: (H, W, 3) uint8."""
    tinted = 0.5 * pixels + 0.5 * np.array((214, 51, 132))
    return np.where(occluded[..., None], tinted, pixels).astype(np.uint8)


def face_window(observation: Observation, margin: float = 0.9) -> tuple[slice, slice]:
    """Slices that cut the head out of a photo: the box of the landmarks, widened by ``margin`` of its size."""
    low, high = observation.landmarks.xy.min(0), observation.landmarks.xy.max(0)
    half = (high - low).max() * (0.5 + margin / 2)
    centre = (low + high) / 2 - (0.0, 0.12 * half)
    height, width = observation.photo.shape
    left, top = np.maximum(centre - half, 0).astype(int)
    right, bottom = np.minimum(centre + half, (width, height)).astype(int)
    return np.s_[top:bottom, left:right]


def samples_sheet(reconstruction, columns=5, size=200):
    """A matplotlib Figure: photo, occluder, fit and the N heads as the camera sees them."""
    return _sheet(sample_tiles(reconstruction, size), columns, f"{reconstruction.observation.photo.name}: {DISCLAIMER}")


def sample_tiles(reconstruction, size=200, most=None):
    """(picture, caption) of the photo, its occluder, the fit and the first ``most`` of the heads, ``size`` px each."""
    observation, head, fit = reconstruction.observation, reconstruction.head, reconstruction.fit
    window = face_window(observation)
    pixels = observation.photo.pixels
    yaw, pitch, _ = fit.camera.angles
    camera = portrait_camera(fit.vertices, size, yaw, pitch)
    plain = {"size": size, "camera": camera, "colours": clay_colours(head)}
    tiles = [
        (pixels[window], "photo"),
        (mark_occluder(pixels, observation.masks.occluded)[window], "occluder"),
        (overlay(observation.photo, head, fit)[window], "fit"),
        (draw_head(fit.vertices, head.triangles, **plain), "fitted head"),
    ]
    for number, vertices in enumerate(reconstruction.samples.vertices[:most]):
        tiles.append((draw_head(vertices, head.triangles, **plain), reconstruction.samples.caption(number)))
    return tiles


def _sheet(tiles, columns, title):
    """A Figure of (picture, caption) tiles."""
    rows = -(-len(tiles) // columns)
    figure = Figure(figsize=(1.7 * columns, 1.85 * rows + 0.4), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (picture, words) in zip(axes, tiles):
        axis.imshow(picture)
        axis.set_title(words, fontsize=8)
    _entitle(figure, title)
    return figure


def _entitle(figure, title):
    """Write a title that has a photo's name in it above a Figure, wrapped where it is long."""
    drawn, how = caption(title, LINE)
    figure.suptitle(drawn, fontsize=10, **how)


def heatmap_figure(vertices, triangles, values, where, *, title="", label="spread of the samples (mm)", highest=None,
                   size=320):  # fmt: skip
    """A matplotlib Figure: a value per vertex over part of a head, seen from three sides, with its colour bar.

    Args:
        vertices: (V, 3) mm, the head drawn.
        triangles: (T, 3) int.
        values: (V,), not negative, by default spreads in mm.
        where: (V,) bool, the part that is coloured (the occluded vertices).
        title: text above.
        label: what the values are, with their unit; stands at the colour bar.
        highest: the top of the colour bar; by default the largest value in the part.
        size: px of each view.

    Returns:
        Figure.
    """
    highest = float(highest if highest is not None else values[where].max() if where.any() else 1.0)
    colours = heatmap_colours(values, where, highest)
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    for axis, yaw in zip(axes, (-0.7, 0.0, 0.7)):
        axis.imshow(draw_head(vertices, triangles, size=size, yaw=yaw, colours=colours))
        axis.set_axis_off()
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0.0, highest), HEATMAP)
    figure.colorbar(scale, ax=axes, label=label, shrink=0.85)
    _entitle(figure, title)
    return figure
