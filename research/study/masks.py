"""Masks estimated as ``reconstruct`` does, against exact ones: ``python -m research.study.masks`` prints the overlaps.

Nothing here was used to train or to tune the occlusion network: the occluders are those of ``d3f_lite/occluders``, the faces the
two sample portraits and renders of held-out heads; with ``--photos``, real photos with masks made by hand.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from tqdm import tqdm

from d3f_lite.command_line import command_line
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.report import table
from d3f_lite.evaluation.synthetic import draw_view
from d3f_lite.formats.anny import held_out_heads
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.landmarks import Landmarks, face_region
from d3f_lite.observation.masks import Stroke, read_mask
from d3f_lite.observation.photo import SAMPLE_PHOTOS, Photo, sample_photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import OCCLUDER_KINDS, draw_occluder
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
    """One more stroke, as a person would draw it: along the middle of the largest wrong piece, if that is as wide as a brush.

    Args:
        found, truth, where: the mask to correct, the true one, and the region that counts.
        strokes: int8, those drawn so far.
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


@dataclass(frozen=True, eq=False)
class Case:
    """A face whose true mask is known.

    Args:
        group: of faces.
        kind: of its occluder; None = clean.
        truth: the true mask.
        face: where masks are compared.
    """

    group: str
    kind: str | None
    photo: Photo
    truth: Bool[np.ndarray, "H W"]
    face: Bool[np.ndarray, "H W"]


def score(case: Case, detector: MediapipeDetector) -> tuple[float, Bool[np.ndarray, "H W"] | None]:
    """IoU inside the face, or the share of a clean one that was called occluded, and the mask; NaN, None: no face was found."""
    try:
        occluded = observe(case.photo, detector=detector).masks.occluded
    except LandmarkError:
        return np.nan, None
    return overlap(occluded, case.truth, case.face) if case.kind else float(occluded[case.face].mean()), occluded


def overlaps(case: Case, detector: MediapipeDetector, strokes: int = STROKES) -> Float[np.ndarray, "n"]:
    """IoU (1 + strokes,) of the estimated mask and the true one: as estimated, and after one, two, … strokes.

    Where the detector does not find the face under its occluder there is no mask, and the IoU is 0.
    """
    drawn, found = np.zeros(case.photo.shape, np.int8), []
    for _ in range(1 + strokes):
        try:
            occluded = observe(case.photo, strokes=drawn, detector=detector).masks.occluded
        except LandmarkError:
            return np.zeros(1 + strokes)
        found.append(overlap(occluded, case.truth, case.face))
        drawn = draw_stroke(occluded, case.truth, case.face, drawn)
    return np.array(found)


def faces(detector: MediapipeDetector, heads: int, seed: int, largest_yaw: float) -> Iterator[tuple[str, Photo, Landmarks]]:
    """Both sample portraits, and renders of held-out heads from random views: (group, Photo, Landmarks)."""
    for name in SAMPLE_PHOTOS:
        yield "portrait", sample_photo(name), detect_landmarks(sample_photo(name), detector=detector)
    head, generator = load_head(), np.random.default_rng(seed)
    for vertices in held_out_heads()[:heads]:
        photo, _ = draw_view(head, vertices, generator, largest_yaw=largest_yaw)
        try:
            yield "render", photo, detect_landmarks(photo, detector=detector)
        except LandmarkError:
            continue


def drawn_cases(detector: MediapipeDetector, seeds: int, heads: int) -> Iterator[Case]:
    """Every face clean and under every occluder, portraits under ``seeds`` draws of each."""
    for number, (group, photo, landmarks) in enumerate(faces(detector, heads, seed=0, largest_yaw=LARGEST_YAW)):
        face = face_region(landmarks, photo.shape)
        yield Case(group, None, photo, np.zeros(photo.shape, bool), face)
        draws = range(seeds) if group == "portrait" else (number - len(SAMPLE_PHOTOS),)
        for kind, seed in product(OCCLUDER_KINDS, draws):
            yield Case(group, kind, *draw_occluder(photo, landmarks, kind, seed=seed), face)


def photos_in(folder: Path) -> Iterator[tuple[Photo, Bool[np.ndarray, "H W"]]]:
    """The photos of a folder that have a mask beside them, ``name_mask.png``, and the masks."""
    for path in sorted(Path(folder).glob("*_mask.png")):
        for file in sorted(path.parent.glob(f"{path.stem.removesuffix('_mask')}.*"))[:1]:
            photo = Photo.open(file)
            yield photo, read_mask(path, photo)


def report(found: dict[tuple[str, str], list], false: dict[str, list[float]]) -> str:
    """What was measured, as Markdown.

    Args:
        found: (group, occluder) to the ``overlaps`` of each case.
        false: group to the shares of clean faces that were called occluded.
    """
    strokes = max((len(values[0]) for values in found.values()), default=1) - 1
    steps = ["as estimated", *(f"after {k + 1} stroke{'s' * (k > 0)}" for k in range(strokes))]
    rows = list(found.items())
    for group in dict.fromkeys(group for group, _ in found):
        drawn = [value for (g, kind), values in found.items() for value in values if g == group and kind not in ("hand", "real")]
        if drawn:
            rows.append(((group, "all but hands"), drawn))
    cells = [(*key, len(values), *(f"{mean:.2f}" for mean in np.mean(values, axis=0))) for key, values in rows]
    lines = [table(("faces", "occluder", "cases", *steps), cells)]
    for group, shares in false.items():
        words = ", ".join(f"{100 * share:.2f} %" for share in shares[:8])
        lines.append(f"\n{group}: clean faces called occluded: {words}; at most {100 * max(shares):.2f} %")
    return "\n".join(lines)


@command_line("masks")
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="how often each occluder is drawn on each portrait (default: 3)")
    parser.add_argument("--heads", type=int, default=10, help="how many held-out heads are rendered (default: 10)")
    parser.add_argument("--strokes", type=int, default=STROKES, help="how many correct each mask (default: %(default)s)")
    parser.add_argument("--photos", type=Path, help="a folder of photos name.jpg with masks name_mask.png")
    options = parser.parse_args()
    found, false = defaultdict(list), defaultdict(list)
    with MediapipeDetector() as detector:
        cases = list(drawn_cases(detector, options.seeds, options.heads))
        for photo, mask in photos_in(options.photos) if options.photos else ():
            face = face_region(detect_landmarks(photo, detector=detector), photo.shape)
            cases.append(Case(f"photo {photo.name}", "real", photo, mask, face))
        for case in tqdm(cases, desc="masks", unit="photo"):
            if case.kind is None:
                false[case.group].append(score(case, detector)[0])
            else:
                found[case.group, case.kind].append(overlaps(case, detector, options.strokes))
    print(report(found, false))


if __name__ == "__main__":
    sys.exit(main())
