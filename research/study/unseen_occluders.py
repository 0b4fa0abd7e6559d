"""Estimated masks of occluders that nothing was trained or tuned on, and of degraded clean portraits.

``python -m research.study.unseen_occluders --out sheet.png``: objects with the textures of scikit-image's sample pictures, and
hands of anny's own mesh, bent and lit at random (``pip install d3f-lite[bake]``), on both sample portraits and on renders.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from d3f_lite.command_line import command_line
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.report import table
from d3f_lite.files.whole import check_replaceable
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.rendering import render
from d3f_lite.observation.landmarks import Landmarks, face_region
from d3f_lite.observation.photo import SAMPLE_PHOTOS, Photo
from d3f_lite.occluders.canvas import Canvas
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.results.grid import Tile, save_picture, tile_sheet
from d3f_lite.results.pictures import mark_occluder
from d3f_lite.results.provenance import drawn_by_us
from research.study.hard_photos import crops, resized_portrait, worsened
from research.study.masks import Case, faces, score

TEXTURES = (
    "brick.png",
    "chelsea.png",
    "coffee.png",
    "grass.png",
    "gravel.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
EYE_WIDTH = 90.0  # mm, between the outer corners of the eyes of the face that a hand covers
FINGERS = ("finger2", "finger3", "finger4", "finger5")
SMALLEST = 0.04  # of the face, that an occluder must hide to be measured
COLUMNS = 8  # photos side by side on the sheet


# Things: each lays itself on the face's sheet


@lru_cache
def texture(name: str) -> UInt8[np.ndarray, "H W 3"]:
    """A sample picture that scikit-image's package brings."""
    path = Path(find_spec("skimage").origin).parent / "data" / name
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _textured(canvas: Canvas, width: float) -> np.ndarray:
    """A random part of a sample picture, ``width`` frame units wide, over the whole sheet: (h, w, 3)."""
    picture = texture(TEXTURES[canvas.random.integers(len(TEXTURES))])
    turn, at = canvas.random.uniform(0, 2 * np.pi), canvas.random.uniform(0, 1, 2) * picture.shape[1::-1]
    across, down = (canvas.uv @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])).transpose(2, 0, 1)
    place = [(axis * picture.shape[1] / width + start).astype(np.float32) for axis, start in zip((across, down), at)]
    return cv2.remap(picture, *place, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT) * canvas.exposure


def _ellipse(x: float, y: float, width: float, height: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 80)
    return np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], axis=1)


def _printed_mask(canvas: Canvas) -> None:
    top, low = canvas.random.uniform(0.15, 0.3), canvas.random.uniform(1.2, 1.4)
    sheet = canvas.polygon([(-0.8, top), (0, top - 0.08), (0.8, top), (0.7, 0.85), (0.25, low), (-0.25, low), (-0.7, 0.85)])
    canvas.cast_shadow(sheet)
    canvas.lay(sheet, _textured(canvas, 2.0))


def _cup(canvas: Canvas) -> None:
    x, top = canvas.random.uniform(-0.35, 0.35), canvas.random.uniform(0.35, 0.7)
    half = canvas.random.uniform(0.3, 0.5)
    body = canvas.polygon([(x - half, top), (x + half, top), (x + 0.8 * half, top + 1.6), (x - 0.8 * half, top + 1.6)])
    canvas.cast_shadow(body)
    canvas.lay(body, _textured(canvas, 1.5))


def _phone(canvas: Canvas) -> None:
    x, y = canvas.random.uniform((-0.5, -0.1), (0.5, 0.7))
    turn = canvas.random.normal(0, 0.4)
    around = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    outer = np.array([(-0.36, -0.7), (0.36, -0.7), (0.36, 0.7), (-0.36, 0.7)])
    case, screen = (canvas.polygon(outer * size @ around + (x, y)) for size in (1.0, 0.9))
    canvas.cast_shadow(case)
    canvas.lay(case, np.full(3, canvas.random.uniform(10, 80)))
    canvas.lay(screen, _textured(canvas, 1.2))


def _microphone(canvas: Canvas) -> None:
    x, y, size = canvas.random.uniform((-0.15, 0.75, 0.2), (0.15, 0.95, 0.3))
    grey = canvas.random.uniform(15, 120)
    handle = canvas.stroke([(x, y), (x + canvas.random.uniform(-0.3, 0.3), y + 1.4)], 1.1 * size)
    ball = canvas.polygon(_ellipse(x, y, size, 1.15 * size))
    canvas.cast_shadow(np.maximum(handle, ball))
    canvas.lay(handle, np.full(3, 0.5 * grey))
    mesh = 1 + 0.3 * np.sin(canvas.uv[..., 0] * 180) * np.sin(canvas.uv[..., 1] * 180)
    canvas.lay(ball, canvas.lit(np.full(3, grey), 0.2 * np.sqrt(np.clip(ball, 0, 1))) * mesh[..., None])


