"""Procedural occluders, each drawn from a seed on the face's own sheet."""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Bool
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

from d3f_lite.errors import SettingsError
from d3f_lite.files.values import checked_count
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.photo import Photo
from d3f_lite.occluders.canvas import Canvas


def draw_occluder(
    photo: Photo, landmarks: Landmarks, kind: str, *, seed: int = 0, color=None
) -> tuple[Photo, Bool[np.ndarray, "H W"]]:
    """Draw an occluder on a face.

    Args:
        kind: one of OCCLUDER_KINDS.
        seed: of its shape and colour.
        color: its RGB, 0 to 255, instead.

    Returns:
        The new photo, and the mask of every pixel that the occluder touches.

    Raises:
        SettingsError: there is no such kind, or the seed is not a whole number from 0.
        LandmarkError: the face lies outside the photo.

    >>> from d3f_lite import detect_landmarks, sample_photo
    >>> photo = sample_photo("astronaut")
    >>> drawn, mask = draw_occluder(photo, detect_landmarks(photo), "surgical_mask", seed=1)
    >>> bool((drawn.pixels[~mask] == photo.pixels[~mask]).all())
    True
    """
    if kind not in DRAW:
        raise SettingsError(f"no occluder {kind!r}; choose one of: {', '.join(OCCLUDER_KINDS)}")
    checked_count(seed, "seed", 0, 2**64)
    canvas = Canvas.around(photo, landmarks, np.random.default_rng(seed))
    DRAW[kind](canvas, None if color is None else np.asarray(color, np.float64))
    return canvas.finished(photo)


def _smooth(points, count: int = 60, closed: bool = False):
    """A smooth curve (count, 2) through points (P, 2), closed or not."""
    points = np.concatenate([points, points[:1]]) if closed else np.asarray(points, np.float64)
    length = np.concatenate([[0], np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum()])
    curve = CubicSpline(length, points, bc_type="periodic" if closed else "not-a-knot")
    return curve(np.linspace(0, length[-1], count, endpoint=not closed))


def _pick(canvas: Canvas, color, palette):
    """The colour asked for, or one of a palette; drawn in any case, so that a colour does not change the shape."""
    drawn = palette[canvas.random.integers(len(palette))]
    return np.asarray(drawn, np.float64) if color is None else color


def _noise(canvas: Canvas, scale: float):
    """Smooth noise (h, w) of unit variance with features of ``scale`` frame units."""
    noise = gaussian_filter(canvas.random.normal(size=canvas.cover.shape), scale * canvas.unit)
    return noise / max(noise.std(), 1e-12)


def _surgical_mask(canvas: Canvas, color):
    albedo = _pick(canvas, color, [(236, 190, 205), (240, 242, 244), (168, 206, 192), (52, 54, 60), (160, 205, 228)])
    top = canvas.random.uniform(0.17, 0.26)
    half = np.array([
        (0, top), (0.14, top + 0.04), (0.34, top + 0.12), (0.60, top + 0.16), (0.79, top + 0.2), (0.81, 0.62),
        (0.70, 0.93), (0.50, 1.18), (0.27, 1.31), (0, 1.34),
    ])  # fmt: skip
    outline = _smooth(np.concatenate([half, (half * (-1, 1))[-2:0:-1]]), 160, closed=True)
    for side in (-1, 1):
        for start, bow in (((0.78, top + 0.22), -0.06), ((0.69, 0.93), 0.05)):
            path = _smooth([start, (0.87, (start[1] + 0.25) / 2 + bow), (0.97, 0.18 + bow)]) * (side, 1)
            loop = canvas.stroke(path, 0.028)
            canvas.cast_shadow(loop)
            canvas.lay(loop, canvas.lit(np.maximum(albedo, 215)))
    sheet = canvas.polygon(outline)
    u, v = canvas.uv[..., 0], canvas.uv[..., 1]
    sag = v + 0.10 * u**2
    height = 0.10 * np.exp(-((u / 0.22) ** 2)) * np.exp(-(((v - 0.45) / 0.3) ** 2))  # the nose lifts the sheet
    for fold in (0.60, 0.78, 0.96):
        height = height + 0.03 / (1 + np.exp(-(sag - fold) / 0.01)) - 0.03 * np.clip((sag - fold) / 0.18 + 0.5, 0, 1)
    height = height + 0.010 * _noise(canvas, 0.10) * np.exp(-(((np.abs(u) - 0.62) / 0.2) ** 2))
    canvas.cast_shadow(sheet)
    canvas.lay(sheet, canvas.lit(albedo, height))
    hem = canvas.stroke(outline * (0.955, 0.93) + (0, 0.05), 0.008)
    canvas.lay(0.18 * hem * sheet, np.zeros(3))


