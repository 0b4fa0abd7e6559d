"""What is observed of a face: the photo, its landmarks, and which pixels are face and which are occluded."""

from dataclasses import dataclass

import numpy as np

from d3f_lite.landmarks import Landmarks, MediapipeDetector, detect_landmarks, face_region, with_mesh
from d3f_lite.photo import OCCLUDED, VISIBLE, Photo, check_mask, check_strokes


@dataclass(frozen=True, eq=False)
class Masks:
    """Two regions of a photo, (H, W) bool each: the whole `face`, hidden parts too, and what is `occluded`.

    `origin` says where `occluded` comes from: "given", "estimated", or "corrected" by strokes; `confidence` how sure
    it is: 1 if given, else that of the OcclusionEstimate; `strokes` (H, W) int8 are those that corrected it, if any.
    """

    face: np.ndarray
    occluded: np.ndarray
    origin: str = "given"
    confidence: float = 1.0
    strokes: np.ndarray | None = None

    @property
    def visible(self) -> np.ndarray:
        """The face's visible pixels, (H, W) bool."""
        return self.face & ~self.occluded


@dataclass(frozen=True, eq=False)
class Observation:
    """One photo with its landmarks and masks: all that the fit gets to see."""

    photo: Photo
    landmarks: Landmarks
    masks: Masks


@dataclass(frozen=True, eq=False)
class OcclusionEstimate:
    """What hides a face, as far as the photo tells.

    `probability` (H, W) float32 of being occluded, 0 outside the face; `occluded` (H, W) bool, unsure pixels included;
    `confidence` from 0 to 1, the mean of |2 p - 1| over the face's pixels: 1 if every one is sure.
    """

    probability: np.ndarray
    occluded: np.ndarray
    confidence: float


def estimate_occlusion(photo: Photo, landmarks: Landmarks, strokes: np.ndarray | None = None) -> OcclusionEstimate:
    """Estimate what hides the face; `strokes` (H, W) int8 correct it: 0 says nothing, 1 = occluded, 2 = visible.

    Raises MaskError for unusable strokes.
    """
    face = face_region(landmarks, photo.shape)
    probability = np.zeros(photo.shape, np.float32)  # until there is a network, only strokes tell
    if strokes is not None:
        probability = corrected(probability > 0, check_strokes(strokes, photo)).astype(np.float32)
    return OcclusionEstimate(probability, probability > 0.5, float(np.abs(2 * probability - 1)[face].mean()))


def corrected(occluded: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """The mask `occluded` (H, W) bool as `strokes` (H, W) int8 correct it."""
    return (occluded | (strokes == OCCLUDED)) & (strokes != VISIBLE)


def observe(
    photo: Photo,
    occluded: np.ndarray | None = None,
    *,
    landmarks: Landmarks | None = None,
    strokes: np.ndarray | None = None,
    seed: int = 0,
    detector: MediapipeDetector | None = None,
    network=None,
) -> Observation:
    """Find the landmarks and masks of a photo.

    `occluded` (H, W) bool is True under the occluder; None: it is estimated (all False: nothing is occluded). `strokes`
    (H, W) int8 correct either: 0 says nothing, 1 = occluded, 2 = visible. `landmarks`, if given, are taken where the
    mask does not hide them; else they are detected, with the occluder filled, in the end by `network` if there is one.

    Raises MaskError for an unusable mask or strokes, and LandmarkError if no face is found.
    """
    if detector is None:
        with MediapipeDetector() as detector:
            return observe(photo, occluded, landmarks=landmarks, strokes=strokes, seed=seed, detector=detector, network=network)

    def look(hidden, network=None):
        if landmarks is None:
            return detect_landmarks(photo, hidden, seed=seed, detector=detector, network=network)
        return with_mesh(landmarks, photo, hidden, seed=seed, detector=detector)

    origin, confidence = "given" if strokes is None else "corrected", 1.0
    if occluded is None:
        estimate = estimate_occlusion(photo, look(np.zeros(photo.shape, bool)), strokes)
        occluded, confidence = estimate.occluded, estimate.confidence
        origin = "estimated" if strokes is None else "corrected"
    elif strokes is not None:
        occluded = corrected(check_mask(occluded, photo), check_strokes(strokes, photo))
    occluded = check_mask(occluded, photo)
    found = look(occluded, network)
    return Observation(photo, found, Masks(face_region(found, photo.shape), occluded, origin, confidence, strokes))
