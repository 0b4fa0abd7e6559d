"""One face of a photo under one mask after another, and the mask itself: what ``observe`` asks for."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.errors import LandmarkError
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.agreement import check_agreement
from d3f_lite.perception.detector import MediapipeDetector, same_face
from d3f_lite.perception.face_alignment import FaceAlignmentNetwork
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.perception.looks import Search
from d3f_lite.perception.mask_estimation import OcclusionEstimate, estimate_occlusion
from d3f_lite.perception.turned_and_cut_faces import best_of, half_face, on_the_same_face, quarter_turns


@runtime_checkable
class FaceFinder(Protocol):
    """Finds the landmarks of one face of its photo, whatever hides it."""

    @property
    def photo(self) -> Photo:
        """The whole photo."""

    @property
    def network(self) -> FaceAlignmentNetwork | None:
        """What finds the landmarks that count, if not the detector."""

    def detect(self, occluded: Bool[np.ndarray, "H W"], before: Landmarks | None = None, final: bool = False) -> Landmarks:
        """The landmarks with the occluder filled; raises LandmarkError where nothing is a face.

        Args:
            occluded: True under the occluder.
            before: landmarks found earlier: the face lies as it did before.
            final: whether these are the ones that count, and worth a slower detector.
        """

    def half(self, occluded: Bool[np.ndarray, "H W"]) -> Landmarks | None:
        """The landmarks once the face's visible half is mirrored onto the other, if there are any."""


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """The FaceFinder of the largest face, or of the one where the points ``near`` px lie."""

    photo: Photo
    detector: MediapipeDetector
    network: FaceAlignmentNetwork | None
    seed: int
    near: Float[np.ndarray, "478 2"] | None = None

    def detect(self, occluded, before=None, final=False):
        """See FaceFinder."""
        turns = None if before is None else quarter_turns(before)
        network = self.network if final else None
        return detect_landmarks(self.photo, occluded, seed=self.seed, detector=self.detector, network=network,
                                turns=turns, near=self.near)  # fmt: skip

    def half(self, occluded):
        """See FaceFinder."""
        if self.near is not None:
            return None
        return half_face(Search(self.photo, occluded, self.detector, self.network, self.seed))


@dataclass(frozen=True, eq=False)
class GivenFace:
    """The FaceFinder of given landmarks; they get the detector's mesh of the same face, if it finds one."""

    photo: Photo
    detector: MediapipeDetector
    seed: int
    given: Landmarks
    network: None = None

    def detect(self, occluded, before=None, final=False):
        """See FaceFinder; it always finds them, and compares them at first with what the detector sees."""
        given, options = self.given, {"seed": self.seed, "detector": self.detector}
        try:
            landmarks = detect_landmarks(self.photo, occluded, **options)
        except LandmarkError:
            return replace(given, faces=0, dense=None).mask_out(occluded)
        if not same_face([given.xy], landmarks.dense):
            landmarks = self._nearer(occluded) or landmarks
        if before is None:
            check_agreement(given, landmarks, occluded)
        dense = landmarks.dense if same_face([given.xy], landmarks.dense) else None
        return replace(given, faces=landmarks.faces, dense=dense).mask_out(occluded)

    def _nearer(self, occluded):
        """The landmarks of a smaller or a less plain face where the given ones lie, if there is one."""
        for detector in (self.detector, self.detector.lenient):
            with suppress(LandmarkError):
                return detect_landmarks(self.photo, occluded, seed=self.seed, detector=detector, near=self.given.xy)
        return None

    def half(self, occluded):
        """See FaceFinder; given landmarks need none."""
        return None


def estimate_mask(finder: FaceFinder, first: Landmarks, strokes=None) -> tuple[OcclusionEstimate, Landmarks]:
    """Estimate the mask twice; the second time with a mesh that the occluder did not squeeze, as it was filled.

    Args:
        first: the landmarks in the photo as it stands, occluder and all.
        strokes: (H, W) int8 (see Stroke) that correct the second estimate: none moves the mesh, and with it the mask elsewhere.

    Returns:
        The estimate, and the landmarks that it was made with.
    """
    estimate, landmarks = estimate_occlusion(finder.photo, first), first
    if estimate.occluded.any():
        filled = _try_to_detect(finder, estimate.occluded, first)
        if filled is not None and on_the_same_face(filled, first):  # else it looks, filled, like no face, or another
            landmarks = filled
    if strokes is not None or landmarks.dense is not first.dense:
        estimate = estimate_occlusion(finder.photo, landmarks, strokes)
    return estimate, landmarks


def detect_again(
    finder: FaceFinder,
    masks: list[Bool[np.ndarray, "H W"]],
    earlier: Landmarks | None = None,
    first: Landmarks | None = None,
) -> list[tuple[Landmarks, Bool[np.ndarray, "H W"]]]:
    """The landmarks that count, with the occluder filled; ``best_of`` says which to take where these are too few or astray.

    Args:
        masks: the mask, True under the occluder, and others that it may be as well.
        earlier: the landmarks that the mask was estimated with, if it was.
        first: those in the photo as it stands.

    Returns:
        The landmarks under the mask, and under each of the others that leaves enough of the face, each with its mask.
    """
    occluded, others = masks[0], []
    if earlier is not None and earlier is first and finder.network is None and not any(mask.any() for mask in masks):
        return [(first, occluded)]  # nothing was filled: it would all be seen again
    if earlier is None:
        landmarks = finder.detect(occluded, final=True)
    else:
        last, *others = (_try_to_detect(finder, mask, earlier, final=True) for mask in masks)
        landmarks = best_of(last, earlier, first, occluded)
    half = finder.half(occluded) if occluded.any() and not landmarks.enough else None
    if half is not None and half.enough:
        landmarks = half
    seen = [(landmarks, occluded)]
    for other, mask in zip(others, masks[1:]):
        if landmarks.enough and other is not None and other.enough:
            seen.append((other, mask))
    return seen


def _try_to_detect(finder, occluded, before, final=False):
    """The landmarks with the occluder filled, or None where nothing is a face any more."""
    try:
        return finder.detect(occluded, before, final)
    except LandmarkError:
        return None
