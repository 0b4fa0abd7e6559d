"""MediaPipe's face detector: where in a picture the faces are, its mesh on each, and the 68 landmarks that it gives."""

import weakref
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from d3f_lite.assets import read_shipped
from d3f_lite.common.quiet import native_stderr_silenced
from d3f_lite.perception.mediapipe_tasks import tasks

MOST_FACES = 8
# Jaw 0-16: mesh points of two contours from the temple to the chin.
JAW_CONTOURS = (
    (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    (356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
)
# Brows, nose, eyes and mouth 17-67: one mesh point, or the mean of two.
INNER_POINTS = (
    (70, 46), (63, 53), (105, 52), (66, 65), (107, 55), (336, 285), (296, 295), (334, 282), (293, 283), (300, 276),
    (168,), (197,), (195, 5), (4,), (75,), (97,), (2, 94), (326,), (305,),
    (33,), (160, 159), (158,), (133,), (153,), (144,), (362,), (385,), (387, 386), (263,), (373,), (380,),
    (61,), (40, 39), (37,), (0,), (267,), (270, 269), (291,), (321, 405), (314,), (17,), (84,), (91, 181),
    (78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,),
)  # fmt: skip


class MediapipeDetector:
    """Google's face landmarker (478 mesh points); a context manager, as it holds native memory until closed.

    Args:
        model_path: its file, by default the shipped one.
        least_score: what has less is no face.

    Raises:
        AssetError: the model file is missing or not the one this code was tuned for.
    """

    def __init__(self, model_path: Path | str | None = None, least_score: float = 0.5) -> None:
        model = read_shipped("face_landmarker.task", model_path)
        with native_stderr_silenced:
            mediapipe = tasks()
            options = mediapipe.FaceLandmarkerOptions(
                mediapipe.BaseOptions(model_asset_buffer=model), num_faces=MOST_FACES,
                min_face_detection_confidence=least_score, min_face_presence_confidence=least_score,
            )  # fmt: skip
            self._mediapipe, self._model_path = mediapipe, model_path
            self._landmarker = mediapipe.FaceLandmarker.create_from_options(options)
            self.detect(np.zeros((64, 64, 3), np.uint8))  # the first run logs, too
        # MediaPipe's own destructor waits forever when it runs within a garbage collection; this comes before it.
        self._finalizer = weakref.finalize(self, self._landmarker.close)
        self._finalizer.atexit = False  # by then MediaPipe has ended by itself

    @cached_property
    def lenient(self) -> "MediapipeDetector":
        """A detector that takes more for a face, closed with this one."""
        return MediapipeDetector(self._model_path, least_score=0.3)

    def detect(self, pixels: UInt8[np.ndarray, "H W 3"], most: int = 2048) -> list[Float[np.ndarray, "478 2"]]:
        """The mesh of each face in a picture, px, the largest face first. Pictures are shrunk to ``most`` px a side."""
        size, shrink = np.array(pixels.shape[1::-1]), most / max(pixels.shape)
        if shrink < 1:  # each of its own copies is a third larger than the picture
            pixels = cv2.resize(pixels, np.ceil(size * shrink).astype(int), interpolation=cv2.INTER_AREA)
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels))
        faces = self._landmarker.detect(image).face_landmarks
        meshes = [
            np.array([coordinate for point in face for coordinate in (point.x, point.y)]).reshape(-1, 2) * size for face in faces
        ]
        return sorted(meshes, key=face_size, reverse=True)

    def detect_in_crop(
        self, pixels: UInt8[np.ndarray, "H W 3"], linear: Float[np.ndarray, "2 2"], offset: Float[np.ndarray, "2"], side: int
    ) -> list[Float[np.ndarray, "478 2"]]:
        """As ``detect``, in a ``square_crop``: the meshes lie in the whole picture all the same."""
        meshes = self.detect(square_crop(pixels, linear, offset, side))
        return [(mesh - offset) @ np.linalg.inv(linear).T for mesh in meshes]

    def close(self) -> None:
        """Free the native memory."""
        self._finalizer()
        if "lenient" in self.__dict__:
            self.lenient.close()

    def __enter__(self) -> "MediapipeDetector":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def opened(detector: MediapipeDetector | None) -> AbstractContextManager[MediapipeDetector]:
    """A context with this detector, which stays open, or with one of its own."""
    return MediapipeDetector() if detector is None else nullcontext(detector)


def find_faces(pixels: UInt8[np.ndarray, "H W 3"], detector: MediapipeDetector) -> list[Float[np.ndarray, "478 2"]]:
    """The mesh of each face in a picture, px, the largest first; small ones if need be."""
    return find_large_faces(pixels, detector) or find_small_faces(pixels, detector)


