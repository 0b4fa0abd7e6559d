"""Pictures of heads: plain renders, a fit laid over its photo, N heads on one sheet, heatmaps of the spread."""

from collections.abc import Callable

import cv2
import matplotlib
import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.figure import Figure

from d3f_lite.errors import SettingsError
from d3f_lite.files.names import caption
from d3f_lite.files.values import truncated_repr
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.fit import Fit
from d3f_lite.fitting.render import render
from d3f_lite.heads.model import ALBEDO_REGIONS, HeadModel
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.reconstruction import Reconstruction
from d3f_lite.results.refinement import refinement
from d3f_lite.results.texture import Texture, fine_normals, texture_of, trust_near

CLAY = (0.74, 0.72, 0.70)
MOUTH_SHADE = 0.45  # how bright the inside of the mouth is drawn against the rest
NEUTRAL = (0.80, 0.80, 0.82)  # of vertices without a value in a heatmap
HEATMAP = "cividis"
# A soft key light from above the camera: ambient, x, y, z, and no second order.
STUDIO_LIGHT = np.zeros((9, 3), np.float32)
STUDIO_LIGHT[:4] = np.array([0.38, 0.10, 0.22, 0.50])[:, None]
# A lamp beside those of the photo, so that made-up shapes show; what faces the camera looks as without it.
RELIEF = np.zeros((9, 3), np.float32)
RELIEF[:4] = np.array([-0.14, 0.05, 0.12, 0.15])[:, None]
LOOKS = ("photo", "marked", "clay", "spread")  # photo colours, the same with made-up skin hatched, plain, a heatmap
OUTLINE, HATCH = (214, 51, 132), (0.62, 0.30, 0.47)  # RGB of the occluder's, of 255, and of the lines over made-up skin
STRIPES = 9.0  # mm from one line to the next
SHOWN, COLUMNS, BESIDE = 10, 6, 4  # heads of a sheet at most, of a row, and beside the two large pictures
INPUTS = 3  # of the tiles of ``sample_tiles``, before the heads
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


def draw_head(vertices, triangles, *, size=256, yaw=0.0, pitch=0.0, colours=CLAY, camera=None, background=1.0,
              light=STUDIO_LIGHT, normals=None):  # fmt: skip
    """Draw one head, by default in studio light.

    Args:
        vertices: (V, 3) mm.
        triangles: (T, 3) int.
        size: px of the square picture.
        yaw, pitch: radians.
        colours: one RGB, or (V, 3), in [0, 1].
        camera: Camera; by default one that shows the whole head.
        background: grey level in [0, 1].
        light, normals: as for ``render``.

    Returns:
        (size, size, 3) uint8.
    """
    camera = camera or portrait_camera(vertices, size, yaw, pitch)
    albedo = np.broadcast_to(np.asarray(colours, np.float32), vertices.shape)
    # Twice as fine, then averaged: smooth contours.
    fine = camera.cropped((0.0, 0.0), 2.0)
    picture, _ = render(vertices, triangles, fine, albedo, light, (2 * size, 2 * size), background, normals)
    return picture.reshape(size, 2, size, 2, 3).mean((1, 3)).astype(np.uint8)


def heatmap_colours(values: Float[np.ndarray, "V"], where: Bool[np.ndarray, "V"], highest: float) -> Float[np.ndarray, "V 3"]:
    """Colours (V, 3) of ``values`` (V,) from 0 to ``highest``; neutral outside ``where`` (V,) bool."""
    mapped = matplotlib.colormaps[HEATMAP](np.clip(values / max(highest, 1e-9), 0.0, 1.0))[:, :3]
    # Shading darkens what it is laid on, so the colours start a little brighter.
    return np.where(where[:, None], np.clip(1.15 * mapped, 0.0, 1.0), NEUTRAL).astype(np.float32)


def spread_colours(reconstruction: Reconstruction) -> Float[np.ndarray, "V 3"]:
    """The colours (V, 3) of a Reconstruction's heatmap: how far its heads differ where the photo leaves them open."""
    where, spread = reconstruction.fit.free, reconstruction.spread
    return heatmap_colours(spread, where, spread[where].max(initial=0.0))


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


