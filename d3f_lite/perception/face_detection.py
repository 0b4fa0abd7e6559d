"""Where in a photo the faces are, and MediaPipe's mesh on each; small ones are found, too."""

import hashlib
import weakref
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from d3f_lite.assets import SHIPPED
from d3f_lite.common.quiet import native_stderr_silenced
from d3f_lite.errors import AssetError

MODEL_PATH = SHIPPED / "face_landmarker.task"
MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
MOST_FACES = 8
LIKELY, POSSIBLE = 0.5, 0.3  # least scores of a face and of its mesh
SMALLEST_TILE = 160  # px
OBLONG = 1.25  # sides of a photo, from which squares of it are searched as well
FINEST_TILING = 8  # tiles are at least this part of the photo, which keeps the search within seconds


class MediapipeDetector:
    """Google's face landmarker (478 mesh points); a context manager, as it holds native memory until closed.

    Only what has at least the `least_score` is a face. Raises AssetError if the model file is missing or not the one this
    code was tuned for.
    """

    def __init__(self, model_path: Path | str = MODEL_PATH, least_score: float = LIKELY) -> None:
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
        return MediapipeDetector(self._model_path, POSSIBLE)

    def detect(self, pixels: UInt8[np.ndarray, "H W 3"]) -> list[Float[np.ndarray, "478 2"]]:
        """The mesh points (478, 2) px of each face in `pixels`, the largest face first."""
        image = self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels))
        found = self._landmarker.detect(image).face_landmarks
        size = np.array(pixels.shape[1::-1])
        faces = [np.array([(point.x, point.y) for point in face]) * size for face in found]
        return sorted(faces, key=face_size, reverse=True)

    def close(self) -> None:
        """Free the native memory."""
        self._finalizer()
        if "lenient" in self.__dict__:
            self.lenient.close()

    def __enter__(self) -> "MediapipeDetector":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def find_faces(pixels: UInt8[np.ndarray, "H W 3"], detector: MediapipeDetector) -> list[Float[np.ndarray, "478 2"]]:
    """The mesh points (478, 2) px of each face in `pixels`, the largest first; small ones if need be."""
    return find_large_faces(pixels, detector) or find_small_faces(pixels, detector)


def find_large_faces(pixels: UInt8[np.ndarray, "H W 3"], detector: MediapipeDetector) -> list[Float[np.ndarray, "478 2"]]:
    """The mesh points (478, 2) px of each face, the largest first, that the whole photo shows the detector.

    It makes photos square, and of two faces side by side in a wide one it may miss one: so squares of the photo are
    searched too, if there is any face.
    """
    faces, side = [], min(pixels.shape[:2])
    for face in detector.detect(pixels):  # the detector may find one face twice
        if not same_face(faces, face):
            faces.append(face)
    if not faces or max(pixels.shape[:2]) < OBLONG * side:
        return faces
    return _with_those_in_tiles(faces, pixels, side, detector)


def find_small_faces(pixels: UInt8[np.ndarray, "H W 3"], detector: MediapipeDetector) -> list[Float[np.ndarray, "478 2"]]:
    """The mesh points (478, 2) px of each face, the largest first, as overlapping tiles of the photo show them."""
    side, faces = max(pixels.shape[:2]), []
    smallest = max(SMALLEST_TILE, side // FINEST_TILING)
    while not faces and side > smallest:
        side //= 2
        faces = _with_those_in_tiles(faces, pixels, side, detector)
    return faces


def _with_those_in_tiles(faces, pixels, side, detector) -> list[np.ndarray]:
    """These `faces` and others in tiles of the photo, `side` px wide, the largest first."""
    found = list(faces)
    for x, y in _tile_corners(pixels.shape, side):
        for face in detector.detect(pixels[y : y + side, x : x + side]):
            face = face + (x, y)
            if not same_face(found, face):
                found.append(face)
    return sorted(found, key=face_size, reverse=True)


def square_crop(
    pixels: UInt8[np.ndarray, "H W 3"], linear: Float[np.ndarray, "2 2"], offset: Float[np.ndarray, "2"], side: int
) -> UInt8[np.ndarray, "side side 3"]:
    """The crop (side, side, 3) in which a point p (px) of `pixels` lies at `linear` @ p + `offset`."""
    shrink = int(1 / np.sqrt(np.linalg.det(linear)))
    if shrink > 1:  # average first: bilinear sampling would skip pixels
        height, width = (length // shrink * shrink for length in pixels.shape[:2])
        pixels = cv2.resize(pixels[:height, :width], (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
        linear = linear * shrink
    half = np.full(2, 0.5)  # OpenCV counts from the centre of the first pixel, we from its corner
    matrix = np.column_stack([linear, linear @ half + offset - half])
    return cv2.warpAffine(pixels, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def face_size(points: Float[np.ndarray, "P 2"]) -> float:
    """Geometric mean of the width and height in px of the box around `points`."""
    return float(np.sqrt(np.prod(np.ptp(points, axis=0))))


def same_face(faces: list[Float[np.ndarray, "_ 2"]], face: Float[np.ndarray, "P 2"]) -> list[Float[np.ndarray, "_ 2"]]:
    """Those of `faces` whose centres lie within half a face of that of `face`, in the order given."""
    return [other for other in faces if np.linalg.norm(other.mean(0) - face.mean(0)) < face_size(face) / 2]


def _tile_corners(shape: tuple[int, ...], side: int) -> list[tuple[int, int]]:
    """Top-left corners (x, y) of square tiles that overlap by at least half and cover an image."""
    rows, columns = (
        np.linspace(0, max(length - side, 0), int(np.ceil(max(length - side, 0) / (side / 2))) + 1).astype(int)
        for length in shape[:2]
    )
    return [(x, y) for y in rows for x in columns]


def checked_model(path: Path, sha256: str, what: str) -> bytes:
    """The bytes of a model file, once they are known to be the right ones by their `sha256`; `what` it is, in words.

    Raises AssetError if the file is missing or another.
    """
    if not path.is_file():
        raise AssetError(f"{path}: the {what} is missing; install d3f-lite again")
    model = path.read_bytes()
    if hashlib.sha256(model).hexdigest() != sha256:
        raise AssetError(f"{path}: not the expected {what} (sha256 differs); install d3f-lite again")
    return model
