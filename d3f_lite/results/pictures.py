"""Pictures of heads: plain renders, a fit laid over its photo, N heads on one sheet, heatmaps of the spread."""

from collections.abc import Callable

import cv2
import matplotlib
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from matplotlib.figure import Figure

from d3f_lite.common.pull_push import pull_push
from d3f_lite.errors import SettingsError
from d3f_lite.files.names import caption, readable
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
NEUTRAL = (0.80, 0.80, 0.82)  # of vertices without a value in a heatmap
HEATMAP = "cividis"
MAGENTA = (214, 51, 132)  # RGB of 255, of what marks an occluder
# Spherical harmonics: on all sides, x, y, z, and no second order. A soft key light from above the camera; and a lamp beside
# those of the photo, so that made-up shapes show (what faces the camera looks as without it).
STUDIO_LIGHT = np.outer((0.38, 0.10, 0.22, 0.50, 0, 0, 0, 0, 0), np.ones(3)).astype(np.float32)
RELIEF = np.outer((-0.14, 0.05, 0.12, 0.15, 0, 0, 0, 0, 0), np.ones(3)).astype(np.float32)
LOOKS = ("photo", "marked", "clay", "spread")  # photo colours, the same with made-up skin hatched, plain, a heatmap
INPUTS = 3  # of the tiles of ``sample_tiles``, before the heads
DISCLAIMER = "The occluded part is sampled, not observed."


def portrait_camera(vertices: Float[np.ndarray, "V 3"], size: int, yaw: float = 0.0, pitch: float = 0.0) -> Camera:
    """A Camera that shows a whole head (V, 3) mm in ``size`` px, turned by ``yaw`` and ``pitch`` radians."""
    extent = np.ptp(vertices, axis=0).max()
    scale = 0.94 * size / extent
    centre = (vertices.max(0) + vertices.min(0)) / 2
    camera = Camera.from_angles(yaw, pitch, 0.0, scale, (0.0, 0.0))
    return Camera(camera.rotation, scale, np.full(2, size / 2, np.float32) - camera.project(centre[None])[0])


def clay_colours(head: HeadModel, mouth: float = 0.45) -> Float[np.ndarray, "V 3"]:
    """The plain colours of a head: clay, and inside the mouth only ``mouth`` as bright."""
    inside = head.albedo_regions[ALBEDO_REGIONS.index("mouth")][:, None]
    return (np.array(CLAY) * (1.0 - (1.0 - mouth) * inside)).astype(np.float32)


def draw_head(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    *,
    size: int = 256,
    yaw: float = 0.0,
    pitch: float = 0.0,
    colours: Float[np.ndarray, "V 3"] | tuple[float, float, float] = CLAY,
    camera: Camera | None = None,
    background: float = 1.0,
    light: Float[np.ndarray, "9 3"] = STUDIO_LIGHT,
    normals: Float[np.ndarray, "V 3"] | None = None,
) -> UInt8[np.ndarray, "size size 3"]:
    """Draw one head, by default in studio light.

    Args:
        vertices: mm.
        size: px of the square picture.
        yaw, pitch: radians.
        colours: RGB in [0, 1], one for all vertices or one for each.
        camera: by default one that shows the whole head.
        background: grey level in [0, 1].
        light: spherical-harmonics coefficients of the normal in the camera's frame.
        normals: by default those of the triangles.

    Returns:
        RGB.
    """
    camera = camera or portrait_camera(vertices, size, yaw, pitch)
    face, share = _supersampled(vertices, triangles, camera, colours, light, (size, size), normals)
    return _in_bytes(face + (1.0 - share) * background)


def _supersampled(vertices, triangles, camera, colours, light, shape, normals=None):
    """A head drawn twice as fine and averaged, for smooth contours: (H, W, 3) over black, and its share of each pixel."""
    albedo = np.broadcast_to(np.asarray(colours, np.float32), vertices.shape)
    twice = (2 * shape[0], 2 * shape[1])
    drawn, index = render(vertices, triangles, camera.cropped((0.0, 0.0), 2.0), albedo, light, twice, normals=normals)
    covered = (index >= 0)[..., None].astype(np.float32)
    halved = lambda values: values.reshape(shape[0], 2, shape[1], 2, -1).mean((1, 3))
    return halved(drawn / np.float32(255.0) * covered), halved(covered)


