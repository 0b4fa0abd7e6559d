"""Pictures of any head: plain renders, a fit laid over its photo, heatmaps."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from PIL import Image, ImageDraw
from scipy.sparse import csr_array

from d3f_lite.files.lettering import write
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.fit import Fit
from d3f_lite.fitting.rendering import render, render_vertices
from d3f_lite.heads.model import ALBEDO_REGIONS, PARTS, HeadModel
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.results.grid import Tile, tile_sheet
from d3f_lite.results.refinement import sides

CLAY = (0.74, 0.72, 0.70)
NEUTRAL = (0.88, 0.87, 0.86)  # in a heatmap, of what the photo shows
NEVER_SEEN = (0.52, 0.52, 0.54)  # and of what no photo from there shows
MAGENTA = (214, 51, 132)  # RGB of 255, of what marks an occluder
# Spherical harmonics (on all sides, x, y, z, and no second order) of a soft key light from above the camera.
STUDIO_LIGHT = np.outer((0.38, 0.10, 0.22, 0.50, 0, 0, 0, 0, 0), np.ones(3)).astype(np.float32)


def portrait_camera(vertices: Float[np.ndarray, "V 3"], size: int, yaw: float = 0.0, pitch: float = 0.0) -> Camera:
    """A Camera that shows a whole head (mm) in ``size`` px, turned by ``yaw`` and ``pitch`` radians."""
    scale = 0.94 * size / np.ptp(vertices, axis=0).max()
    centre = (vertices.max(0) + vertices.min(0)) / 2
    camera = Camera.from_angles(yaw, pitch, 0.0, scale, (0.0, 0.0))
    return Camera(camera.rotation, scale, np.full(2, size / 2, np.float32) - camera.project(centre[None])[0])


def clay_colours(head: HeadModel, mouth: float = 0.45) -> Float[np.ndarray, "V 3"]:
    """The plain colours of a head: clay, and inside the mouth only ``mouth`` as bright."""
    inside = head.albedo_regions[ALBEDO_REGIONS.index("mouth")][:, None]
    return (np.array(CLAY) * (1.0 - (1.0 - mouth) * inside)).astype(np.float32)


def cividis(values: Float[np.ndarray, "V"]) -> UInt8[np.ndarray, "V 3"]:
    """The colours of values in [0, 1] on matplotlib's scale of that name, from blue to yellow."""
    levels = (np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return cv2.applyColorMap(levels[:, None], cv2.COLORMAP_CIVIDIS)[:, 0, ::-1]


def heatmap_colours(
    values: Float[np.ndarray, "V"], where: Shaped[np.ndarray, "V"], highest: float, never: Shaped[np.ndarray, "V"] | float = 0.0
) -> Float[np.ndarray, "V 3"]:
    """Colours of ``values`` from 0 to ``highest``.

    Args:
        where: how much of a vertex is coloured, 0 to 1, or bool; the rest is neutral.
        never: how much of that is grey, as no photo from there shows it.
    """
    mapped = cividis(values / max(highest, 1e-9)) / np.float32(255.0)
    plain = NEUTRAL + np.reshape(never, (-1, 1)) * np.subtract(NEVER_SEEN, NEUTRAL)
    # Shading darkens what it is laid on, so the colours start a little brighter.
    return (plain + where[:, None] * (np.clip(1.15 * mapped, 0.0, 1.0) - plain)).astype(np.float32)


def heatmap_shares(fit: Fit, head: HeadModel, rounds: int = 5) -> tuple[Float[np.ndarray, "V"], Float[np.ndarray, "V"]]:
    """What a heatmap colours of a head, and what it leaves grey as no photo from there shows it: 0 to 1, soft at the borders.

    Coloured is what the occluder hides; if there is none, what the face turns away. Specks are too small to be coloured.
    """
    never = fit.unseen & ~(fit.free & head.face)
    pairs = sides(head.triangles)[0]
    rows, columns = np.concatenate((pairs, pairs[:, ::-1], np.repeat(np.arange(len(never))[:, None], 2, 1))).T
    around = csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(never),) * 2)
    # Behind lids and lips no border runs.
    outside = (head.parts == PARTS.index("skin")) & (head.albedo_regions[ALBEDO_REGIONS.index("mouth")] < 0.5)
    known = np.stack((fit.free & ~never, never, np.ones(len(never)))) * outside
    for _ in range(rounds):
        known = known @ around / around.sum(0)
    soft = np.clip((known[:2] / np.maximum(known[2], 1e-6) - 0.4) / 0.5, 0.0, 1.0)
    return tuple((soft * soft * (3.0 - 2.0 * soft)).astype(np.float32))


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
    face, share = draw_averaged(vertices, triangles, camera, colours, light, (size, size), normals)
    return in_bytes(face + (1.0 - share) * background)


