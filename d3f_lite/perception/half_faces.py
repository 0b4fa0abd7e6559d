"""Faces of which one half shows: too little for the detector, until that half is mirrored onto the other."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from d3f_lite.perception.face_detection import MediapipeDetector, face_size, same_face, square_crop

# MediaPipe's mesh points on the face's midline, from the forehead to the chin.
MIDLINE = (10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 2, 0, 13, 14, 17, 18, 200, 199, 175, 152)
LEFT_EDGE = (33, 234)  # points left of it in an upright photo: an eye's corner, the cheek
VIEW_SIDE = 256  # px
# Views of the whole photo: the margin around it (a part of its longer side; less than 0 cuts it), and its turn in radians.
VIEWS = tuple((margin, turn) for margin in (-0.1, 0.0, 0.25, 0.5, 1.0) for turn in (-0.2, 0.0, 0.2))
CHECKS = ((-0.1, 0.0), (0.0, 0.0), (0.25, 0.0), (0.5, 0.0), (0.25, -0.17), (0.25, 0.17))
ENOUGH = 4  # of the checks must show the mirrored face
MOST_CANDIDATES = 4
LIKE_SIZE = 0.4  # log of the ratio up to which two sizes are alike


@dataclass(frozen=True, eq=False)
class HalfFace:
    """A face whose better half was mirrored onto the other.

    `pixels` show it, `mesh` px lies on it, and `mirrored` is the new side of its midline.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    mesh: Float[np.ndarray, "478 2"]
    mirrored: Bool[np.ndarray, "H W"]


def find_half_face(pixels: UInt8[np.ndarray, "H W 3"], detector: MediapipeDetector) -> HalfFace | None:
    """The face in `pixels` of which about one half shows, if any.

    A lenient detector names candidates. One that is a face becomes one for the strict detector when its visible half is
    mirrored onto the other; what only looks a little like a face, such as a cup, does not.
    """
    best, most = None, ENOUGH - 1
    for candidate in _candidates(pixels, detector.lenient):
        for side in (-1, 1):
            whole, mirrored = mirror(pixels, candidate, side)
            found = [face for view in CHECKS for face in _alike(_seen(whole, view, detector), candidate)[:1]]
            if len(found) > most:
                best, most = HalfFace(whole, np.median(found, axis=0), mirrored), len(found)
    return best


def mirror(
    pixels: UInt8[np.ndarray, "H W 3"], mesh: Float[np.ndarray, "478 2"], side: int
) -> tuple[UInt8[np.ndarray, "H W 3"], Bool[np.ndarray, "H W"]]:
    """The `pixels` with one half of the face `mesh` px, left (-1) or right (1), mirrored onto the other.

    Returns the new pixels and where they are new, (H, W) bool.
    """
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


def _candidates(pixels, lenient) -> list[np.ndarray]:
    """Mesh points (478, 2) px of what may be a face, that which most views show first."""
    groups = []
    for face in (face for view in VIEWS for face in _seen(pixels, view, lenient)):
        for group in groups:
            if _alike([face], group[0]):
                group.append(face)
                break
        else:
            groups.append([face])
    groups.sort(key=len, reverse=True)
    return [np.median(group, axis=0) for group in groups[:MOST_CANDIDATES]]


def _seen(pixels, view, detector) -> list[np.ndarray]:
    """The mesh points (478, 2) px of the faces that one view of the whole photo shows, in the photo."""
    margin, turn = view
    height, width = pixels.shape[:2]
    scale = VIEW_SIDE / (max(height, width) * (1 + 2 * margin))
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    offset = VIEW_SIDE / 2 - linear @ (width / 2, height / 2)
    found = detector.detect(square_crop(pixels, linear, offset, VIEW_SIDE))
    return [(face - offset) @ np.linalg.inv(linear).T for face in found]


def _alike(faces, face) -> list[np.ndarray]:
    """Those of `faces` that lie where `face` does and are about as large."""
    size = face_size(face)
    return [other for other in same_face(faces, face) if abs(np.log(face_size(other) / size)) < LIKE_SIZE]
