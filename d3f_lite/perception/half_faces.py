"""Faces of which one half shows: too little for the detector, until that half is mirrored onto the other."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from d3f_lite.perception.detector import MediapipeDetector, face_size, same_face

# MediaPipe's mesh points on the face's midline, from the forehead to the chin.
MIDLINE = (10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 2, 0, 13, 14, 17, 18, 200, 199, 175, 152)
LEFT_EDGE = (33, 234)  # points left of it in an upright photo: an eye's corner, the cheek
# Views of the whole photo: the margin around it (a part of its longer side; less than 0 cuts it), and its turn in radians.
VIEWS = tuple((margin, turn) for margin in (-0.1, 0.0, 0.25, 0.5, 1.0) for turn in (-0.2, 0.0, 0.2))
CHECKS = ((-0.1, 0.0), (0.0, 0.0), (0.25, 0.0), (0.5, 0.0), (0.25, -0.17), (0.25, 0.17))


@dataclass(frozen=True, eq=False)
class HalfFace:
    """A face whose better half was mirrored onto the other."""

    pixels: UInt8[np.ndarray, "H W 3"]  # that show it
    mesh: Float[np.ndarray, "478 2"]  # px, where it lies
    mirrored: Bool[np.ndarray, "H W"]  # True on the new side of its midline


def find_half_face(pixels: UInt8[np.ndarray, "H W 3"], detector: MediapipeDetector, enough: int = 4) -> HalfFace | None:
    """The face of which about one half shows, if any.

    A lenient detector names candidates. One that is a face becomes one for the strict detector, in ``enough`` of CHECKS, when
    its visible half is mirrored onto the other; what only looks a little like a face, such as a cup, does not.
    """
    best, most = None, enough - 1
    for candidate in _candidates(pixels, detector.lenient):
        for side in (-1, 1):
            whole, mirrored = mirror(pixels, candidate, side)
            meshes = [mesh for view in CHECKS for mesh in _alike(seen(whole, view, detector), candidate)[:1]]
            if len(meshes) > most:
                best, most = HalfFace(whole, np.median(meshes, axis=0), mirrored), len(meshes)
    return best


def mirror(
    pixels: UInt8[np.ndarray, "H W 3"], mesh: Float[np.ndarray, "478 2"], side: int
) -> tuple[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """Mirror the left (``side`` -1) or right (1) half of the face with this mesh px onto the other: pixels, and where new."""
    midline = mesh[list(MIDLINE)]
    middle = midline.mean(axis=0)
    along = np.linalg.svd(midline - middle, full_matrices=False)[2][0]
    across = np.array([-along[1], along[0]])
    across *= side * np.sign((middle - mesh[list(LEFT_EDGE)].mean(axis=0)) @ across)
    x, y = np.meshgrid(*(np.arange(length) + 0.5 for length in pixels.shape[1::-1]))
    beyond = -((x - middle[0]) * across[0] + (y - middle[1]) * across[1]).clip(max=0)  # px past the midline
    x, y = (axis + 2 * beyond * step - 0.5 for axis, step in zip((x, y), across))  # OpenCV counts from pixel centres
    whole = cv2.remap(pixels, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return whole, beyond > 0


def seen(
    pixels: UInt8[np.ndarray, "H W 3"], view: tuple[float, float], detector: MediapipeDetector, side: int = 256
) -> list[Float[np.ndarray, "478 2"]]:
    """The meshes px of the faces that one of VIEWS of the whole photo shows, ``side`` px wide; they lie in the photo."""
    margin, turn = view
    height, width = pixels.shape[:2]
    scale = side / (max(height, width) * (1 + 2 * margin))
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return detector.detect_in_crop(pixels, linear, side / 2 - linear @ (width / 2, height / 2), side)


def _candidates(pixels, lenient, most: int = 4):
    """The meshes (478, 2) px of at ``most`` so many things that may be faces, that which most views show first."""
    groups: list[list] = []
    for mesh in (mesh for view in VIEWS for mesh in seen(pixels, view, lenient)):
        alike = [group for group in groups if _alike([mesh], group[0])]
        if alike:
            alike[0].append(mesh)
        else:
            groups.append([mesh])
    groups.sort(key=len, reverse=True)
    return [np.median(group, axis=0) for group in groups[:most]]


def _alike(meshes, mesh):
    """Those of ``meshes`` that lie where ``mesh`` does and are about as large."""
    size = face_size(mesh)
    return [other for other in same_face(meshes, mesh) if abs(np.log(face_size(other) / size)) < 0.4]