def outline_occluder(
    pixels: UInt8[np.ndarray, "H W 3"], occluded: Bool[np.ndarray, "H W"], size: int
) -> UInt8[np.ndarray, "h w 3"]:
    """A photo of ``size`` px on its longer side, with a line around its occluder."""
    zoom = size / max(occluded.shape)
    drawn = cv2.resize(pixels, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    shape = drawn.shape[1::-1]
    hidden = cv2.resize(occluded.astype(np.float32), shape, interpolation=cv2.INTER_LINEAR) > 0.5
    around, _ = cv2.findContours(hidden.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(drawn, around, -1, OUTLINE, 2, cv2.LINE_AA)


def face_window(observation: Observation, margin: float = 0.9) -> tuple[slice, slice]:
    """Slices that cut the head out of a photo: the box of the landmarks, widened by ``margin`` of its size."""
    low, high = observation.landmarks.xy.min(0), observation.landmarks.xy.max(0)
    half = (high - low).max() * (0.5 + margin / 2)
    centre = (low + high) / 2 - (0.0, 0.12 * half)
    height, width = observation.photo.shape
    left, top = np.maximum(centre - half, 0).astype(int)
    right, bottom = np.minimum(centre + half, (width, height)).astype(int)
    return np.s_[top:bottom, left:right]


def revealed(
    observation: Observation,
    head: HeadModel,
    vertices: Float[np.ndarray, "V 3"],
    camera: Camera,
    texture: Texture,
    size: int = 400,
) -> UInt8[np.ndarray, "H W 3"]:
    """The face's part of a photo with a head in its occluder's place; what is beside the head is blurred there.

    Args:
        vertices: mm.
        size: px of the longer side.
    """
    window = face_window(observation)
    corner = np.array((window[1].start, window[0].start), np.float32)
    pixels, occluded = observation.photo.pixels[window], observation.masks.occluded[window].astype(np.float32)
    zoom = size / max(occluded.shape)
    shape = tuple(max(1, round(zoom * side)) for side in occluded.shape)
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    photo = cv2.resize(pixels, shape[::-1], interpolation=way).astype(np.float32) / 255.0
    hidden = cv2.resize(occluded, shape[::-1], interpolation=cv2.INTER_LINEAR) > 0
    trust = trust_near(hidden, camera.scale * zoom)[..., None]
    mesh, fine = refinement(head), camera.cropped(corner, 2.0 * zoom)
    drawn, index = render(mesh(vertices), mesh.triangles, fine, texture.albedo, texture.light + RELIEF,
                          (2 * shape[0], 2 * shape[1]), normals=fine_normals(head, vertices))  # fmt: skip
    covered = (index >= 0)[..., None].astype(np.float32)
    halved = lambda values: cv2.resize(values, shape[::-1], interpolation=cv2.INTER_AREA)
    share = halved(covered)[..., None]
    face = halved(drawn / np.float32(255.0) * covered) / np.maximum(share, 1e-3)
    behind = _continued(photo, trust * (1.0 - share))
    made_up = share * face + (1.0 - share) * behind
    mixed = np.clip(trust * photo + (1.0 - trust) * made_up, 0.0, 1.0)
    return (mixed * 255.0 + 0.5).astype(np.uint8)


def _continued(picture, weight):
    """A picture (H, W, 3) whose pixels of little weight (H, W, 1) are averages of those around them."""
    height, width = weight.shape[:2]
    if min(height, width) < 4:
        return picture
    half = (width // 2, height // 2)
    shrunk = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)[..., None]
    coarse = cv2.resize(picture * weight, half, interpolation=cv2.INTER_AREA) / np.maximum(shrunk, 1e-6)
    coarse = _continued(coarse, np.minimum(2.0 * shrunk, 1.0))
    return weight * picture + (1.0 - weight) * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def head_painter(reconstruction: Reconstruction, look: str = "photo") -> Callable[..., UInt8[np.ndarray, "H W 3"]]:
    """A function that draws one of a Reconstruction's heads: ``painter(vertices (V, 3) mm, camera, size px)``.

    Args:
        look: one of LOOKS.

    Raises:
        SettingsError: there is no such look.
    """
    if look not in LOOKS:
        raise SettingsError(f"no look {truncated_repr(look)}: choose one of {', '.join(LOOKS)}")
    head = reconstruction.head
    if look in ("clay", "spread"):
        colours = clay_colours(head) if look == "clay" else spread_colours(reconstruction)
        return lambda vertices, camera, size: draw_head(vertices, head.triangles, size=size, camera=camera, colours=colours)
    mesh, texture = refinement(head), texture_of(reconstruction)
    colours = made_up_hatched(head, texture) if look == "marked" else texture.albedo
    return lambda vertices, camera, size: draw_head(
        mesh(vertices), mesh.triangles, size=size, camera=camera, colours=colours, light=texture.light + RELIEF,
        normals=fine_normals(head, vertices))  # fmt: skip


def made_up_hatched(head: HeadModel, texture: Texture) -> Float[np.ndarray, "F 3"]:
    """The albedo of a Texture with lines across the skin that is made up."""
    mean = refinement(head)(head.mean)
    across = np.abs(((mean[:, 0] + mean[:, 1]) / np.sqrt(2.0)) % STRIPES / STRIPES - 0.5)
    lines = np.clip((across - 0.3) * 12.0, 0.0, 1.0) * (1.0 - texture.seen) * 0.6
    return (texture.albedo + lines[:, None] * (np.array(HATCH) - texture.albedo)).astype(np.float32)


def samples_sheet(reconstruction: Reconstruction, size=260, look="photo"):
    """A matplotlib Figure: the photo and the face behind its occluder, large, and the first heads as the camera sees them.

    Args:
        reconstruction: Reconstruction.
        size: px of a head's picture.
        look: one of LOOKS, of the heads.
    """
    observation, fit, samples = reconstruction.observation, reconstruction.fit, reconstruction.samples
    window, occluded = face_window(observation), observation.masks.occluded
    hidden = " (outlined: what is hidden)" if occluded.any() else ""
    face = revealed(observation, reconstruction.head, fit.vertices, fit.camera, texture_of(reconstruction), 2 * size)
    large = [
        (outline_occluder(observation.photo.pixels[window], occluded[window], 2 * size), f"the photo{hidden}"),
        (face, "what may be behind it: the most likely face" if occluded.any() else "nothing is hidden"),
    ]
    heads = _head_tiles(reconstruction, size, SHOWN, look)
    rows = 2 + -(-max(len(heads) - BESIDE, 0) // COLUMNS)
    figure = Figure(figsize=(2.2 * COLUMNS, 2.35 * rows + 0.4), layout="constrained")
    grid = figure.add_gridspec(rows, COLUMNS)
    small = [grid[row, column] for row in range(rows) for column in range(4 if row < 2 else 0, COLUMNS)]
    for place, (picture, words) in zip([grid[:2, :2], grid[:2, 2:4], *small], [*large, *heads]):
        axis = figure.add_subplot(place)
        axis.imshow(picture)
        axis.set_title(words, fontsize=11 if picture.shape[0] > size else 9)
        axis.set_axis_off()
    count = len(samples.vertices)
    some = f" {len(heads)} of {count} heads are shown." if len(heads) < count else ""
    _entitle(figure, f"{observation.photo.name}: {DISCLAIMER}{some}")
    return figure


def sample_tiles(reconstruction: Reconstruction, size=200, most=None, look="photo"):
    """(picture, caption) of the photo, its occluder, the fit in its place and the first ``most`` heads, ``size`` px each."""
    observation, head, fit = reconstruction.observation, reconstruction.head, reconstruction.fit
    window = face_window(observation)
    pixels = observation.photo.pixels
    return [
        (pixels[window], "photo"),
        (mark_occluder(pixels, observation.masks.occluded)[window], "occluder"),
        (revealed(observation, head, fit.vertices, fit.camera, texture_of(reconstruction), size), "fit"),
        *_head_tiles(reconstruction, size, most, look),
    ]


def _head_tiles(reconstruction: Reconstruction, size, most, look):
    """(picture, caption) of the first ``most`` heads as the camera sees them: their names, and how likely they are."""
    fit, samples = reconstruction.fit, reconstruction.samples
    yaw, pitch, _ = fit.camera.angles
    camera, painter = portrait_camera(fit.vertices, size, yaw, pitch), head_painter(reconstruction, look)
    likely = [f"\nlikelier than {100 * share:.0f} in 100 draws" if share < 0.995 else "" for share in samples.plausibility]
    numbers = range(len(samples.vertices))[:most]
    return [(painter(samples.vertices[n], camera, size), samples.caption(n) + likely[n]) for n in numbers]


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
