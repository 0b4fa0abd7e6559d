"""The 68 landmarks of a face, how sure each of them is, and the face that they outline."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped

from d3f_lite.errors import LandmarkError

MEDIAPIPE, FACE_ALIGNMENT = "mediapipe", "face-alignment"  # names of backends
BY_HAND = ", corrected by hand"  # ends the name of a backend some of whose points were moved
OUTER_EYE_CORNERS = (36, 45)  # of the 68: the right eye's, the left eye's
FACE_OVAL = (  # of MediaPipe's mesh points: the outline of the face with its forehead
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The 68 landmarks of one face in the order of Multi-PIE and 300-W.

    Args:
        xy: px of the photo.
        confidence: 0 to 1.
        backend: what found them.
        faces: how many faces it found; these are the largest one's, unless another was asked for.
        dense: px, the points of MediaPipe's mesh, if it found them.

    Raises:
        LandmarkError: other shapes, or numbers out of range.
    """

    xy: Float[np.ndarray, "68 2"]
    confidence: Float[np.ndarray, "68"]
    backend: str
    faces: int
    dense: Float[np.ndarray, "478 2"] | None = None

    def __post_init__(self):
        farthest = 1e6  # px, more than any photo is wide
        if np.shape(self.xy) != (68, 2) or not np.all(np.abs(self.xy) <= farthest):  # false for NaN, too
            raise LandmarkError(f"landmarks must be of shape (68, 2) and lie between {-farthest:g} and {farthest:g}")
        if np.shape(self.confidence) != (68,) or not np.all(np.abs(np.subtract(self.confidence, 0.5)) <= 0.5):
            raise LandmarkError("confidences must be of shape (68,) and lie between 0 and 1")

    @property
    def detector(self) -> str:
        """The backend that a calibration speaks of: a few points corrected by hand leave it what it is."""
        return self.backend.removesuffix(BY_HAND)

    @property
    def reliable(self) -> Bool[np.ndarray, "68"]:
        """The landmarks that a fit uses: those of a confidence of 0.3 or more."""
        return self.confidence >= 0.3

    @property
    def reliable_inner(self) -> int:
        """How many of those lie within the face: brows, nose, eyes and mouth, which come after the 17 of the jaw."""
        return int(self.reliable[17:].sum())

    @property
    def enough(self) -> bool:
        """Whether a fit is possible: 14 are reliable, 10 of them within the face."""
        return bool(self.reliable.sum() >= 14 and self.reliable_inner >= 10)

    @property
    def interocular_distance(self) -> float:
        """The distance between the outer eye corners, px."""
        return interocular_distance(self.xy)

    def mask_out(self, occluded: Bool[np.ndarray, "H W"], margin: float = 0.02) -> "Landmarks":
        """The same, without confidence in those off the photo, or within a ``margin`` (of the eyes' distance) of the occluder."""
        height, width = occluded.shape
        size = 2 * int(np.ceil(margin * self.interocular_distance)) + 1
        hidden = cv2.dilate(occluded.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
        x, y = np.floor(self.xy).astype(int).T
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        shown = inside * (1.0 - hidden[y.clip(0, height - 1), x.clip(0, width - 1)])
        return replace(self, confidence=self.confidence * shown.astype(self.confidence.dtype))


def interocular_distance(xy: Float[np.ndarray, "68 2"]) -> float:
    """The distance between the outer eye corners, px."""
    right, left = OUTER_EYE_CORNERS
    return float(np.linalg.norm(xy[left] - xy[right]))


def face_region(landmarks: Landmarks, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The pixels of the face with its forehead, in a photo of ``shape`` (H, W)."""
    if landmarks.dense is not None:
        return region_inside(landmarks.dense[list(FACE_OVAL)], shape)
    jaw, brows, chin = landmarks.xy[:17], landmarks.xy[17:27], landmarks.xy[8]
    up = (landmarks.xy[27] - chin) * 0.5  # the forehead is about half as high as the nose bridge over the chin
    return region_inside(cv2.convexHull(np.concatenate([jaw, brows + up]).astype(np.float32))[:, 0], shape)


def region_inside(polygon: Shaped[np.ndarray, "P 2"], shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The pixels inside a polygon px, in a photo of ``shape`` (H, W)."""
    region = np.zeros(shape, np.uint8)
    cv2.fillPoly(region, [np.round((polygon - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return region.astype(bool)