def _visor(canvas: Canvas) -> None:
    low = canvas.random.uniform(0.2, 0.5)
    glass = canvas.polygon([(-0.85, -0.75), (0.85, -0.75), (0.9, 0.1), (0.6, low), (0, low + 0.08), (-0.6, low), (-0.9, 0.1)])
    tint = canvas.random.uniform(5, 60) * canvas.random.uniform(0.6, 1.2, 3)
    canvas.cast_shadow(glass)
    shine = np.exp(-(((canvas.uv[..., 0] + canvas.uv[..., 1] - canvas.random.uniform(-0.6, 0.6)) / 0.15) ** 2))
    canvas.lay(canvas.random.uniform(0.85, 1.0) * glass, tint + 60 * shine[..., None] * canvas.exposure)


def _veil(canvas: Canvas) -> None:
    top = canvas.random.uniform(0.2, 0.55)
    waves = [(x, top + 0.06 * np.sin(3 * x + canvas.random.uniform(0, 6)) - 0.15 * abs(x)) for x in np.linspace(-1.3, 1.3, 9)]
    cloth = canvas.polygon([*waves, (1.5, 2.8), (-1.5, 2.8)])
    canvas.cast_shadow(cloth)
    canvas.lay(cloth, canvas.lit(_textured(canvas, 3.0), 0.06 * np.sin(9 * canvas.uv[..., 0] + 2 * canvas.uv[..., 1])))


def _band(canvas: Canvas) -> None:
    y, lean, width = canvas.random.uniform(0.0, 1.0), canvas.random.normal(0, 0.25), canvas.random.uniform(0.15, 0.35)
    strip = canvas.stroke([(-1.2, y - lean), (1.2, y + lean)], width)
    canvas.cast_shadow(strip)
    canvas.lay(strip, _textured(canvas, 1.5))


THINGS: dict[str, Callable[[Canvas], None]] = {
    "printed mask": _printed_mask, "cup": _cup, "phone": _phone, "microphone": _microphone, "visor": _visor, "veil": _veil,
    "band": _band,
}  # fmt: skip


def draw_thing(photo: Photo, landmarks: Landmarks, kind: str, seed: int) -> tuple[Photo, Bool[np.ndarray, "H W"]]:
    """The photo with one of THINGS before the face, and the mask of what it touches."""
    canvas = Canvas.around(photo, landmarks, np.random.default_rng(seed))
    THINGS[kind](canvas)
    return canvas.finished(photo)


# Hands


class Hand:
    """anny's right hand: a mesh with bones."""

    def __init__(self) -> None:
        import torch
        from anny import Anny  # only this study's hands need it

        self._torch, self._model = torch, Anny(rig="anny-hand.R", topology="hand.R").float()
        self.triangles: Int[np.ndarray, "T 3"] = self._model.get_triangular_faces().numpy().astype(np.int32)

    def bent(self, generator: np.random.Generator) -> Float[np.ndarray, "V 3"]:
        """Vertices mm of a hand whose fingers are bent and spread at random; y along the fingers, x out of the hand's back."""
        pose = self._torch.eye(4).repeat(1, self._model.bone_count, 1, 1)
        for finger in FINGERS:
            curl = np.clip(generator.normal(0.2, 0.3), -0.1, 1.2)
            for joint in (1, 2, 3):
                angles = [0.0, generator.normal(0, 0.12) * (joint == 1), curl]
                turn = Rotation.from_euler("xyz", angles).as_matrix()
                pose[0, self._model.bone_labels.index(f"{finger}-{joint}.R"), :3, :3] = self._torch.from_numpy(turn)
        with self._torch.no_grad():
            return 1000 * self._model(pose_parameters=pose)["vertices"][0].numpy()


def draw_hand(photo: Photo, landmarks: Landmarks, hand: Hand, seed: int) -> tuple[Photo, Bool[np.ndarray, "H W"]]:
    """The photo with a hand before the face, its back to the camera, in about the face's colour and light; and its mask."""
    generator = np.random.default_rng(seed)
    canvas = Canvas.around(photo, landmarks, generator)
    vertices = hand.bent(generator)
    mirrored = generator.uniform() < 0.5
    scale = 2 * landmarks.interocular_distance / EYE_WIDTH  # drawn twice as large
    side = 2 * photo.shape[1] if mirrored else 0
    middle = landmarks.xy[30] + landmarks.interocular_distance * generator.normal((0.0, 0.35), (0.3, 0.2))
    place = np.abs(np.array([side, 0]) - 2 * middle)
    angles = -np.pi / 2 + generator.normal(0, 0.3), generator.normal(0, 0.2), generator.normal(0, 0.5)
    camera = Camera.from_angles(*angles, scale, place)
    light = np.zeros((9, 3), np.float32)
    light[:4] = (canvas.light * (1, -1 if mirrored else 1, -1, 1))[:, None]
    tone = canvas.skin / 255 * generator.uniform(0.8, 1.15) * generator.normal(1, 0.03, 3)
    blotches = 1 + 0.04 * generator.standard_normal((len(vertices), 1))
    shape = (2 * photo.shape[0], 2 * photo.shape[1])
    colours = (tone * blotches).astype(np.float32)
    drawn, index = render(vertices - vertices.mean(axis=0), hand.triangles, camera, colours, light, shape)
    cover = (index >= 0).astype(np.float32)
    if mirrored:
        drawn, cover = drawn[:, ::-1], cover[:, ::-1]
    small = lambda layer: cv2.resize(np.ascontiguousarray(layer), photo.shape[::-1], interpolation=cv2.INTER_AREA)
    colour, cover = small(drawn * cover[..., None]), small(cover)
    unit = landmarks.interocular_distance
    shadow = 0.4 * cv2.GaussianBlur(np.roll(cover, round(0.03 * unit), axis=0), (0, 0), 0.03 * unit) * (1 - cover)
    mask = (cover > 0) | (shadow > 0.1)
    pixels = photo.pixels * ((1 - cover) * (1 - shadow))[..., None] + colour + generator.normal(0, 1.5, (*photo.shape, 1))
    return Photo(np.where(mask[..., None], pixels.round().clip(0, 255), photo.pixels).astype(np.uint8), photo.name), mask