def draw_averaged(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    camera: Camera,
    colours: Float[np.ndarray, "V 3"] | tuple[float, float, float],
    light: Float[np.ndarray, "9 3"],
    shape: tuple[int, int],
    normals: Float[np.ndarray, "V 3"] | None = None,
) -> tuple[Float[np.ndarray, "H W 3"], Float[np.ndarray, "H W 1"]]:
    """A head drawn twice as fine and averaged, for smooth contours: over black, and its share of each pixel.

    Args as of ``draw_head``; shape: (H, W) px.
    """
    albedo = np.broadcast_to(np.asarray(colours, np.float32), vertices.shape)
    twice = (2 * shape[0], 2 * shape[1])
    drawn, covered = render_vertices(vertices, triangles, camera.cropped((0.0, 0.0), 2.0), albedo, light, twice, normals)
    halved = lambda values: cv2.resize(values, shape[::-1], interpolation=cv2.INTER_AREA).reshape(*shape, -1)
    return halved(drawn), halved(covered.astype(np.float32))


def in_bytes(picture: Float[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """A picture in [0, 1] as bytes."""
    return (np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def overlay(photo: Photo, head: HeadModel, fit: Fit, opacity: float = 1.0) -> UInt8[np.ndarray, "H W 3"]:
    """The fitted head, in its own colours, laid over the photo."""
    if fit.appearance is None:
        albedo, light = np.broadcast_to(np.array(CLAY, np.float32), head.mean.shape), STUDIO_LIGHT
    else:
        albedo, light = head.albedo_regions.T @ fit.appearance.albedo, fit.appearance.light
    drawn, index = render(fit.vertices, head.triangles, fit.camera, albedo, light, photo.shape)
    mixed = opacity * drawn + (1.0 - opacity) * photo.pixels
    return np.where((index >= 0)[..., None], mixed, photo.pixels).astype(np.uint8)


def mark_occluder(pixels: UInt8[np.ndarray, "H W 3"], occluded: Bool[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """The photo with its occluder tinted magenta."""
    tinted = 0.5 * pixels + 0.5 * np.array(MAGENTA)
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


def heatmap_figure(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    values: Float[np.ndarray, "V"],
    where: Shaped[np.ndarray, "V"],
    *,
    never: Shaped[np.ndarray, "V"] | float = 0.0,
    title: str = "",
    label: str = "spread of the samples (mm)",
    highest: float | None = None,
    size: int = 320,
) -> Image.Image:
    """A value per vertex over part of a head, seen from three sides, with its colour bar.

    Args:
        vertices: mm, the head drawn.
        values: not negative, by default spreads in mm.
        where: the part that is coloured, bool, or how much of each vertex is, 0 to 1.
        never: as in ``heatmap_colours``.
        title: text above.
        label: what the values are, with their unit; stands at the colour bar.
        highest: the top of the colour bar; by default the largest value in the part.
        size: px of each view.
    """
    if highest is None:
        highest = values[where > 0].max(initial=0.0) or 1.0
    colours = heatmap_colours(values, where, float(highest), never)
    views = [draw_head(vertices, triangles, size=size, yaw=yaw, colours=colours) for yaw in (-0.7, 0.0, 0.7)]
    tiles = [Tile(view, "", 0, column) for column, view in enumerate(views)]
    return _with_colour_bar(tile_sheet(tiles, title, (size, size)), float(highest), label)


def _with_colour_bar(sheet, highest, label, letters=13, most=6):
    """A sheet with a colour bar from 0 to ``highest`` below it, with at most ``most`` round numbers after 0, and its label."""
    long, high = sheet.width // 2, 14
    left, top = long // 2, sheet.height
    whole = Image.new("RGB", (sheet.width, top + high + 4 * letters), "white")
    whole.paste(sheet)
    bar = np.broadcast_to(cividis(np.linspace(0.0, 1.0, long)), (high, long, 3))
    whole.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, top))
    draw = ImageDraw.Draw(whole)
    draw.rectangle((left - 1, top - 1, left + long, top + high), outline="black")
    scale = max(highest, 1e-9)
    step = min(one for power in range(-9, 10) for one in (10.0**power, 2 * 10.0**power, 5 * 10.0**power) if most * one >= scale)
    for tick in np.arange(0.0, scale * (1 + 1e-6), step):
        x = left + round(tick / scale * (long - 1))
        draw.line((x, top + high, x, top + high + 4), "black")
        write(whole, (x, top + high + 6), [f"{tick:.6g}"], letters)
    write(whole, (whole.width / 2, top + high + 6 + 1.4 * letters), [label], letters)
    return whole
