"""True heads to compare with: occluded renders of heads that no model saw, and how far a head is from the true one."""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.diversity.search import PartialHead
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.synthetic import draw_view
from d3f_lite.fitting.fit import what_the_photo_shows
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.landmark_detection import detect_landmarks

# The random stream of each occluder's cases. Closed: an occluder that comes later gets a number by its name.
STREAMS = {"surgical_mask": 0, "sunglasses": 1, "scarf": 2, "hand": 3, "sticker": 4, "half_face": 5, "random_blob": 6}


def case_seed(number: int, occluder: str, seed: int = 0) -> int:
    """The seed of held-out head ``number`` under an occluder: by its name, so that a new occluder changes no other's cases.

    >>> case_seed(2, "scarf"), case_seed(2, "scarf", seed=5)
    (2002, 2007)
    """
    return seed + 1000 * number + STREAMS.get(occluder, crc32(occluder.encode()))


@dataclass(frozen=True, eq=False)
class Case:
    """An occluded render of a known head.

    Args:
        truth: mm.
        occluder: its kind.
        photo: with the occluder.
        mask: exact.
        shown: what the photo shows of the true head, by the camera that saw it; ``free`` are the occluded vertices.
    """

    truth: Float[np.ndarray, "V 3"]
    occluder: str
    photo: Photo
    mask: Bool[np.ndarray, "H W"]
    shown: PartialHead


def draw_case(
    head: HeadModel,
    truth: Float[np.ndarray, "V 3"],
    occluder: str | Callable,
    seed: int,
    detector: MediapipeDetector,
    largest_yaw: float = 0.55,
    views: int = 10,
) -> Case:
    """Render a head and draw an occluder on it: a Case, the same for the same seed.

    Args:
        truth: mm.
        occluder: its kind, or a function (photo, landmarks, seed) -> (photo, mask).
        largest_yaw: radians.
        views: tried, until the detector finds the face before it is occluded.

    Raises:
        LandmarkError: the face was found in none of the views.
    """
    generator = np.random.default_rng(seed)
    for _ in range(views):
        photo, camera = draw_view(head, truth, generator, largest_yaw=largest_yaw)
        try:
            landmarks = detect_landmarks(photo, seed=seed, detector=detector)
        except LandmarkError:
            continue
        if callable(occluder):
            name, (covered, mask) = occluder.__name__, occluder(photo, landmarks, seed)
        else:
            name, (covered, mask) = occluder, draw_occluder(photo, landmarks, occluder, seed=seed)
        shown = PartialHead(truth, *what_the_photo_shows(truth, head, camera, mask), head.triangles)
        return Case(truth, name, covered, mask, shown)
    raise LandmarkError(f"no face found in {views} views of a head")


def observe_filled(case, detector: MediapipeDetector) -> Observation:
    """What ``reconstruct`` sees of a case's ``photo`` and ``mask``: the occluder is filled before the detector looks."""
    return observe(case.photo, case.mask, detector=detector)


def observe_blind(case, detector: MediapipeDetector) -> Observation:
    """A case's photo as one sees it who ignores the mask."""
    return observe(case.photo, np.zeros_like(case.mask), detector=detector)


def align_all(
    heads: Float[np.ndarray, "N V 3"],
    base: Float[np.ndarray, "V 3"],
    truth: Float[np.ndarray, "V 3"],
    where: Bool[np.ndarray, "V"],
    scale: bool = True,
) -> Float[np.ndarray, "N V 3"]:
    """Move heads (mm) as Procrustes moves ``base`` onto the true head over the vertices ``where``, all alike.

    A photo tells neither the size of a head nor, to the millimetre, its pose; ``scale`` says whether size is aligned.
    """
    from trimesh.registration import procrustes
    from trimesh.transformations import transform_points

    matrix, _, _ = procrustes(base[where], truth[where], reflection=False, scale=scale)
    return transform_points(heads.reshape(-1, 3), matrix).reshape(heads.shape).astype(np.float32)


def face_error(
    vertices: Float[np.ndarray, "V 3"], truth: Float[np.ndarray, "V 3"], where: Bool[np.ndarray, "V"], scale: bool = True
) -> float:
    """Mean distance in mm between a head and the true one over the vertices ``where`` (V,) bool, aligned there."""
    (aligned,) = align_all(vertices[None], vertices, truth, where, scale)
    return float(np.linalg.norm(aligned - truth, axis=1)[where].mean())
