"""Training samples of the occlusion network: flattened faces, varied, with objects drawn over them and the exact label.

It shares no code with ``d3f_lite/occluders``, whose occluders the network is measured on. Coordinates are parts of the square's
side, x right, y down.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from d3f_lite.perception.occlusion_net import SHEET, SIDE
from research.bake.occlusion_faces import HAIR, SKIN, TrainingFaces, draw_colour, smooth_noise

CLEAN = 0.17  # share of the samples that nothing hides
SECOND = 0.15  # share of the others that a second thing hides
LABELLED_COVER = 0.25  # of a texel: from here on it counts as occluded
ROWS, COLUMNS = np.mgrid[:SHEET, :SHEET].astype(np.float32) / SHEET


def draw_sample(
    faces: TrainingFaces, generator: np.random.Generator
) -> tuple[UInt8[np.ndarray, "S S 3"], Bool[np.ndarray, "S S"]]:
    """One sample: texture (SIDE, SIDE, 3) uint8 and label (SIDE, SIDE) bool, True where something hides the face.

    Args:
        generator: numpy Generator.
    """
    face = _frame(_shade(_bend(faces.draw(generator), generator), generator), generator)
    face = _clear_glasses(face, faces.anatomy.points, generator) if generator.uniform() < 0.15 else face
    label = np.zeros((SHEET, SHEET), np.float32)
    if generator.uniform() >= CLEAN:
        tone = np.median(face[faces.anatomy.face > 0], axis=0)
        for _ in range(1 + (generator.uniform() < SECOND)):
            kind = generator.choice(len(SHARES), p=tuple(SHARES.values()))
            cover, colour = tuple(SHARES)[kind](faces.anatomy.points, tone, generator)
            face, label = _lay(face, label, cover, colour, generator)
    texture = _photograph(face * (faces.anatomy.face > 0)[..., None], generator)
    label = cv2.resize(label, (SIDE, SIDE), interpolation=cv2.INTER_AREA) > LABELLED_COVER
    return texture, label


def _lay(face, label, cover, colour, generator):
    """The face with ``colour`` (SHEET, SHEET, 3) laid over it by ``cover`` (SHEET, SHEET), and the label grown by it."""
    opaque = (cover > 0).astype(np.float32)
    reach = generator.uniform(1.0, 5.0)
    below = np.pad(opaque, ((round(reach), 0), (0, 0)))[:SHEET]
    shadow = cv2.GaussianBlur(below, (0, 0), reach) * generator.uniform(0.0, 0.6)
    face = face * (1 - shadow * (1 - cover))[..., None]
    drawn = face + cover[..., None] * (colour - face)
    touched = np.maximum(opaque, shadow > 0.2)
    return drawn.clip(0, 1).astype(np.float32), np.maximum(label, touched)


# Variation of the face itself, all of it visible


def _bend(face, generator):
    """The face a little off its place, as the mesh on an occluded photo is."""
    strength = SHEET * generator.uniform(0.0, 0.03)
    shift = [strength * (smooth_noise(SHEET, 3, generator) + generator.normal()) for _ in range(2)]
    stretch, squeeze = 1 + generator.normal(0, 0.03, 2), generator.normal(0, 0.1)  # one half more than the other
    across, down = ((axis - 0.5) * size * SHEET + SHEET / 2 for axis, size in zip((COLUMNS, ROWS), stretch))
    across = across + squeeze * np.abs(COLUMNS - 0.5) * SHEET
    return cv2.remap(face, (across + shift[0]).astype(np.float32), (down + shift[1]).astype(np.float32), cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)  # fmt: skip


def _shade(face, generator):
    """Light from a side, a cast shadow, a shine, and stubble, each at times."""
    angle, slope = generator.uniform(0, 2 * np.pi), generator.uniform(0, 0.5)
    ramp = (COLUMNS - 0.5) * np.cos(angle) + (ROWS - 0.5) * np.sin(angle)
    face = face * (1 + slope * 2 * ramp)[..., None]
    if generator.uniform() < 0.25:
        edge = ramp + 0.08 * smooth_noise(SHEET, 4, generator) - generator.uniform(-0.2, 0.4)
        dark = 1 / (1 + np.exp(-edge / generator.uniform(0.01, 0.1)))
        face = face * (1 - generator.uniform(0.2, 0.8) * dark)[..., None]
    if generator.uniform() < 0.2:
        place = generator.uniform((0.3, 0.1), (0.7, 0.7))
        size = generator.uniform(0.03, 0.12, 2)
        spot = np.exp(-(((COLUMNS - place[0]) / size[0]) ** 2) - ((ROWS - place[1]) / size[1]) ** 2)
        face = face + generator.uniform(0.1, 0.5) * spot[..., None]
    if generator.uniform() < 0.2:
        where = _sigmoid((ROWS - generator.uniform(0.6, 0.75) - 0.5 * (COLUMNS - 0.5) ** 2) / 0.03)
        hairs = (1 + 0.4 * generator.standard_normal((SHEET, SHEET)).astype(np.float32)).clip(0, 2)
        cover = (generator.uniform(0.2, 0.8) * where * hairs).clip(0, 1)[..., None]
        face = face + cover * (draw_colour(HAIR, generator) * face.mean() / 0.4 - face)
    return face.clip(0, 1)


def _frame(face, generator):
    """Hair over the forehead and temples, and background where the mesh reaches over the face's edge, each at times."""
    radius = np.hypot((COLUMNS - 0.5) / 0.48, (ROWS - 0.48) / 0.5) + 0.03 * smooth_noise(SHEET, 5, generator)
    if generator.uniform() < 0.4:
        top = generator.uniform(0.0, 0.22) + 0.05 * smooth_noise(SHEET, 4, generator)
        top = top + generator.uniform(-0.6, 0.6) * (COLUMNS - 0.5) * generator.uniform(0, 0.5)
        sides = (radius > generator.uniform(0.85, 1.1)) & (ROWS < generator.uniform(0.3, 1.1))
        cover = cv2.GaussianBlur(((top > ROWS) | sides).astype(np.float32), (0, 0), generator.uniform(0.8, 3))
        angle = generator.uniform(0, np.pi)
        strands = generator.standard_normal((SHEET // 2, SHEET // 2)).astype(np.float32)
        strands = cv2.filter2D(cv2.resize(strands, (SHEET, SHEET)), -1, _line_kernel(15, angle))
        hair = draw_colour(HAIR, generator) * generator.uniform(0.6, 1.4) * (1 + 0.8 * strands[..., None])
        face = face + cover[..., None] * (hair - face)
    if generator.uniform() < 0.4:
        side = generator.uniform(0, 2 * np.pi)
        towards = np.cos(side) * (COLUMNS - 0.5) + np.sin(side) * (ROWS - 0.5)
        away = (radius > generator.uniform(0.86, 1.0)) & (towards > generator.uniform(-0.3, 0.3))
        colour = generator.uniform(0, 1, 3) + 0.1 * smooth_noise(SHEET, 6, generator)[..., None]
        cover = cv2.GaussianBlur(away.astype(np.float32), (0, 0), 1.0)
        face = face + cover[..., None] * (colour - face)
    return face.clip(0, 1).astype(np.float32)


def _line_kernel(length, angle):
    """A kernel (length, length) that smears along a line."""
    kernel = np.zeros((length, length), np.float32)
    middle, step = length // 2, np.array([np.cos(angle), np.sin(angle)]) * length / 2
    cv2.line(kernel, *((middle + sign * step).astype(int).tolist() for sign in (-1, 1)), 1)
    return kernel / kernel.sum()


def _clear_glasses(face, points, generator):
    """Thin rims with clear lenses: they hide nothing."""
    thickness = generator.uniform(0.004, 0.012)
    rims = np.max([_outline(lens, thickness) for lens in _lenses(points, generator)] + [_bridge(points, thickness)], axis=0)
    colour = generator.uniform(0.05, 0.6) * generator.uniform(0.6, 1.0, 3)
    return face + (generator.uniform(0.4, 1.0) * rims)[..., None] * (colour - face)


# Objects that hide faces: each gives its cover (SHEET, SHEET) in [0, 1] and its colour (SHEET, SHEET, 3)


def _lower_cloth(points, tone, generator):
    """A mask or a scarf: everything below a line from cheek to cheek over the nose."""
    nose, chin = points[30, 1], points[8, 1]
    top = nose + generator.uniform(-0.18, 0.1) * (chin - nose) / 0.5
    rise, bow = generator.uniform(-0.12, 0.15), generator.normal(0, 0.05)
    line = top - rise * np.exp(-(((COLUMNS - 0.5) / 0.13) ** 2)) + bow * (2 * np.abs(COLUMNS - 0.5)) ** 2
    line = line + generator.normal(0, 0.06) * (COLUMNS - 0.5) + 0.012 * generator.uniform() * smooth_noise(SHEET, 6, generator)
    cover = _sigmoid((ROWS - line) * SHEET / 0.7)
    if generator.uniform() < 0.4:  # it leaves the jaw free
        narrow = generator.uniform(0.36, 0.5)
        cover = cover * _sigmoid((narrow - np.abs(COLUMNS - 0.5) + 0.1 * (0.75 - ROWS)) * SHEET / 0.7)
    if generator.uniform() < 0.25:  # and the chin
        cover = cover * _sigmoid((generator.uniform(0.9, 1.0) - ROWS - 0.3 * (COLUMNS - 0.5) ** 2) * SHEET / 0.7)
    for side in (-1, 1):
        if generator.uniform() < 0.4:
            start = np.array([0.5 + side * 0.36, top + generator.uniform(0, 0.15)])
            strap = _stroke([start, start + (side * 0.2, -generator.uniform(0.0, 0.25))], generator.uniform(0.008, 0.025))
            cover = np.maximum(cover, strap)
    return _trimmed(cover), _folded(draw_material(generator), generator)


def _dark_glasses(points, tone, generator):
    """Tinted glasses: opaque, see-through or paler towards the bottom, with rims and temples."""
    lenses, thickness = _lenses(points, generator), generator.uniform(0.006, 0.03)
    rims = [_outline(lens, thickness) for lens in lenses]
    eyes = points[36:48].mean(axis=0)
    temples = [_stroke([(0.5 + side * 0.4, eyes[1] - 0.02), (0.5 + side * 0.52, eyes[1] - generator.uniform(0, 0.06))],
                       thickness * 1.5) for side in (-1, 1)]  # fmt: skip
    frame = np.max([*rims, *temples, _bridge(points, thickness)], axis=0)
    glass = np.max([_filled(lens) for lens in lenses], axis=0)
    strength = generator.uniform(0.6, 1.0) - generator.uniform(0, 0.35) * _sigmoid((ROWS - eyes[1]) / 0.05)
    tint = generator.uniform(0.02, 0.35) * generator.uniform(0.5, 1.0, 3) + np.zeros((SHEET, SHEET, 3))
    shine = (COLUMNS + generator.normal() * ROWS) * generator.uniform(5, 25)
    tint = tint + generator.uniform(0, 0.35) * (np.sin(shine) > generator.uniform(0.6, 1.0))[..., None]
    tint = tint + generator.uniform(0, 0.15) * smooth_noise(SHEET, 5, generator).clip(0)[..., None]
    rim_colour = generator.uniform(0.0, 0.8) * generator.uniform(0.5, 1.0, 3)
    colour = tint + frame[..., None] * (rim_colour - tint)
    return _trimmed(np.maximum(glass * strength.clip(0.4, 1), frame)), colour


def _strap(points, tone, generator):
    """A band across the face, at times with a round or square plate on it: a watch, a strap, a bandage."""
    middle = generator.uniform((0.2, 0.2), (0.8, 0.9))
    angle, width = generator.uniform(0, np.pi), generator.uniform(0.03, 0.14)
    along = np.array([np.cos(angle), np.sin(angle)])
    bend = np.array([-along[1], along[0]]) * generator.normal(0, 0.06)
    ends = [-generator.uniform(0.15, 0.9), generator.uniform(0.15, 0.9)]
    path = [middle + end * along + bend * end**2 for end in np.linspace(*ends, 9)]
    cover, colour = _stroke(path, width), draw_material(generator)
    if generator.uniform() < 0.5:
        plate = middle + generator.uniform(-0.1, 0.1) * along
        size = width * generator.uniform(0.6, 1.3)
        ring = np.linspace(0, 2 * np.pi, 5 if generator.uniform() < 0.3 else 30)[:-1]
        disc = _filled(plate + size * np.stack([np.cos(ring), np.sin(ring)], axis=1))
        cover = np.maximum(cover, disc)
        colour = colour + disc[..., None] * (draw_material(generator) - colour)
    return _trimmed(cover), colour


def _blob(points, tone, generator):
    """An object of any outline."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = generator.uniform(0.08, 0.4) * np.ones_like(angle)
    for wave in range(1, 6):
        radius = radius * (1 + generator.normal(0, 0.18 / wave) * np.cos(wave * angle + generator.uniform(0, 6.3)))
    centre, squeeze = generator.uniform((0.1, 0.1), (0.9, 0.95)), generator.uniform(0.6, 1.4)
    outline = centre + radius[:, None] * np.stack([squeeze * np.cos(angle), np.sin(angle) / squeeze], axis=1)
    cover, colour = _trimmed(_filled(outline)), draw_material(generator)
    return cover, _rounded(cover, colour, generator) if generator.uniform() < 0.4 else colour


def _box(points, tone, generator):
    """A phone, a book, a cup: a turned rectangle; or one so large that it comes in from a side."""
    angle, size = generator.normal(0, 0.4), generator.uniform(0.08, 0.55, 2)
    centre = generator.uniform((0.0, 0.1), (1.0, 1.1))
    if generator.uniform() < 0.5:
        angle, size = generator.integers(4) * np.pi / 2 + generator.normal(0, 0.25), np.full(2, 1.5)
        centre = 0.5 + (1.5 + generator.uniform(-0.1, 0.35)) * np.array([np.cos(angle), np.sin(angle)])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * size
    colour = draw_material(generator)
    inner = _filled(corners * generator.uniform(0.5, 0.95) @ turn.T + centre) * (generator.uniform() < 0.4)
    colour = colour + inner[..., None] * (draw_material(generator) - colour)
    return _trimmed(_filled(corners @ turn.T + centre)), colour


def _sticker(points, tone, generator):
    """A small disc with a rim and marks on it."""
    centre, radius = generator.uniform((0.15, 0.1), (0.85, 0.95)), generator.uniform(0.05, 0.2)
    ring = np.linspace(0, 2 * np.pi, 40)
    circle = np.stack([np.cos(ring), np.sin(ring)], axis=1)
    colour = draw_material(generator)
    for _ in range(generator.integers(1, 5)):
        mark = _filled(centre + radius * (generator.uniform(-0.6, 0.6, 2) + generator.uniform(0.1, 0.6) * circle))
        colour = colour + mark[..., None] * (generator.uniform(0, 1, 3) - colour)
    return _trimmed(_filled(centre + radius * circle)), colour


def _fingers(points, tone, generator):
    """A hand in nearly the face's own colour: a few fingers side by side, at times with a palm."""
    angle = generator.normal(-np.pi / 2, 0.8)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    width = generator.uniform(0.06, 0.15)  # a finger is about an eighth as wide as a face
    root = generator.uniform((0.1, 0.4), (0.9, 1.1))
    cover, shade = np.zeros((SHEET, SHEET), np.float32), np.zeros((SHEET, SHEET), np.float32)
    for finger in range(generator.integers(1, 6)):
        start = root + across * (finger - 2) * width * generator.uniform(0.95, 1.15)
        spread = along + across * (finger - 2) * generator.uniform(0.0, 0.15)
        one = _stroke([start, start + spread * generator.uniform(0.2, 0.55)], width)
        shade = np.where(one > 0.5, _bulge(one, width / 2), shade)
        cover = np.maximum(cover, one)
    if generator.uniform() < 0.7:
        palm = _stroke([root, root - along * generator.uniform(0.2, 0.8)], width * generator.uniform(4, 5.5))
        shade = np.where((palm > 0.5) & (cover < 0.5), _bulge(palm, width), shade)
        cover = np.maximum(cover, palm)
    own = tone if generator.uniform() < 0.8 else draw_colour(SKIN, generator)
    edge = (1 - shade)[..., None] * generator.uniform(0.15, 0.6) * (0.7, 1.0, 1.05)
    light = 1 + 0.2 * generator.normal() * (COLUMNS - 0.5) + 0.04 * smooth_noise(SHEET, 12, generator)
    return _trimmed(cover), own * generator.uniform(0.75, 1.25) * generator.normal(1, 0.03, 3) * light[..., None] * (1 - edge)


SHARES = {  # of the samples with an occluder; hands, hardest to tell from faces, most often
    _lower_cloth: 0.155, _dark_glasses: 0.155, _strap: 0.11, _blob: 0.11, _box: 0.11, _sticker: 0.06, _fingers: 0.3,
}  # fmt: skip


# Shapes and materials


def _sigmoid(values):
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))