def _sunglasses(canvas: Canvas, color):
    frame = _pick(canvas, color, [(26, 24, 26), (84, 52, 30), (120, 24, 30), (40, 44, 70)])
    round_ = canvas.random.uniform(0, 1)
    half_width, half_height = 0.295, 0.215 + 0.05 * round_
    power = 3.2 - 1.2 * round_  # of the superellipse
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    bend = [np.sign(wave) * np.abs(wave) ** (2 / power) for wave in (np.cos(angle), np.sin(angle))]
    lens = np.stack([half_width * bend[0], half_height * bend[1]], axis=1)
    lens[:, 1] -= 0.10 * (1 - round_) * lens[:, 0]  # the outer corners rise
    lens[:, 0] *= 1 - 0.35 * lens[:, 1] * (1 - round_)
    temples = [canvas.stroke([(s * 0.60, -0.05), (s * 0.75, -0.04), (s * 0.88, -0.02)], 0.05) for s in (-1, 1)]
    bridge = canvas.stroke(_smooth([(-0.09, 0.01), (0, -0.035), (0.09, 0.01)]), 0.045)
    rims, glasses = [], []
    for side in (-1, 1):
        centre = (side * 0.365, 0.055)
        glasses.append(canvas.polygon(lens * (side, 1) + centre))
        rims.append(canvas.polygon(lens * (side * 1.12, 1.14) + centre))
    body = np.max([bridge, *temples, *rims], axis=0)
    canvas.cast_shadow(body, 0.035)
    canvas.lay(body, canvas.lit(frame, 0.4 * gaussian_filter(body, 0.02 * canvas.unit) * 0.05))
    glass = np.max(glasses, axis=0)
    u, v = canvas.uv[..., 0], canvas.uv[..., 1]
    tint = np.array([30, 30, 34]) + np.clip((v + 0.15) / 0.4, 0, 1)[..., None] * np.array([38, 34, 30])
    canvas.lay(glass, canvas.exposure * tint)
    glint = np.exp(-(((np.abs(u) - 0.28 + 0.5 * v) / 0.05) ** 2)) + 0.6 * np.exp(-(((u + 0.5 * v + 0.43) / 0.02) ** 2))
    canvas.lay(0.16 * glass * glint, canvas.exposure * np.array([225, 235, 245]))


def _scarf(canvas: Canvas, color):
    albedo = _pick(canvas, color, [(150, 38, 44), (46, 74, 120), (196, 178, 148), (70, 92, 66), (92, 84, 96)])
    top = canvas.random.uniform(0.30, 0.42)
    right, left = canvas.random.uniform(-0.05, 0.08, 2)
    hanging = canvas.random.choice([-1, 1])
    tail = np.array([(0.10, 1.5), (0.62, 1.45), (0.72, 2.5), (0.30, 2.55)]) * (hanging, 1)
    wrap = _smooth(np.array([
        (0, top), (0.3, top + 0.05), (0.58, top + 0.03 + right), (0.86, top - 0.03 + right), (0.95, top + 0.25),
        (0.90, 0.95), (0.93, 1.35), (0.98, 1.65), (0.72, 1.88), (0, 2.02), (-0.72, 1.88), (-0.98, 1.65),
        (-0.93, 1.35), (-0.90, 0.95), (-0.95, top + 0.25), (-0.86, top - 0.03 + left),
        (-0.58, top + 0.03 + left), (-0.3, top + 0.05),
    ]), 160, closed=True)  # fmt: skip
    u, v = canvas.uv[..., 0], canvas.uv[..., 1]
    wander = 0.05 * _noise(canvas, 0.22) + 0.10 * u * canvas.random.uniform(-1, 1)
    sagging = v + wander - 0.42 * np.cos(1.5 * u.clip(-1, 1))  # folds hang from the ears
    _lay_cloth(canvas, canvas.polygon(tail), albedo, hanging * u + 0.12 * v + wander, v)
    _lay_cloth(canvas, canvas.polygon(wrap), albedo, sagging, u)