# Cases and measures


def cases(detector: MediapipeDetector, draws: int, heads: int, seed: int, hand: Hand | None) -> Iterator[Case]:
    """Every face under every thing and hand, portraits ``draws`` times each; then clean portraits, as they are and degraded."""
    for number, (group, photo, landmarks) in enumerate(faces(detector, heads, seed, largest_yaw=0.45)):
        face = face_region(landmarks, photo.shape)
        for draw in range(draws if group == "portrait" else 1):
            at = seed + 1000 * number + draw
            drawn = [(kind, *draw_thing(photo, landmarks, kind, at)) for kind in THINGS]
            if hand is not None:
                drawn += [("hand", *draw_hand(photo, landmarks, hand, at + 500 * turn)) for turn in (0, 1)]
            for kind, changed, truth in drawn:
                if (truth & face).sum() > SMALLEST * face.sum():
                    yield Case(group, kind, changed, truth, face)
    for name in SAMPLE_PHOTOS:
        portrait, found = resized_portrait(name)
        whole = face_region(found, portrait.shape)
        for photo in (portrait, *worsened(portrait)):
            yield Case(photo.name.split(": ")[-1] if photo is not portrait else "as it is", None, photo, ~whole & False, whole)
        for photo in crops(portrait, found):
            try:
                face = face_region(detect_landmarks(photo, detector=detector), photo.shape)
            except LandmarkError:
                continue
            yield Case(photo.name.split(": ")[-1], None, photo, np.zeros(photo.shape, bool), face)


def report(found: dict[tuple[str, str | None], list[float]]) -> str:
    """The ``score`` of the cases of each (group, occluder), as Markdown; where no face was found, the IoU is 0."""
    rows = []
    for group in dict.fromkeys(group for group, kind in found if kind):
        things = {kind: np.nan_to_num(values) for (other, kind), values in found.items() if other == group and kind}
        things["all but hands"] = np.concatenate([values for kind, values in things.items() if kind != "hand"])
        rows += [(group, kind, len(values), f"{values.mean():.2f}") for kind, values in things.items()]
    clean = [(group, ", ".join("no face found" if np.isnan(share) else f"{100 * share:.1f} %" for share in shares))
             for (group, kind), shares in found.items() if kind is None]  # fmt: skip
    return f"{table(('faces', 'occluder', 'cases', 'IoU'), rows)}\n\n{table(('clean portraits', 'called occluded'), clean)}"


def sheet(shown: list[tuple[Case, float, np.ndarray | None]]) -> Image.Image:
    """Every photo with its estimated mask marked."""
    tiles = []
    for number, (case, value, occluded) in enumerate(shown):
        (top, left), (bottom, right) = (ends(np.nonzero(case.face), axis=1) for ends in (np.min, np.max))
        margin = int(0.3 * np.sqrt(case.face.sum()))
        window = np.s_[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin]
        picture = case.photo.pixels if occluded is None else mark_occluder(case.photo.pixels, occluded)
        tiles.append(Tile(picture[window], f"{case.kind or case.group}\n{value:.2f}", *divmod(number, COLUMNS)))
    return tile_sheet(tiles, "", (200, 200))


@command_line("unseen_occluders")
def main() -> None:
    """Draw, estimate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=3, help="of each thing on each portrait (default: %(default)s)")
    parser.add_argument("--heads", type=int, default=8, help="renders of held-out heads (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=700_001, help="of every random draw (default: %(default)s)")
    parser.add_argument("--no-hands", action="store_true", help="leave out what needs anny")
    parser.add_argument("--out", type=Path, default=Path("unseen_occluders.png"), help="the sheet (default: %(default)s)")
    options = parser.parse_args()
    check_replaceable(options.out, drawn_by_us)
    hand, found, shown = None if options.no_hands else Hand(), defaultdict(list), []
    with MediapipeDetector() as detector:
        for case in tqdm(cases(detector, options.draws, options.heads, options.seed, hand), desc="masks", unit="photo"):
            value, occluded = score(case, detector)
            found[case.group, case.kind].append(value)
            shown.append((case, value, occluded))
    print(report(found))
    save_picture(sheet(shown), options.out)


if __name__ == "__main__":
    sys.exit(main())
