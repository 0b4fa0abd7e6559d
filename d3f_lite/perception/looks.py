"""The landmarks of a face whose place is known: the median of several looks at it, whose spread says how sure each is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, UInt8

from d3f_lite.observation.landmarks import FACE_OVAL, MEDIAPIPE, Landmarks, interocular_distance, region_inside
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import MediapipeDetector, face_size, find_faces, same_face, to_68
from d3f_lite.perception.face_alignment import FaceAlignmentNetwork
from d3f_lite.perception.inpainting import inpaint, paint


@dataclass(frozen=True, eq=False)
class Search:
    """A photo in which a face is looked for, and what looks for it."""

    photo: Photo
    occluded: Bool[np.ndarray, "H W"]  # True under the occluder, whose pixels no detector sees
    detector: MediapipeDetector
    network: FaceAlignmentNetwork | None = None  # its points take the place of those of the detector's mesh
    seed: int = 0  # of the jitter
    jitters: int = 13  # how many looks; at 0 the detector's first one counts

    @cached_property
    def inpainted(self) -> UInt8[np.ndarray, "H W 3"]:
        """The photo with the occluder in the colours around it."""
        return inpaint(self.photo.pixels, self.occluded)


def locate_visible(search: Search, meshes: list[Float[np.ndarray, "478 2"]]) -> Landmarks:
    """The landmarks of the first of the faces found in ``search.inpainted``, those under the occluder among them.

    The detector looks again with the occluder in the median colour of the face's visible part, if any of it shows.
    """
    pixels, mesh = search.inpainted, meshes[0]
    skin = region_inside(mesh[list(FACE_OVAL)], search.photo.shape) & ~search.occluded
    if search.occluded.any() and skin.sum() >= 64:  # px
        pixels = paint(search.photo.pixels, search.occluded, skin)
        mesh = (same_face(find_faces(pixels, search.detector), mesh) or [mesh])[0]
    return locate(search, pixels, mesh, len(meshes))


def locate(search: Search, pixels: UInt8[np.ndarray, "H W 3"], mesh: Float[np.ndarray, "478 2"], faces: int = 1) -> Landmarks:
    """The landmarks, hidden or not, from jittered looks at the face with this mesh px in a picture; ``faces`` were found."""
    looks = _looks(search, pixels, mesh)
    dense = np.median(looks or [mesh], axis=0)
    if search.network is None:
        backend, xy = MEDIAPIPE, to_68(dense)
        confidence = np.ones(68) if search.jitters == 0 else _steadiness(looks, xy, search.jitters)
    else:
        backend, (xy, confidence) = search.network.name, search.network.locate(pixels, dense)
    return Landmarks(xy.astype(np.float32), confidence.astype(np.float32), backend, faces, dense.astype(np.float32))


def _looks(search, pixels, mesh, shift=0.04, log_scale=0.08, rotation=np.radians(6), side: int = 256):
    """The meshes (478, 2) px found in each of the jittered crops around ``mesh``, where one was found.

    Standard deviations of the jitter: the ``shift`` as a part of the face's size, the ``log_scale``, the ``rotation`` in radians.
    The crops are ``side`` px wide, half of it the face.
    """
    centre, size = (mesh.max(axis=0) + mesh.min(axis=0)) / 2, face_size(mesh)
    random, looks = np.random.default_rng(search.seed), []
    for _ in range(search.jitters):
        offset = random.normal(0, shift * size, 2)
        scale = 0.5 * side / size * np.exp(random.normal(0, log_scale))
        turn = random.normal(0, rotation)
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        meshes = search.detector.detect_in_crop(pixels, linear, side / 2 - linear @ (centre + offset), side)
        looks += same_face(meshes, mesh)[:1]
    return looks


def _steadiness(looks, xy, jitters, steady: float = 1.0, decay: float = 3.0, astray: float = 10.0):
    """Confidence (68,) from the spread over jittered looks, in % of the inter-ocular distance, and their success.

    A spread up to ``steady`` is full confidence; beyond that it falls by e each ``decay``.
    """
    squared = (np.array([to_68(look) - xy for look in looks]).reshape(-1, *xy.shape) ** 2).sum(axis=2)
    unit = interocular_distance(xy) / 100
    # A look that takes something else for the face has failed: it must not cost the others their confidence.
    squared = squared[np.sqrt(squared).mean(axis=1) < astray * unit]
    if not len(squared):
        return np.zeros(len(xy))
    spread = np.sqrt(squared.mean(axis=0)) / unit
    return len(squared) / jitters * np.exp(-np.maximum(spread - steady, 0) / decay)
