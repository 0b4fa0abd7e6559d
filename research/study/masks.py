"""Estimated masks, as `reconstruct` does it, against exact ones: ``python -m research.study.masks`` prints how they overlap.

Nothing here was used to train or to tune the occlusion network: the occluders are those of ``occluders.py``, the faces the two
sample portraits and renders of held-out heads; with ``--photos``, real photos with masks made by hand.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from tqdm import tqdm

from d3f_lite.command_line import command_line
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.synthetic import draw_view
from d3f_lite.formats.anny import held_out_heads
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.landmarks import face_region
from d3f_lite.observation.masks import Stroke, read_mask
from d3f_lite.observation.photo import SAMPLE_PHOTOS, Photo, sample_photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import OCCLUDERS, draw_occluder
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.landmark_detection import detect_landmarks

STROKES = 3
BRUSH = 0.02  # of the face's size: how wide strokes are
LARGEST_YAW = 0.55  # radians, of the renders


def overlap(found: Bool[np.ndarray, "H W"], truth: Bool[np.ndarray, "H W"], where: Bool[np.ndarray, "H W"]) -> float:
    """Intersection over union of two masks inside a region, (H, W) bool each; 1 if both are empty there."""
    either = ((found | truth) & where).sum()
    return float((found & truth & where).sum() / either) if either else 1.0


def draw_stroke(
    found: Bool[np.ndarray, "H W"],
    truth: Bool[np.ndarray, "H W"],
    where: Bool[np.ndarray, "H W"],
    strokes: Int[np.ndarray, "H W"],
) -> Int[np.ndarray, "H W"]:
    """``strokes`` (H, W) int8 and one more, as a person would draw it: along the middle of the largest piece that is wrong.

    Where no piece that is wrong is as wide as a brush, a person would leave it: no stroke is added.

    Args:
        found, truth, where: the mask to correct, the true one, and the region that counts.
    """
    brush = BRUSH * np.sqrt(where.sum())
    wrong = cv2.distanceTransform(np.pad((found != truth) & where, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    pieces, labels, sizes, _ = cv2.connectedComponentsWithStats((wrong > brush).astype(np.uint8))
    if pieces == 1:
        return strokes
    piece = labels == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax()
    depth = wrong * piece
    inside = np.argwhere(piece)
    centre = np.array(np.unravel_index(depth.argmax(), depth.shape))
    axis = np.linalg.svd(inside - inside.mean(axis=0), full_matrices=False)[2][0]
    line = np.zeros(piece.shape, np.uint8)
    reach = axis * np.hypot(*piece.shape)
    ends = [tuple(int(value) for value in (centre + sign * reach)[::-1]) for sign in (-1, 1)]
    cv2.line(line, *ends, 1, max(1, round(brush)))
    reachable = cv2.connectedComponents(line * piece)[1]
    drawn = strokes.copy()
    drawn[reachable == reachable[tuple(centre)]] = Stroke.OCCLUDED if truth[tuple(centre)] else Stroke.VISIBLE
    return drawn


def overlaps(
    photo: Photo,
    truth: Bool[np.ndarray, "H W"],
    where: Bool[np.ndarray, "H W"],
    detector: MediapipeDetector,
    strokes: int = STROKES,
) -> Float[np.ndarray, "n"]:
    """IoU (1 + strokes,) of the estimated mask and the true one: as estimated, and after one, two, … strokes.

    Where the detector does not find the face under its occluder there is no mask, and the IoU is 0.
    """
    drawn, found = np.zeros(photo.shape, np.int8), []
    for _ in range(1 + strokes):
        try:
            occluded = observe(photo, strokes=drawn, detector=detector).masks.occluded
        except LandmarkError:
            return np.zeros(1 + strokes)
        found.append(overlap(occluded, truth, where))
        drawn = draw_stroke(occluded, truth, where, drawn)
    return np.array(found)


def portraits(detector, seeds):
    """Both sample portraits, clean and under every occluder: (name, occluder or None, Photo, true mask, face)."""
    for name in SAMPLE_PHOTOS:
        photo = sample_photo(name)
        landmarks = detect_landmarks(photo, detector=detector)
        face = face_region(landmarks, photo.shape)
        yield "portrait", None, photo, np.zeros(photo.shape, bool), face
        for kind in OCCLUDERS:
            for seed in range(seeds):
                yield "portrait", kind, *draw_occluder(photo, landmarks, kind, seed=seed), face


def renders(detector, number, seed=0):
    """Held-out heads from random views, clean and under every occluder; as ``portraits``."""
    head, generator = load_head(), np.random.default_rng(seed)
    for count, vertices in enumerate(held_out_heads()[:number]):
        photo, _ = draw_view(head, vertices, generator, largest_yaw=LARGEST_YAW)
        try:
            landmarks = detect_landmarks(photo, detector=detector)
        except LandmarkError:
            continue
        face = face_region(landmarks, photo.shape)
        yield "render", None, photo, np.zeros(photo.shape, bool), face
        for kind in OCCLUDERS:
            yield "render", kind, *draw_occluder(photo, landmarks, kind, seed=seed + count), face


def photos_in(folder):
    """The photos of a folder that have a mask beside them, ``name_mask.png``: (Photo, mask (H, W) bool)."""
    for path in sorted(Path(folder).glob("*_mask.png")):
        for file in sorted(path.parent.glob(f"{path.stem.removesuffix('_mask')}.*"))[:1]:
            photo = Photo.open(file)
            yield photo, read_mask(path, photo)


def photos_of(folder, detector):
    """The photos of a folder that have a mask beside them; as ``portraits``."""
    for photo, mask in photos_in(folder):
        yield f"photo {photo.name}", "real", photo, mask, face_region(detect_landmarks(photo, detector=detector), photo.shape)


def measure(cases, detector, strokes=STROKES):
    """Measure cases: a dict of (set, occluder) to a list of IoUs (1 + strokes,), and of set to false shares of clean faces."""
    found, false = defaultdict(list), defaultdict(list)
    for group, kind, photo, truth, face in tqdm(cases, desc="masks", unit="photo"):
        if kind is None:
            false[group].append(float(observe(photo, detector=detector).masks.occluded[face].mean()))
        else:
            found[group, kind].append(overlaps(photo, truth, face, detector, strokes))
    return found, false


def table(found, false):
    """What was measured, as Markdown: mean IoU inside the face, as estimated and after strokes."""
    strokes = max((len(values[0]) for values in found.values()), default=1) - 1
    steps = ["as estimated", *(f"after {k + 1} stroke{'s' * (k > 0)}" for k in range(strokes))]
    rows = [f"| faces | occluder | cases | {' | '.join(steps)} |", "|---" * (3 + len(steps)) + "|"]
    for (group, kind), values in found.items():
        rows.append(_row(group, kind, values))
    for group in dict.fromkeys(group for group, _ in found):
        drawn = [value for (g, kind), values in found.items() for value in values if g == group and kind not in ("hand", "real")]
        if drawn:
            rows.append(_row(group, "all but hands", drawn))
    for group, shares in false.items():
        words = ", ".join(f"{100 * share:.2f} %" for share in shares[:8])
        rows.append(f"\n{group}: falsely called occluded, of clean faces: {words}; at most {100 * max(shares):.2f} %")
    return "\n".join(rows)


def _row(group, kind, values):
    mean = np.mean(values, axis=0)
    return f"| {group} | {kind} | {len(values)} | {' | '.join(f'{value:.2f}' for value in mean)} |"


@command_line("masks")
def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="how often each occluder is drawn on each portrait (default: 3)")
    parser.add_argument("--heads", type=int, default=10, help="how many held-out heads are rendered (default: 10)")
    parser.add_argument("--strokes", type=int, default=STROKES, help="how many correct each mask (default: %(default)s)")
    parser.add_argument("--photos", type=Path, help="a folder of photos name.jpg with masks name_mask.png")
    options = parser.parse_args()
    with MediapipeDetector() as detector:
        cases = [*portraits(detector, options.seeds), *renders(detector, options.heads)]
        if options.photos:
            cases += photos_of(options.photos, detector)
        print(table(*measure(cases, detector, options.strokes)))


if __name__ == "__main__":
    sys.exit(main())