def _in_bytes(picture):
    """A picture in [0, 1] as uint8."""
    return (np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


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
    tinted = 0.5 * pixels + 0.5 * np.array(MAGENTA)
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
    return cv2.drawContours(drawn, around, -1, MAGENTA, 2, cv2.LINE_AA)


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
    mesh = refinement(head)
    face, share = _supersampled(mesh(vertices), mesh.triangles, camera.cropped(corner, zoom), texture.albedo,
                                texture.light + RELIEF, shape, fine_normals(head, vertices))  # fmt: skip
    made_up = face + (1.0 - share) * pull_push(photo, (trust * (1.0 - share))[..., 0], full=0.5)
    return _in_bytes(trust * photo + (1.0 - trust) * made_up)


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


def made_up_hatched(head: HeadModel, texture: Texture, stripes: float = 9.0) -> Float[np.ndarray, "F 3"]:
    """The albedo of a Texture with dark magenta lines, ``stripes`` mm apart, across the skin that is made up."""
    mean = refinement(head)(head.mean)
    across = np.abs(((mean[:, 0] + mean[:, 1]) / np.sqrt(2.0)) % stripes / stripes - 0.5)
    lines = np.clip((across - 0.3) * 12.0, 0.0, 1.0) * (1.0 - texture.seen) * 0.6
    return (texture.albedo + lines[:, None] * (np.array((0.62, 0.30, 0.47)) - texture.albedo)).astype(np.float32)


def samples_sheet(reconstruction: Reconstruction, size: int = 260, look: str = "photo", most: int = 10) -> Figure:
    """The photo and the face behind its occluder, large, and the first heads as the camera sees them.

    Args:
        size: px of a head's picture.
        look: one of LOOKS, of the heads.
        most: heads that are shown.

    Returns:
        Figure whose label says what it shows, for those who cannot see it.
    """
    observation, fit, samples = reconstruction.observation, reconstruction.fit, reconstruction.samples
    window, occluded = face_window(observation), observation.masks.occluded
    hidden = " (outlined: what is hidden)" if occluded.any() else ""
    face = revealed(observation, reconstruction.head, fit.vertices, fit.camera, texture_of(reconstruction), 2 * size)
    large = [
        (outline_occluder(observation.photo.pixels[window], occluded[window], 2 * size), f"the photo{hidden}"),
        (face, "what may be behind it: the most likely face" if occluded.any() else "nothing is hidden"),
    ]
    heads = _head_tiles(reconstruction, size, most, look)
    # Two large pictures with up to four heads beside them, and rows of six below.
    rows = 2 + -(-max(len(heads) - 4, 0) // 6)
    figure = Figure(figsize=(13.2, 2.35 * rows + 0.4), layout="constrained")
    grid = figure.add_gridspec(rows, 6)
    small = [grid[row, column] for row in range(rows) for column in range(4 if row < 2 else 0, 6)]
    for place, (picture, words) in zip([grid[:2, :2], grid[:2, 2:4], *small], [*large, *heads]):
        axis = figure.add_subplot(place)
        axis.imshow(picture)
        axis.set_title(words, fontsize=11 if picture.shape[0] > size else 9)
        axis.set_axis_off()
    count = len(samples.vertices)
    some = f" {len(heads)} of {count} heads are shown." if len(heads) < count else ""
    _entitle(figure, f"{observation.photo.name}: {DISCLAIMER}{some}")
    colours = {"photo": "in the photo's colours", "marked": "in the photo's colours, made-up skin hatched",
               "clay": "in grey", "spread": "coloured by how far they differ"}[look]  # fmt: skip
    outlined = ", a magenta line around what hides the face," if occluded.any() else ""
    figure.set_label(
        f"The photo {readable(observation.photo.name)}{outlined} beside the same photo with {large[1][1]}; and {len(heads)} "
        f"heads {colours}, as the camera sees them: alike where the photo shows the face, different where it does not."
    )
    return figure


def sample_tiles(
    reconstruction: Reconstruction, size: int = 200, most: int | None = None, look: str = "photo"
) -> list[tuple[UInt8[np.ndarray, "H W 3"], str]]:
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
    drawn, how = caption(title, 90)
    figure.suptitle(drawn, fontsize=10, **how)


def heatmap_figure(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    values: Float[np.ndarray, "V"],
    where: Bool[np.ndarray, "V"],
    *,
    title: str = "",
    label: str = "spread of the samples (mm)",
    highest: float | None = None,
    size: int = 320,
) -> Figure:
    """A value per vertex over part of a head, seen from three sides, with its colour bar.

    Args:
        vertices: mm, the head drawn.
        values: not negative, by default spreads in mm.
        where: the part that is coloured.
        title: text above.
        label: what the values are, with their unit; stands at the colour bar.
        highest: the top of the colour bar; by default the largest value in the part.
        size: px of each view.
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
