"""The landmarks of a face whose place is known: the median of several looks at it, whose spread says how sure each is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, UInt8

from d3f_lite.observation.landmarks import FACE_OVAL, MEDIAPIPE, Landmarks, interocular_distance, region_inside
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import MediapipeDetector, find_faces
from d3f_lite.perception.face_alignment import FaceAlignmentNetwork
from d3f_lite.perception.face_mesh import face_size, same_face, to_68
from d3f_lite.perception.inpainting import inpaint, paint


@dataclass(frozen=True)
class Jitter:
    """How the looks at a face differ, and what their spread says.

    Args:
        shift: standard deviation of the crop's shift, of the face's size.
        log_scale: standard deviation of the log of its scale.
        rotation: standard deviation of its rotation, radians.
        side: px of the square crop.
        face: part of that side that the face takes.
        steady: % of the inter-ocular distance; a spread up to this is full confidence.
        decay: % of the inter-ocular distance, by which confidence falls by e beyond that.
        astray: % of the inter-ocular distance; a look farther off than this, on average, has failed.
    """

    shift: float = 0.04
    log_scale: float = 0.08
    rotation: float = np.radians(6)
    side: int = 256
    face: float = 0.5
    steady: float = 1.0
    decay: float = 3.0
    astray: float = 10.0


@dataclass(frozen=True, eq=False)
class Search:
    """A photo in which a face is looked for, and what looks for it.

    Args:
        photo: the whole photo.
        occluded: True under the occluder, whose pixels no detector sees.
        detector: an open one.
        network: whose points take the place of those of the detector's mesh, if there is one.
        seed: of the jitter.
        jitters: how many looks; at 0 the detector's first one counts.
    """

    photo: Photo
    occluded: Bool[np.ndarray, "H W"]
    detector: MediapipeDetector
    network: FaceAlignmentNetwork | None = None
    seed: int = 0
    jitters: int = 13

    @cached_property
    def inpainted(self) -> UInt8[np.ndarray, "H W 3"]:
        """The photo with the occluder in the colours around it."""
        return inpaint(self.photo.pixels, self.occluded)


def locate_visible(search: Search, meshes: list[Float[np.ndarray, "478 2"]]) -> Landmarks:
    """The landmarks of the first of the faces found in ``search.inpainted``, those under the occluder among them.

    The detector looks again with the occluder in the median colour of the face's visible part, of which it must show a
    little.
    """
    pixels, mesh = search.inpainted, meshes[0]
    skin = region_inside(mesh[list(FACE_OVAL)], search.photo.shape) & ~search.occluded
    if search.occluded.any() and skin.sum() >= 64:  # px
        pixels = paint(search.photo.pixels, search.occluded, skin)
        mesh = (same_face(find_faces(pixels, search.detector), mesh) or [mesh])[0]
    return locate(search, pixels, mesh, len(meshes))


def locate(
    search: Search,
    pixels: UInt8[np.ndarray, "H W 3"],
    mesh: Float[np.ndarray, "478 2"],
    faces: int = 1,
    jitter: Jitter = Jitter(),
) -> Landmarks:
    """The landmarks of a face, hidden or not, from jittered looks at it.

    Args:
        pixels: the picture to look at.
        mesh: px, where the face lies in it.
        faces: how many were found.
    """
    looks = _looks(search, pixels, mesh, jitter)
    dense = np.median(looks or [mesh], axis=0)
    if search.network is None:
        backend, xy = MEDIAPIPE, to_68(dense)
        confidence = np.ones(68) if search.jitters == 0 else _steadiness(looks, xy, search.jitters, jitter)
    else:
        backend, (xy, confidence) = search.network.name, search.network.locate(pixels, dense)
    return Landmarks(xy.astype(np.float32), confidence.astype(np.float32), backend, faces, dense.astype(np.float32))


def _looks(search, pixels, mesh, jitter):
    """The meshes (478, 2) px found in each of the jittered crops around ``mesh``, where one was found."""
    centre, size = (mesh.max(axis=0) + mesh.min(axis=0)) / 2, face_size(mesh)
    random, looks = np.random.default_rng(search.seed), []
    for _ in range(search.jitters):
        shift = random.normal(0, jitter.shift * size, 2)
        scale = jitter.face * jitter.side / size * np.exp(random.normal(0, jitter.log_scale))
        turn = random.normal(0, jitter.rotation)
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        offset = jitter.side / 2 - linear @ (centre + shift)
        looks += same_face(search.detector.detect_in_crop(pixels, linear, offset, jitter.side), mesh)[:1]
    return looks


def _steadiness(looks, xy, jitters, jitter):
    """Confidence (68,) from the spread over jittered looks (in % of the inter-ocular distance) and their success."""
    squared = (np.array([to_68(look) - xy for look in looks]).reshape(-1, *xy.shape) ** 2).sum(axis=2)
    unit = interocular_distance(xy) / 100
    # A look that takes something else for the face has failed: it must not cost the others their confidence.
    squared = squared[np.sqrt(squared).mean(axis=1) < jitter.astray * unit]
    if not len(squared):
        return np.zeros(len(xy))
    spread = np.sqrt(squared.mean(axis=0)) / unit
    return len(squared) / jitters * np.exp(-np.maximum(spread - jitter.steady, 0) / jitter.decay)
