"""Observe a photo: detect the landmarks, estimate the mask, detect again behind the filled occluder."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from d3f_lite.observation.landmarks import Landmarks, face_region
from d3f_lite.observation.masks import Masks, check_mask, check_strokes, correct, inverted, misplaced
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import MediapipeDetector, opened
from d3f_lite.perception.face_alignment import FaceAlignmentNetwork
from d3f_lite.perception.face_finder import DetectedFace, FaceFinder, GivenFace, detect_again, estimate_mask
from d3f_lite.perception.landmark_detection import numbered_face


def observe(
    photo: Photo,
    occluded=None,
    *,
    landmarks: Landmarks | None = None,
    strokes=None,
    seed: int = 0,
    detector: MediapipeDetector | None = None,
    network: FaceAlignmentNetwork | None = None,
    face: int = 1,
    hides: Collection[str] = (),
) -> Observation:
    """Find the landmarks and masks of a photo, which the paper takes as given (Dey and Boddeti 2022, section 3.1).

    Args:
        photo: the whole photo.
        occluded: (H, W) bool, True under the occluder, or a path (see ``check_mask``); all False: nothing is occluded; None: it
            is estimated.
        landmarks: given ones; None: they are detected, with the occluder filled.
        strokes: (H, W) int8 (see Stroke) that correct the mask; an estimated one also nearby, where the colours are alike.
        seed: of the detector's jittered looks.
        detector: an open one; by default one is opened.
        network: finds the landmarks in the end, if there is one.
        face: which of several faces, by size from 1.
        hides: "hair" (beards, too), "glasses" (clear ones): what an estimated mask takes for occluders, too.

    Returns:
        An Observation; where an estimated mask is unsure, it has alternatives.

    Raises:
        MaskError: an unusable mask or strokes.
        LandmarkError: no face was found.

    >>> from d3f_lite import sample_photo
    >>> observation = observe(sample_photo("astronaut"))
    >>> observation.masks.origin, observation.masks.share
    ('estimated', 0.0)
    """
    occluded = None if occluded is None else check_mask(occluded, photo)
    strokes = None if strokes is None else check_strokes(strokes, photo)
    with opened(detector) as detector:
        finder = _finder(photo, landmarks, face, detector, network, seed)
        first = earlier = estimate = None
        if occluded is None:
            first = finder.detect(np.zeros(photo.shape, bool))
            estimate, earlier = estimate_mask(finder, first, strokes)
            occluded, *others = estimate.masks(hides)
        else:
            occluded, others = occluded if strokes is None else correct(occluded, strokes), []
        seen = detect_again(finder, [check_mask(occluded, photo), *others], earlier, first)
    observation, *alternatives = (
        Observation(photo, points, _masks(points, face_region(points, photo.shape), mask, strokes, estimate))
        for points, mask in seen
    )
    return replace(observation, alternatives=tuple(alternatives))


def _finder(photo, landmarks, face, detector, network, seed) -> FaceFinder:
    """What finds the landmarks of the face that is meant."""
    if landmarks is not None:
        return GivenFace(photo, detector, seed, landmarks)
    near = None if face == 1 else numbered_face(photo, face, detector)
    return DetectedFace(photo, detector, network, seed, near)


def _masks(points, face, occluded, strokes, estimate):
    """The masks of a photo, with where they come from and how sure they are."""
    if estimate is not None:
        origin = "estimated" if strokes is None else "corrected"
        shown = _counted_visible(points, face & ~occluded, estimate)
        return Masks(face, occluded, origin, estimate.confidence, strokes, kinds=estimate.kinds, shown=shown)
    if strokes is not None:
        return Masks(face, occluded, "corrected", strokes=strokes)
    doubt = inverted(occluded, face) or misplaced(occluded, face)
    return Masks(face, occluded, confidence=0.0 if doubt else 1.0, doubt=doubt)


def _counted_visible(points, visible, estimate, least=0.02):
    """The shares of the visible face (H, W) that hair, a beard and clear glasses cover, those over ``least``.

    Hair below the nose, as the face stands in the photo, is a beard.
    """
    down = points.xy[8] - points.xy[27]  # from the bridge of the nose to the chin
    rows, columns = np.indices(visible.shape, sparse=True)
    below = (columns - points.xy[33, 0]) * down[0] + (rows - points.xy[33, 1]) * down[1] > 0
    covers = {"hair": estimate.hair & ~below, "a beard": estimate.hair & below, "clear glasses": estimate.glasses}
    shares = {name: float(region[visible].mean()) for name, region in covers.items()} if visible.any() else {}
    return {name: share for name, share in shares.items() if share > least}
