"""MediaPipe's face detector: where in a picture the faces are, and its mesh on each; small ones are found, too."""

import hashlib
import weakref
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from d3f_lite.assets import SHIPPED
from d3f_lite.common.quiet import native_stderr_silenced
from d3f_lite.errors import AssetError
from d3f_lite.perception.face_mesh import face_size, same_face

MODEL_PATH = SHIPPED / "face_landmarker.task"
MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
MOST_FACES = 8


class MediapipeDetector:
    """Google's face landmarker (478 mesh points); a context manager, as it holds native memory until closed.

    Args:
        model_path: its file.
        least_score: what has less is no face.

    Raises:
        AssetError: the model file is missing or not the one this code was tuned for.
    """

    def __init__(self, model_path: Path | str = MODEL_PATH, least_score: float = 0.5) -> None:
        model = checked_model(Path(model_path), MODEL_SHA256, "face landmark model")
        with native_stderr_silenced:
            import mediapipe  # heavy, and only needed here
            from mediapipe.tasks.python import BaseOptions, vision

            options = vision.FaceLandmarkerOptions(
                BaseOptions(model_asset_buffer=model), num_faces=MOST_FACES,
                min_face_detection_confidence=least_score, min_face_presence_confidence=least_score,
            )  # fmt: skip
            self._mediapipe, self._model_path = mediapipe, model_path
            self._landmarker = vision.FaceLandmarker.create_from_options(options)
            self.detect(np.zeros((64, 64, 3), np.uint8))  # the first run logs, too
        # MediaPipe's own destructor waits forever when it runs within a garbage collection; this comes before it.
        self._finalizer = weakref.finalize(self, self._landmarker.close)
        self._finalizer.atexit = False  # by then MediaPipe has ended by itself

    @cached_property
    def lenient(self) -> "MediapipeDetector":
        """A detector that takes more for a face, closed with this one."""
        return MediapipeDetector(self._model_path, least_score=0.3)

    def detect(self, pixels: UInt8[np.ndarray, "H W 3"]) -> list[Float[np.ndarray, "478 2"]]:
        """The mesh of each face in a picture, px, the largest face first."""
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels))
        faces = self._landmarker.detect(image).face_landmarks
        size = np.array(pixels.shape[1::-1])
        meshes = [np.array([(point.x, point.y) for point in face]) * size for face in faces]
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

    It makes pictures square, and of two faces side by side in a wide one it may miss one: so squares of an ``oblong``
    picture (the ratio of its sides) are searched too, if there is any face.
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

    Args:
        smallest: px a side of a tile.
        finest: no tile is smaller than this part of the picture, which keeps the search within seconds.
    """
    side, faces = max(pixels.shape[:2]), []
    smallest = max(smallest, side // finest)
    while not faces and side > smallest:
        side //= 2
        faces = _with_those_in_tiles(faces, pixels, side, detector)
    return faces


def square_crop(
    pixels: UInt8[np.ndarray, "H W 3"], linear: Float[np.ndarray, "2 2"], offset: Float[np.ndarray, "2"], side: int
) -> UInt8[np.ndarray, "side side 3"]:
    """The crop of ``side`` px in which a point p (px) of the picture lies at ``linear @ p + offset``."""
    shrink = int(1 / np.sqrt(np.linalg.det(linear)))
    if shrink > 1:  # average first: bilinear sampling would skip pixels
        height, width = (length // shrink * shrink for length in pixels.shape[:2])
        pixels = cv2.resize(pixels[:height, :width], (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
        linear = linear * shrink
    half = np.full(2, 0.5)  # OpenCV counts from the centre of the first pixel, we from its corner
    matrix = np.column_stack([linear, linear @ half + offset - half])
    return cv2.warpAffine(pixels, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def checked_model(path: Path, sha256: str, what: str) -> bytes:
    """The bytes of a model file, once its ``sha256`` says that they are the right ones; ``what`` it is, in words.

    Raises:
        AssetError: the file is missing or another.
    """
    if not path.is_file():
        raise AssetError(f"{path}: the {what} is missing; install d3f-lite again")
    model = path.read_bytes()
    if hashlib.sha256(model).hexdigest() != sha256:
        raise AssetError(f"{path}: not the expected {what} (sha256 differs); install d3f-lite again")
    return model


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
