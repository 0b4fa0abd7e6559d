"""The same photos reconstructed with their true masks and from the photo alone, side by side.

``python -m research.study.mask_comparison`` prints how far the heads lie apart and writes sheets to look at: both
portraits under drawn occluders, whose masks are exact, and with ``--photos`` a folder of photos with masks beside them.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image

from d3f_lite.command_line import command_line
from d3f_lite.diversity.search import sample_iid
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.report import table
from d3f_lite.evaluation.truth import align_all, face_error
from d3f_lite.files.names import readable
from d3f_lite.files.whole import check_replaceable, check_writable
from d3f_lite.metrics import coverage
from d3f_lite.observation.photo import SAMPLE_PHOTOS, Photo, sample_photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import reconstruct
from d3f_lite.reconstruction import Reconstruction
from d3f_lite.results.grid import Tile, save_picture, tile_sheet
from d3f_lite.results.pictures import draw_head, heatmap_colours
from d3f_lite.results.provenance import drawn_by_us
from d3f_lite.results.sheet_of_samples import DISCLAIMER, sample_tiles
from research.study.masks import photos_in

HIDDEN_BY = ("surgical_mask", "sunglasses", "scarf", "hand")
HIGHEST = 8.0  # mm, of the heatmaps' colours
SHOWN = 3  # heads of each
DRAWS = 64  # whose central 90 % a fit may lie in
PER_SHEET = 3  # photos
SIDE = 200  # px of a picture


def drawn_cases(seed):
    """Both sample portraits under each occluder: (Photo, exact mask (H, W) bool)."""
    with MediapipeDetector() as detector:
        for name in SAMPLE_PHOTOS:
            portrait = sample_photo(name)
            landmarks = detect_landmarks(portrait, detector=detector)
            for kind in HIDDEN_BY:
                photo, mask = draw_occluder(portrait, landmarks, kind, seed=seed)
                yield Photo(photo.pixels, f"{name}, {kind.replace('_', ' ')}"), mask


def compare(photo: Photo, mask: Bool[np.ndarray, "H W"], seed: int = 0, samples: int = 16) -> tuple[Reconstruction, ...]:
    """Reconstruct a photo three times: with the mask (H, W) bool given, with it estimated, and given with the next seed.

    Returns:
        Three Reconstructions.
    """
    ways = ((mask, seed), (None, seed), (mask, seed + 1))
    return tuple(reconstruct(photo, given, samples=samples, seed=seed, detector="mediapipe") for given, seed in ways)


def measures(given: Reconstruction, estimated: Reconstruction, again: Reconstruction) -> dict[str, float]:
    """How far the Reconstructions of ``compare`` lie apart: dict of name to a number.

    The masks' overlap (IoU) counts inside the face; mm are means over the face of the head, its size aligned, because
    no photo shows it. The effect of another seed of the detector's jitter is the scale for the effect of the mask. Spreads are
    over the vertices of the face that the true mask hides. *Admitted* is the share of the face's vertices where the fit with
    the true mask lies within the central 90 % of independent draws from the photo alone.
    """
    true, found = (both.observation.masks.occluded & given.observation.masks.face for both in (given, estimated))
    face = given.head.face
    hidden = face & given.fit.occluded
    draws = sample_iid(estimated.decoder, DRAWS, estimated.samples.seed).vertices
    (laid,) = align_all(given.fit.vertices[None], given.fit.vertices, estimated.fit.vertices, face)
    return {
        "IoU": float((true & found).sum() / max((true | found).sum(), 1)),
        "fit apart, mm": face_error(estimated.fit.vertices, given.fit.vertices, face),
        "by another seed": face_error(again.fit.vertices, given.fit.vertices, face),
        "admitted": coverage(draws, laid, face),
        "spread, true mask": float(given.spread[hidden].mean()),
        "spread, photo alone": float(estimated.spread[hidden].mean()),
    }


def report(rows: list[tuple]) -> str:
    """Rows of (name, measures or a reason) as Markdown, with their mean."""
    measured = [values for _, values in rows if isinstance(values, dict)]
    names = list(measured[0]) if measured else []
    rows = [*rows, ("mean", {key: np.mean([one[key] for one in measured]) for key in names})]
    cells = [(name, *(f"{value:.2f}" for value in values.values())) if isinstance(values, dict) else (name, values)
             for name, values in rows]  # fmt: skip
    return table(("photo", *names), cells)


def sheet(cases) -> Image.Image:
    """What ``compare`` gave, two rows a photo: photo, mask, fit, a few heads, and where the heads differ."""
    rows = [(found, source) for case in cases for found, source in zip(case, ("true mask", "photo alone"))]
    tiles = []
    for row, (found, source) in enumerate(rows):
        colours = heatmap_colours(found.spread, found.fit.free, HIGHEST)
        heatmap = draw_head(found.fit.vertices, found.head.triangles, colours=colours)
        line = [*sample_tiles(found, SIDE, SHOWN), (heatmap, f"spread, 0 to {HIGHEST:g} mm")]
        line[0] = (line[0][0], f"{readable(found.observation.photo.name)}\n{source}")
        tiles += [Tile(*one, row, column) for column, one in enumerate(line)]
    return tile_sheet(tiles, DISCLAIMER, (SIDE, SIDE))


@command_line("mask_comparison")
def main():
    """Compare, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder of photos name.jpg with masks name_mask.png")
    parser.add_argument("--seed", type=int, default=0, help="of every random draw (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("results/mask_comparison"), help="folder (default: %(default)s)")
    options = parser.parse_args()
    check_writable(options.out)
    for path in options.out.glob("sheet_*.png"):
        check_replaceable(path, drawn_by_us)
    options.out.mkdir(parents=True, exist_ok=True)
    rows, cases = [], []
    for photo, mask in [*drawn_cases(options.seed), *(photos_in(options.photos) if options.photos else ())]:
        try:
            cases.append(compare(photo, mask, options.seed))
            rows.append((photo.name, measures(*cases[-1])))
        except LandmarkError as error:
            rows.append((photo.name, str(error)))
    for number in range(0, len(cases), PER_SHEET):
        save_picture(sheet(cases[number : number + PER_SHEET]), options.out / f"sheet_{number // PER_SHEET}.png")
    print(report(rows))
    print(f"\nthe sheets are in {options.out}")


if __name__ == "__main__":
    sys.exit(main())