def _lay_cloth(canvas, coverage, albedo, across, along):
    """Knitted cloth over a contact shadow; folds run where ``across`` (h, w, in frame units) is constant."""
    canvas.cast_shadow(coverage, 0.04)
    folds = np.abs(np.sin(np.pi * across / 0.34)) ** 0.7
    creases = np.sin(2 * np.pi * (across / 0.15 + 0.1 * np.sin(5 * along)))
    height = gaussian_filter(0.11 * folds + 0.007 * creases, 0.018 * canvas.unit)
    hollow = 0.62 + 0.38 * gaussian_filter(folds, 0.02 * canvas.unit).clip(0, 1)  # less light falls between the folds
    knit = 1 + 0.06 * np.sin(2 * np.pi * along / 0.035) * np.sin(2 * np.pi * across / 0.03)
    bulge = cv2.distanceTransform((coverage > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / (0.10 * canvas.unit)
    rounded = 0.05 * np.sqrt(1 - (1 - bulge.clip(0, 1)) ** 2)
    canvas.lay(coverage, canvas.lit(albedo, height + rounded) * (hollow * knit)[..., None])


def _hand(canvas: Canvas, color):
    similar = canvas.skin / canvas.exposure * canvas.random.uniform(0.9, 1.06)
    tone = similar if color is None else color
    side = canvas.random.choice([-1, 1])
    turn = side * np.radians(canvas.random.uniform(10, 35))  # the fingers point up and across the face
    base = np.array([side * 0.42, 1.25]) + canvas.random.uniform(-0.08, 0.08, 2)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])

    def placed(points):
        return np.asarray(points, np.float64) * (side, 1) @ rotation.T + base

    palm = placed(_smooth(np.array([
        (-0.30, -0.30), (0, -0.36), (0.28, -0.28), (0.33, 0.1), (0.25, 0.5), (0.28, 1.2), (0.30, 2.6),
        (-0.26, 2.6), (-0.23, 1.2), (-0.21, 0.5), (-0.34, 0.1),
    ]), 160, closed=True))  # fmt: skip
    _lay_flesh(canvas, canvas.polygon(palm), tone, 0.16)
    fingers = [(0.23, -0.22, 0.12, 0.50, 0.060), (0.08, -0.30, 0.05, 0.62, 0.066), (-0.08, -0.30, -0.03, 0.66, 0.068),
               (-0.23, -0.22, -0.12, 0.56, 0.066)]  # fmt: skip
    for x, y, spread, length, radius in fingers:
        _lay_finger(canvas, placed, (x, y + 0.12), (x + spread, y - length), radius, tone)
    _lay_finger(canvas, placed, (-0.26, 0.15), (-0.52, -0.28), 0.078, tone)


def _lay_finger(canvas, placed, root, tip, radius: float, tone):
    """A tapered, rounded finger with its nail, from root to tip."""
    root, tip = np.array(root), np.array(tip)
    along = (tip - root) / np.linalg.norm(tip - root)
    across = np.array([-along[1], along[0]])
    t = np.linspace(0, 1, 40)[:, None]
    half = radius * (1.06 - 0.22 * t + 0.06 * np.exp(-(((t - 0.5) / 0.09) ** 2)))
    arc = np.linspace(0, np.pi, 24)[:, None]
    cap = tip + half[-1] * (across * np.cos(arc) + along * np.sin(arc))
    middle = root + t * (tip - root)
    outline = placed(np.concatenate([middle + across * half, cap, (middle - across * half)[::-1]]))
    _lay_flesh(canvas, canvas.polygon(outline), tone, radius)
    ring = np.linspace(0, 2 * np.pi, 40)[:, None]
    nail = tip + along * radius * 0.25 + radius * (0.52 * across * np.cos(ring) + 0.62 * along * np.sin(ring))
    canvas.lay(0.5 * canvas.polygon(placed(nail)), canvas.lit(tone * 0.35 + np.array([160, 140, 138])))


