"""Hard photos: the shipped portraits, from the photo alone, under pairs of occluders, blurred, too bright, dark, cropped.

``python -m research.study.hard_photos --out sheet.png`` prints how much of the prior's variance
each leaves open and draws them all;
``--masks`` prints how well the estimated mask overlaps the true one under each pair.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool
from PIL import Image
from tqdm import tqdm

from d3f_lite.command_line import command_line
from d3f_lite.errors import D3FError, LandmarkError
from d3f_lite.evaluation.report import table
from d3f_lite.files.whole import check_replaceable
from d3f_lite.observation.landmarks import Landmarks, face_region
from d3f_lite.observation.photo import SAMPLE_PHOTOS, Photo, sample_photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import OCCLUDER_KINDS, draw_occluder
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results.grid import Tile, save_picture, tile_sheet
from d3f_lite.results.provenance import drawn_by_us
from d3f_lite.results.sheet_of_samples import sample_tiles
from research.study.masks import overlap

EYE_DISTANCE = 150.0  # px, between the outer corners of the eyes
BLURS, STOPS = (2.0, 4.0), (-2.0, -1.0, 1.0, 2.0)  # px of sigma, and doublings of the light
OUTER_EYES, NOSE_TIP, CHIN, FOREHEAD_SHARE = (36, 45), 30, 8, 0.8
ASTRAY = 25.0  # % of the distance between the eyes' outer corners: landmarks farther off than this, on average, are no face's
COLUMNS, SIDE = 6, 160  # photos side by side on the sheet, px a side of each picture


def resized_portrait(name: str) -> tuple[Photo, Landmarks]:
    """A shipped portrait, the outer corners of its eyes EYE_DISTANCE px apart, and its landmarks."""
    portrait = sample_photo(name)
    zoom = EYE_DISTANCE / detect_landmarks(portrait).interocular_distance
    portrait = Photo(cv2.resize(portrait.pixels, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), name)
    return portrait, detect_landmarks(portrait)


def hard_photos(name: str, seed: int = 0) -> Iterator[Photo]:
    """A shipped portrait made hard in every way, each a Photo named after it."""
    portrait, found = resized_portrait(name)
    yield from (photo for photo, _ in pairs(portrait, found, seed))
    yield from worsened(portrait)
    yield from crops(portrait, found)


def pairs(portrait: Photo, found: Landmarks, seed: int) -> Iterator[tuple[Photo, Bool[np.ndarray, "H W"]]]:
    """A portrait under each pair of occluders, and the mask of both."""
    for first, second in combinations(OCCLUDER_KINDS, 2):
        once, one = draw_occluder(portrait, found, first, seed=seed)
        twice, other = draw_occluder(once, found, second, seed=seed + 1)
        yield Photo(twice.pixels, f"{portrait.name}: {first} + {second}"), one | other


def pairs_measured(name: str, seed: int, detector: MediapipeDetector) -> Iterator[tuple[str, float, float]]:
    """Of a portrait under each pair: what it is, the mask's IoU inside the face, and how far landmarks lie off on average.

    In % of the distance between the eyes' outer corners; IoU 0 and NaN where no face is found.
    """
    portrait, found = resized_portrait(name)
    face = face_region(found, portrait.shape)
    for photo, truth in pairs(portrait, found, seed):
        try:
            seen = observe(photo, detector=detector)
        except LandmarkError:
            yield photo.name, 0.0, np.nan
            continue
        off = np.linalg.norm(seen.landmarks.xy - found.xy, axis=1).mean() / found.interocular_distance
        yield photo.name, overlap(seen.masks.occluded, truth, face), 100 * float(off)


def pairs_table(measured: list[tuple[str, float, float]]) -> str:
    """What ``pairs_measured`` gives, as Markdown, with the mean and the least IoU where a face was found."""
    rows = [(name, *(("no face found", "") if np.isnan(off) else (f"{iou:.2f}", f"{off:.0f}"))) for name, iou, off in measured]
    ious, offs = np.array([(iou, off) for _, iou, off in measured if not np.isnan(off)]).T
    least = f"IoU {ious.mean():.2f} on average, {ious.min():.2f} at least, below 0.5 in {(ious < 0.5).sum()}"
    found = f"Faces found: {len(ious)}; {least}; landmarks off by more than {ASTRAY:g} % in {(offs > ASTRAY).sum()}."
    return f"{table(('photo', 'IoU', 'landmarks off, %'), rows)}\n\n{found}"


def worsened(portrait: Photo) -> Iterator[Photo]:
    """A portrait blurred, with less and with more light, and grey."""
    for sigma in BLURS:
        yield Photo(cv2.GaussianBlur(portrait.pixels, (0, 0), sigma), f"{portrait.name}: blurred, {sigma:g} px")
    linear = (portrait.pixels / 255.0) ** 2.2
    for stops in STOPS:
        pixels = 255 * np.clip(linear * 2.0**stops, 0, 1) ** (1 / 2.2)
        yield Photo(pixels.astype(np.uint8), f"{portrait.name}: {stops:+g} stops")
    grey = cv2.cvtColor(portrait.pixels, cv2.COLOR_RGB2GRAY)
    yield Photo(np.repeat(grey[..., None], 3, axis=2), f"{portrait.name}: grey")


def crops(portrait: Photo, found: Landmarks) -> Iterator[Photo]:
    """A portrait cut at each side through the face, and down to a little more than one eye."""
    height, width = portrait.shape
    column, row = found.xy[NOSE_TIP].astype(int)
    top = int(found.xy[list(OUTER_EYES), 1].mean() - FOREHEAD_SHARE * (found.xy[CHIN, 1] - row) / 2)
    eye = found.xy[OUTER_EYES[0]]
    reach = int(EYE_DISTANCE / 2)
    one = np.s_[int(eye[1]) - reach : int(eye[1]) + reach, max(int(eye[0]) - reach // 2, 0) : int(eye[0]) + 3 * reach // 2]
    windows = {"cut at the left": np.s_[:, column:], "cut at the right": np.s_[:, :column], "cut below the nose": np.s_[:row],
               "cut above the eyes": np.s_[top:], "one eye": one}  # fmt: skip
    for how, window in windows.items():
        yield Photo(np.ascontiguousarray(portrait.pixels[window]), f"{portrait.name}: {how}")


def answered(photo: Photo, samples: int = 4) -> tuple[str, list[np.ndarray]]:
    """The outcome for a photo: a line, and pictures of mask, fit and one other head, or of the photo alone if it was refused."""
    try:
        found = reconstruct(photo, samples=samples)
    except D3FError as error:
        refused = "no face found" if isinstance(error, LandmarkError) else "refused"
        return f"{refused}: {error}", [photo.pixels]
    tiles = sample_tiles(found, 200, 2)
    return f"{100 * found.variance_left:.0f} % left open", [tiles[1][0], tiles[2][0], tiles[-1][0]]


def sheet(answers: list[tuple[str, str, list]]) -> Image.Image:
    """All photos: name, line and pictures of each, side by side."""
    tiles = [
        Tile(np.hstack([_square(picture) for picture in pictures]), f"{name}\n{line:.60}", *divmod(number, COLUMNS))
        for number, (name, line, pictures) in enumerate(answers)
    ]
    return tile_sheet(tiles, "", (3 * SIDE, SIDE))


def _square(picture):
    """A picture in the middle of a white square of SIDE px."""
    zoom = SIDE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)[:SIDE, :SIDE]
    top, left = ((SIDE - length) // 2 for length in small.shape[:2])
    square = np.full((SIDE, SIDE, 3), 255, np.uint8)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


@command_line("hard_photos")
def main() -> None:
    """Reconstruct, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of further photos, taken as they are")
    parser.add_argument("--seed", type=int, default=0, help="of the occluders (default: %(default)s)")
    parser.add_argument("--masks", action="store_true", help="only how well masks and landmarks under pairs of occluders lie")
    parser.add_argument("--out", type=Path, default=Path("hard_photos.png"), help="the sheet (default: %(default)s)")
    options = parser.parse_args()
    if options.masks:
        with MediapipeDetector() as detector:
            found = [one for name in SAMPLE_PHOTOS for one in tqdm(pairs_measured(name, options.seed, detector), desc=name)]
        print(pairs_table(found))
        return
    check_replaceable(options.out, drawn_by_us)
    photos = [photo for name in SAMPLE_PHOTOS for photo in hard_photos(name, options.seed)]
    photos += [Photo.open(path) for path in sorted(options.photos.glob("*.jpg"))] if options.photos else []
    answers = [(photo.name, *answered(photo)) for photo in tqdm(photos, desc="photos")]
    for name, line, _ in answers:
        print(f"{name}: {line}")
    save_picture(sheet(answers), options.out)


if __name__ == "__main__":
    sys.exit(main())