def find_large_faces(
    pixels: UInt8[np.ndarray, "H W 3"], detector: MediapipeDetector, oblong: float = 1.25
) -> list[Float[np.ndarray, "478 2"]]:
    """The mesh of each face, px, the largest first, that the whole picture shows the detector.

    It makes pictures square, and of two faces side by side it may miss one: so squares of a picture whose sides have a ratio
    from ``oblong`` on are searched too, if there is any face.
    """
    faces, side = [], min(pixels.shape[:2])
    for face in detector.detect(pixels):  # the detector may find one face twice
        if not same_face(faces, face):
            faces.append(face)
    if not faces or max(pixels.shape[:2]) < oblong * side:
        return faces
    return _with_those_in_tiles(faces, pixels, side, detector)


def find_small_faces(
    pixels: UInt8[np.ndarray, "H W 3"], detector: MediapipeDetector, smallest: int = 160, finest: int = 8
) -> list[Float[np.ndarray, "478 2"]]:
    """The mesh of each face, px, the largest first, as overlapping tiles of the picture show them.

    No tile is smaller than ``smallest`` px, nor than 1/``finest`` of the picture, which keeps the search within seconds.
    """
    side, faces = max(pixels.shape[:2]), []
    smallest = max(smallest, side // finest)
    while not faces and side > smallest:
        side //= 2
        faces = _with_those_in_tiles(faces, pixels, side, detector)
    return faces


def to_68(mesh: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, "68 2"]:
    """The 68 landmarks px that a mesh (468 points or more, px) gives; the jaw is resampled by arc length."""
    right, left = (_resampled_jaw(mesh[list(contour)]) for contour in JAW_CONTOURS)
    first, last = np.array([(indices[0], indices[-1]) for indices in INNER_POINTS]).T
    return np.concatenate([right, left[-2::-1], (mesh[first] + mesh[last]) / 2])


def face_size(mesh: Float[np.ndarray, "P 2"]) -> float:
    """Geometric mean of the width and height of the box around a mesh, px."""
    return float(np.sqrt(np.prod(np.ptp(mesh, axis=0))))


def same_face(meshes: list[Float[np.ndarray, "_ 2"]], mesh: Float[np.ndarray, "P 2"]) -> list[Float[np.ndarray, "_ 2"]]:
    """Those of some ``meshes`` whose centres lie within half a face of that of ``mesh``, in the order given."""
    return [other for other in meshes if np.linalg.norm(other.mean(0) - mesh.mean(0)) < face_size(mesh) / 2]


def square_crop(
    pixels: UInt8[np.ndarray, "H W 3"], linear: Float[np.ndarray, "2 2"], offset: Float[np.ndarray, "2"], side: int
) -> UInt8[np.ndarray, "side side 3"]:
    """The crop of ``side`` px in which a point p (px) of the picture lies at ``linear @ p + offset``."""
    shrink = int(1 / np.sqrt(np.linalg.det(linear)))
    if shrink > 1:  # average first, what the crop shows: bilinear sampling would skip pixels
        whole = np.array(pixels.shape[1::-1]) // shrink
        corners = (side * np.array(((0, 0), (0, 1), (1, 0), (1, 1))) - offset) @ np.linalg.inv(linear).T / shrink
        low = np.floor(corners.min(axis=0) - 2).astype(int).clip(0, whole - 1)
        high = np.ceil(corners.max(axis=0) + 2).astype(int).clip(low + 1, whole)
        (left, top), (right, bottom) = shrink * low, shrink * high
        pixels = cv2.resize(pixels[top:bottom, left:right], high - low, interpolation=cv2.INTER_AREA)
        linear, offset = linear * shrink, offset + linear @ (shrink * low)
    half = np.full(2, 0.5)  # OpenCV counts from the centre of the first pixel, we from its corner
    matrix = np.column_stack([linear, linear @ half + offset - half])
    return cv2.warpAffine(pixels, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def _with_those_in_tiles(faces, pixels, side, detector):
    """These ``faces`` and others in tiles of the picture, ``side`` px wide, the largest first."""
    meshes = list(faces)
    for x, y in _tile_corners(pixels.shape, side):
        for face in detector.detect(pixels[y : y + side, x : x + side]):
            face = face + (x, y)
            if not same_face(meshes, face):
                meshes.append(face)
    return sorted(meshes, key=face_size, reverse=True)


def _tile_corners(shape, side):
    """Top-left corners (x, y) of square tiles that overlap by at least half and cover a picture."""
    rows, columns = (
        np.linspace(0, max(length - side, 0), int(np.ceil(max(length - side, 0) / (side / 2))) + 1).astype(int)
        for length in shape[:2]
    )
    return [(x, y) for y in rows for x in columns]


def _resampled_jaw(contour, start: float = 0.3, number: int = 9):
    """A ``number`` of points (9, 2) px at equal arc lengths along a contour from temple to chin.

    They start that part of the way from the contour's first point to its second.
    """
    contour = np.concatenate([contour[:1] + start * (contour[1:2] - contour[:1]), contour[1:]])
    length = np.concatenate([[0], np.linalg.norm(np.diff(contour, axis=0), axis=1).cumsum()])
    at = np.linspace(0, length[-1], number)
    return np.stack([np.interp(at, length, contour[:, axis]) for axis in (0, 1)], axis=1)