def _lay_flesh(canvas, coverage, tone, radius: float):
    """A rounded piece of skin over a contact shadow, redder and darker towards its edge."""
    canvas.cast_shadow(coverage)
    depth = cv2.distanceTransform((coverage > 0.5).astype(np.uint8), cv2.DIST_L2, 5) / (canvas.unit * radius)
    bulge = gaussian_filter(radius * np.sqrt(1 - (1 - depth.clip(0, 1)) ** 2), 0.012 * canvas.unit)
    edge = np.exp(-3 * depth)[..., None]
    mottled = 1 + 0.02 * _noise(canvas, 0.05)[..., None]
    canvas.lay(coverage, canvas.lit(tone, 0.6 * bulge) * mottled * (1 - edge * np.array([0.18, 0.30, 0.32])))


def _sticker(canvas: Canvas, color):
    albedo = _pick(canvas, color, [(250, 208, 60), (240, 120, 150), (110, 190, 240), (140, 205, 110)])
    spots = [(-0.42, 0.42), (0.42, 0.42), (0.0, 0.75), (0.35, 0.0), (-0.35, 0.0), (0.0, 0.4)]
    centre = np.array(spots[canvas.random.integers(len(spots))]) + canvas.random.normal(0, 0.04, 2)
    radius, turn = canvas.random.uniform(0.22, 0.30), canvas.random.uniform(-0.4, 0.4)
    ring = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])

    def placed(points):
        return radius * np.asarray(points) @ rotation.T + centre

    def ellipse(x, y, width, height):
        return canvas.polygon(placed(np.stack([x + width * np.cos(ring), y + height * np.sin(ring)], axis=1)))

    disc = ellipse(0, 0, 1, 1)
    canvas.cast_shadow(disc, 0.015)
    canvas.lay(disc, canvas.lit((246, 246, 244)))
    canvas.lay(ellipse(0, 0, 0.88, 0.88), canvas.lit(albedo))
    smile = np.linspace(0.15 * np.pi, 0.85 * np.pi, 40)
    mouth = canvas.stroke(placed(0.55 * np.stack([np.cos(smile), np.sin(smile)], axis=1)), radius * 0.12)
    features = np.max([ellipse(-0.3, -0.25, 0.1, 0.16), ellipse(0.3, -0.25, 0.1, 0.16), mouth], axis=0)
    canvas.lay(features, canvas.lit((50, 38, 30)))


def _half_face(canvas: Canvas, color):
    albedo = _pick(canvas, color, [(206, 182, 142), (232, 232, 228), (96, 110, 130), (70, 62, 58)])
    side, lean = canvas.random.choice([-1, 1]), canvas.random.uniform(-0.04, 0.04)
    card = canvas.polygon(np.array([(lean, -1.25), (1.35, -1.25), (1.35, 1.75), (-lean, 1.75)]) * (side, 1))
    fibres = 1 + 0.02 * _noise(canvas, 0.012) + 0.03 * _noise(canvas, 0.5)
    canvas.cast_shadow(card, 0.05)
    canvas.lay(card, albedo * canvas.exposure * fibres[..., None])


def _random_blob(canvas: Canvas, color):
    albedo = _pick(canvas, color, canvas.random.uniform(30, 230, (1, 3)))
    angle = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    waves = np.arange(1, 6)[:, None]
    strength = canvas.random.normal(0, 0.22, (2, 5, 1)) / waves
    bumps = strength * [np.cos(waves * angle), np.sin(waves * angle)]
    radius = canvas.random.uniform(0.3, 0.5) * np.exp(bumps.sum(axis=(0, 1)))
    centre = canvas.random.uniform((-0.45, -0.1), (0.45, 1.0))
    blob = canvas.polygon(centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    canvas.cast_shadow(blob)
    canvas.lay(blob, canvas.lit(albedo, 0.03 * _noise(canvas, 0.12)))


# A new occluder comes last, and whatever is drawn at random is seeded by an occluder's name, so that it moves nobody's cases.
DRAW: dict[str, Callable[[Canvas, np.ndarray | None], None]] = {
    "surgical_mask": _surgical_mask,
    "sunglasses": _sunglasses,
    "scarf": _scarf,
    "hand": _hand,
    "sticker": _sticker,
    "half_face": _half_face,
    "random_blob": _random_blob,
}
OCCLUDER_KINDS = tuple(DRAW)
