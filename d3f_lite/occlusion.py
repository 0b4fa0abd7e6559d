"""What is observed of a face: the photo, its landmarks, and which pixels are face and which are occluded."""

from dataclasses import dataclass

import numpy as np

from d3f_lite.landmarks import Landmarks, MediapipeDetector, detect_landmarks, face_region
from d3f_lite.photo import Photo, check_mask


@dataclass(frozen=True, eq=False)
class Masks:
    """Two regions of a photo, (H, W) bool each: the whole `face`, hidden parts too, and what is `occluded`."""

    face: np.ndarray
    occluded: np.ndarray

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


def observe(
    photo: Photo, occluded: np.ndarray | None = None, *, seed: int = 0, detector: MediapipeDetector | None = None
) -> Observation:
    """Find the landmarks and masks of a photo; `occluded` (H, W) bool is True under the occluder, None for no occluder.

    Raises MaskError for an unusable mask and LandmarkError if no face is found.
    """
    landmarks = detect_landmarks(photo, occluded, seed=seed, detector=detector)
    hidden = np.zeros(photo.shape, bool) if occluded is None else check_mask(occluded, photo)
    return Observation(photo, landmarks, Masks(face_region(landmarks, photo.shape), hidden))
