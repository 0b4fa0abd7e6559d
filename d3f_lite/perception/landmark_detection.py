"""Detect the landmarks of a face, blind to what occludes it."""

import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.errors import LandmarkError
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.masks import check_mask
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import MediapipeDetector, find_faces, opened
from d3f_lite.perception.face_alignment import FaceAlignmentNetwork
from d3f_lite.perception.looks import Search
from d3f_lite.perception.turned_and_cut_faces import face_near, steadiest_turn, turned_face, upright_face


def detect_landmarks(
    photo: Photo,
    occluded: Bool[np.ndarray, "H W"] | None = None,
    *,
    seed: int = 0,
    jitters: int = 13,
    detector: MediapipeDetector | None = None,
    network: FaceAlignmentNetwork | None = None,
    turns: int | None = None,
    near: Float[np.ndarray, "P 2"] | None = None,
) -> Landmarks:
    """Find the largest face's landmarks from the unmasked pixels only.

    The masked pixels are filled before the detector looks, so their content cannot matter: first with the colours around them,
    then with the median of the face's visible part. Points are medians over jittered looks; their spread, the mask and the
    photo's border give the confidence. ``turned_and_cut_faces`` looks for faces that are cut, half hidden, small or turned.

    Args:
        photo: the whole photo.
        occluded: True where something covers the face.
        seed: of the jitter.
        jitters: how many shifted, scaled and turned looks; 0: one look only.
        detector: an open one; by default one is opened.
        network: its points and scores take the place of those of MediaPipe.
        turns: how many quarter turns to the left make the face upright, where that is known.
        near: px; the face that lies where these points do is taken, as the photo stands.

    Raises:
        MaskError: an unusable mask.
        LandmarkError: no face was found.

    >>> from d3f_lite import sample_photo
    >>> landmarks = detect_landmarks(sample_photo("astronaut"))
    >>> landmarks.xy.shape, landmarks.faces, landmarks.enough
    ((68, 2), 1, True)
    """
    occluded = np.zeros(photo.shape, bool) if occluded is None else check_mask(occluded, photo)
    with opened(detector) as detector:
        search = Search(photo, occluded, detector, network, seed, jitters)
        if near is not None:
            landmarks = face_near(search, near)
        elif turns:
            landmarks = turned_face(search, turns)
        else:
            landmarks = upright_face(search)
            if turns is None:
                landmarks = steadiest_turn(search, landmarks)
    if landmarks is None:
        covered, hint = occluded.mean(), "use an upright photo that shows more of one face"
        if covered > 0.5:
            hint += f"; the mask covers {covered:.0%} of the photo: is it inverted? White is what hides the face"
        raise LandmarkError(f"{photo.name}: no face was found; {hint}")
    return landmarks.mask_out(occluded)


def count_faces(photo: Photo) -> int:
    """How many faces ``observe`` can tell apart, 1 at least: one that is found in another way than by size is one, too."""
    with MediapipeDetector() as detector:
        return max(1, len(find_faces(photo.pixels, detector)))


def numbered_face(photo: Photo, face: int, detector: MediapipeDetector) -> Float[np.ndarray, "478 2"]:
    """The mesh px of the face of this number, by size from 1; raises LandmarkError where there are not so many."""
    meshes = find_faces(photo.pixels, detector)
    if not 1 <= face <= len(meshes):
        number = "no face was" if not meshes else "one face was" if len(meshes) == 1 else f"{len(meshes)} faces were"
        raise LandmarkError(f"{photo.name}: {number} found, so there is no face {face}; number them by size from 1")
    return meshes[face - 1]
