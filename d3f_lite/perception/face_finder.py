"""The landmarks of one face of a photo under one mask after another, and the mask itself: what ``observe`` asks for."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.errors import LandmarkError
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.photo import Photo
from d3f_lite.perception import rescue
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.face_alignment import FaceAlignmentNetwork
from d3f_lite.perception.face_mesh import same_face
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.perception.looks import Search
from d3f_lite.perception.mask_estimation import OcclusionEstimate, estimate_occlusion


@dataclass(frozen=True, eq=False)
class FaceFinder:
    """Finds one face of a photo, whatever hides it.

    Args:
        photo: the whole photo.
        given: landmarks from elsewhere, which are then taken, with the detector's mesh on the same face, if any.
        near: px, points on the face; None: the largest one.
        detector: an open one.
        network: finds the landmarks in the end, if there is one.
        seed: of the jitter.
    """

    photo: Photo
    given: Landmarks | None
    near: Float[np.ndarray, "478 2"] | None
    detector: MediapipeDetector
    network: FaceAlignmentNetwork | None
    seed: int

    def detect(
        self,
        occluded: Bool[np.ndarray, "H W"],
        before: Landmarks | None = None,
        network: FaceAlignmentNetwork | None = None,
    ) -> Landmarks:
        """The landmarks with the occluder filled.

        Args:
            occluded: True under the occluder.
            before: landmarks found earlier: the face lies as it did before.
            network: of ``detect_landmarks``.

        Raises:
            LandmarkError: no face was found.
        """
        if self.given is not None:
            return self._with_mesh(self.given, occluded)
        turns = None if before is None else rescue.quarter_turns(before)
        return detect_landmarks(self.photo, occluded, seed=self.seed, detector=self.detector, network=network,
                                turns=turns, near=self.near)  # fmt: skip

    def estimate_mask(self, first: Landmarks, strokes) -> tuple[OcclusionEstimate, Landmarks]:
        """The mask, estimated twice, and the landmarks it was estimated with in the end.

        The detector squeezes its mesh into what it sees of a face; once the occluder is filled, it does so less. Strokes
        correct the second estimate only, so that none moves the mesh, and with it the mask elsewhere.

        Args:
            first: the landmarks in the photo as it stands, occluder and all.
            strokes: (H, W) int8 (see Stroke), or None.
        """
        estimate, landmarks = estimate_occlusion(self.photo, first), first
        if estimate.occluded.any():
            filled = self._try_to_detect(estimate.occluded, first)
            if filled is not None:  # else it looks, filled, like a face no more
                landmarks = filled if rescue.on_the_same_face(filled, first) else first.mask_out(estimate.occluded)
        if strokes is not None or landmarks.dense is not first.dense:
            estimate = estimate_occlusion(self.photo, landmarks, strokes)
        return estimate, landmarks

    def detect_again(self, occluded: Bool[np.ndarray, "H W"], earlier: Landmarks | None, first: Landmarks | None) -> Landmarks:
        """The landmarks that count, with the occluder filled.

        Args:
            occluded: the mask, True under the occluder.
            earlier: the landmarks that it was estimated with, if it was.
            first: those in the photo as it stands.

        Raises:
            LandmarkError: no face was found.
        """
        try:
            landmarks = self.detect(occluded, earlier, self.network)
        except LandmarkError as error:
            if earlier is None:
                raise _maybe_inverted(error, occluded) from None
            landmarks = None
        if earlier is not None:
            landmarks = rescue.best_of(landmarks, earlier.mask_out(occluded), first, occluded)
        if self.given is None and self.near is None and occluded.any() and not landmarks.enough:
            half = rescue.half_face(Search(self.photo, occluded, self.detector, self.network, self.seed))
            landmarks = half if half is not None and half.enough else landmarks
        return landmarks

    def try_again(self, occluded: Bool[np.ndarray, "H W"], earlier: Landmarks) -> Landmarks | None:
        """The landmarks under another mask, where a face is found."""
        return self._try_to_detect(occluded, earlier, self.network)

    def _try_to_detect(self, occluded, before, network=None):
        """As ``detect``, or None where there is no face."""
        try:
            return self.detect(occluded, before, network)
        except LandmarkError:
            return None

    def _with_mesh(self, given, occluded):
        """The given landmarks with the detector's mesh of the same face, if it finds one; none hidden is trusted."""
        options = {"seed": self.seed, "detector": self.detector}
        try:
            detected = detect_landmarks(self.photo, occluded, **options)
            if detected.faces > 1 and not same_face([given.xy], detected.dense):
                detected = detect_landmarks(self.photo, occluded, **options, near=given.xy)
        except LandmarkError:
            return replace(given, faces=0, dense=None).mask_out(occluded)
        same = bool(same_face([given.xy], detected.dense))
        return replace(given, faces=detected.faces, dense=detected.dense if same else None).mask_out(occluded)


def _maybe_inverted(error, occluded):
    """The error that no face was found, with the mask named where it may be the reason."""
    covered = occluded.mean()
    if covered <= 0.5:
        return error
    return LandmarkError(f"{error}; the mask covers {covered:.0%} of the photo: is it inverted? White is what hides the face")
