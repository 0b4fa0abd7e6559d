"""Observe a photo: detect the landmarks, estimate the mask, detect again behind the filled occluder."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from d3f_lite.observation.landmarks import Landmarks, face_region
from d3f_lite.observation.masks import Masks, check_mask, check_strokes, correct, inverted
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import MediapipeDetector, opened
from d3f_lite.perception.face_alignment import FaceAlignmentNetwork
from d3f_lite.perception.face_finder import FaceFinder
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
        occluded: (H, W) bool, True under the occluder (all False: nothing is occluded); None: it is estimated.
        landmarks: taken where the mask does not hide them; None: they are detected, with the occluder filled.
        strokes: (H, W) int8 (see Stroke) that correct a given mask pixel by pixel, and an estimated one also nearby,
            where the colours are alike.
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
    with opened(detector) as detector:
        near = numbered_face(photo, face, detector) if face > 1 and landmarks is None else None
        finder = FaceFinder(photo, landmarks, near, detector, network, seed)
        first = earlier = estimate = None
        others: list = []
        if occluded is None:
            first = finder.detect(np.zeros(photo.shape, bool))
            estimate, earlier = finder.estimate_mask(first, strokes)
            occluded, *others = estimate.masks(hides)
        elif strokes is not None:
            occluded = correct(check_mask(occluded, photo), check_strokes(strokes, photo))
        occluded = check_mask(occluded, photo)
        landmarks = finder.detect_again(occluded, earlier, first)
        masks = _masks(photo, landmarks, occluded, strokes, estimate)
        alternatives = _alternatives(finder, masks, others, earlier) if landmarks.enough else ()
    return Observation(photo, landmarks, masks, alternatives)


def _masks(photo, landmarks, occluded, strokes, estimate):
    """The masks of a photo, with where ``occluded`` comes from."""
    face, origin = face_region(landmarks, photo.shape), "given" if estimate is None else "estimated"
    if strokes is not None:
        origin = "corrected"
    if estimate is not None:
        return Masks(face, occluded, origin, estimate.confidence, strokes, "", estimate.kinds)
    doubt = inverted(occluded, face) if strokes is None else ""
    return Masks(face, occluded, origin, 0.0 if doubt else 1.0, strokes, doubt)


def _alternatives(finder, masks, others, earlier):
    """The photo as seen under each of the ``others`` (H, W) that leave enough of the face."""
    seen = []
    for occluded in others:
        landmarks = finder.try_again(occluded, earlier)
        if landmarks is not None and landmarks.enough:
            face = face_region(landmarks, finder.photo.shape)
            seen.append(Observation(finder.photo, landmarks, replace(masks, face=face, occluded=occluded)))
    return tuple(seen)