def _trimmed(cover):
    """A cover without the traces that smooth edges leave."""
    return np.where(cover < 0.02, 0, cover).astype(np.float32)


def _fixed_point(points):
    """Points (P, 2) in parts of the side as OpenCV's, with four fractional bits."""
    return np.round((np.asarray(points) * SHEET - 0.5) * 16).astype(np.int32)


def _filled(outline):
    """The cover of a polygon (P, 2)."""
    image = np.zeros((SHEET, SHEET), np.uint8)
    cv2.fillPoly(image, [_fixed_point(outline)], 255, cv2.LINE_AA, shift=4)
    return image.astype(np.float32) / 255


def _stroke(path, width):
    """The cover of a line (P, 2) with round ends."""
    image = np.zeros((SHEET, SHEET), np.uint8)
    cv2.polylines(image, [_fixed_point(path)], False, 255, max(1, round(width * SHEET)), cv2.LINE_AA, shift=4)
    return image.astype(np.float32) / 255


def _outline(points, width):
    """The cover of a closed line (P, 2)."""
    return _stroke(np.concatenate([points, points[:1]]), width)


def _lenses(points, generator):
    """The outlines of two lenses around the eyes, (60, 2) each: round, square or between."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    power = generator.uniform(0.5, 1.0)
    bent = np.stack([np.sign(wave) * np.abs(wave) ** power for wave in (np.cos(angle), np.sin(angle))], axis=1)
    size = generator.uniform((0.13, 0.07), (0.2, 0.15))
    lift, drop = generator.normal(0, 0.15), generator.uniform(-0.01, 0.04)
    lenses = []
    for side, eye in ((-1, slice(36, 42)), (1, slice(42, 48))):
        centre = points[eye].mean(axis=0) + (side * generator.uniform(0.0, 0.02), drop)
        lens = bent * size
        lens[:, 1] -= lift * lens[:, 0]
        lenses.append(lens * (side, 1) + centre)
    return lenses


def _bridge(points, width):
    """The cover of the piece between the lenses."""
    eyes = points[[39, 42]]
    return _stroke([eyes[0], eyes.mean(axis=0) - (0, 0.02), eyes[1]], width)


def draw_material(generator: np.random.Generator) -> Float[np.ndarray, "S S 3"]:
    """A material (SHEET, SHEET, 3) in [0, 1]: plain, mottled, striped, checked or with patches; dark, pale or coloured."""
    value = generator.choice((generator.uniform(0.02, 0.2), generator.uniform(0.7, 1.0), generator.uniform(0.15, 0.85)))
    colour = (value * (1 + generator.uniform(0, 0.7) * generator.normal(0, 0.5, 3))).clip(0.01, 1)
    if generator.uniform() < 0.15:
        colour = draw_colour(SKIN, generator)
    other = generator.uniform(0, 1, 3) if generator.uniform() < 0.5 else colour * generator.uniform(0.4, 1.2)
    kind, turn = generator.uniform(), generator.uniform(0, np.pi)
    across, along = (COLUMNS * np.cos(turn + quarter) + ROWS * np.sin(turn + quarter) for quarter in (0, np.pi / 2))
    frequency = generator.uniform(4, 40)
    if kind < 0.2:
        pattern = np.sin(2 * np.pi * frequency * across)
    elif kind < 0.3:
        pattern = np.sin(2 * np.pi * frequency * across) * np.sin(2 * np.pi * frequency * along)
    elif kind < 0.45:
        pattern = np.sign(smooth_noise(SHEET, int(generator.integers(3, 20)), generator))
    else:
        pattern = np.full((SHEET, SHEET), -1.0)
    mix = (0.5 + 0.5 * pattern)[..., None] * generator.uniform(0.2, 1.0)
    stuff = colour + mix * (other - colour)
    grain = generator.uniform(0, 0.12) * smooth_noise(SHEET, int(generator.integers(4, 50)), generator)
    slope = generator.uniform(0, 0.5) * (across - across.mean())
    return (stuff * (1 + grain + slope)[..., None]).clip(0, 1)


def _folded(stuff, generator):
    """Cloth with folds."""
    turn = generator.normal(np.pi / 2, 0.4)
    across = COLUMNS * np.cos(turn) + ROWS * np.sin(turn) + generator.normal(0, 0.3) * (COLUMNS - 0.5) ** 2
    wander = 0.02 * smooth_noise(SHEET, 4, generator)
    folds = np.abs(np.sin(np.pi * generator.uniform(2, 9) * (across + wander))) ** generator.uniform(0.3, 2)
    return stuff * (1 - generator.uniform(0, 0.5) * (1 - folds))[..., None]


def _bulge(cover, radius):
    """How much the surface of a rounded object faces the viewer, 0 at its edge to 1 (SHEET, SHEET)."""
    depth = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3) / (radius * SHEET)
    return np.sqrt(1 - (1 - depth.clip(0, 1)) ** 2)


def _rounded(cover, stuff, generator):
    """A material that darkens towards the edge of its cover."""
    edge = 1 - _bulge(cover, generator.uniform(0.03, 0.2))
    return stuff * (1 - generator.uniform(0.2, 0.7) * edge)[..., None]


def _photograph(face, generator):
    """The texture (SIDE, SIDE, 3) uint8 as a camera sees it: exposure, white balance, saturation, blur and grain."""
    if generator.uniform() < 0.5:
        face = cv2.GaussianBlur(face, (0, 0), generator.uniform(0.5, 3.5))
    texture = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = texture.mean(axis=2, keepdims=True)
    texture = grey + generator.uniform(0.3, 1.3) * (texture - grey) if generator.uniform() < 0.9 else np.repeat(grey, 3, 2)
    texture = texture.clip(0, 1) ** np.exp(generator.normal(0, 0.25)) * generator.normal(1, 0.06, 3)
    texture = texture * generator.uniform(0.4, 1.2) + generator.uniform(0, 0.06)
    texture = texture + generator.uniform(0, 0.03) * generator.standard_normal((SIDE, SIDE, 1))
    return (255 * texture.clip(0, 1) + 0.5).astype(np.uint8) * (face.any(axis=2)[::2, ::2, None])
