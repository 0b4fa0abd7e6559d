"""What stands where on a close-up of a face: hair, skin of the face, other skin, cloth, things, or what is behind the person.

Google's multi-class selfie segmenter, with its weights in eight bits (``d3f_lite/assets/face_parts.md``).
"""

import ctypes
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from d3f_lite.assets import SHIPPED
from d3f_lite.common.quiet import native_stderr_silenced
from d3f_lite.perception.detector import checked_model, square_crop
from d3f_lite.perception.face_mesh import face_size

MODEL_PATH = SHIPPED / "face_parts.tflite"
MODEL_SHA256 = "87e24312065c27f6d69692398ab09404e4651ccebe35deb33c4bcc646d290f49"
SIDE = 256  # px of the square that the segmenter sees
REACH = 1.4  # of the face's size, that the square is wide
EYE_CORNERS = 33, 263  # of the mesh: the outer ones


@dataclass(frozen=True, eq=False)
class FaceParts:
    """How likely each class is at every pixel, (h, w) float32 each; they sum to 1.

    `skin` is the face's own, `hands` all other skin, `things` what is neither person nor cloth nor background.
    """

    background: Float[np.ndarray, "h w"]
    hair: Float[np.ndarray, "h w"]
    hands: Float[np.ndarray, "h w"]
    skin: Float[np.ndarray, "h w"]
    cloth: Float[np.ndarray, "h w"]
    things: Float[np.ndarray, "h w"]

    def within(self, window: tuple[slice, slice]) -> "FaceParts":
        """The same, in a part of the picture."""
        return FaceParts(*(getattr(self, part.name)[window] for part in fields(self)))


class PartsSegmenter:
    """Google's multi-class selfie segmenter; it holds native memory until the process ends.

    Raises AssetError if the model file is missing or not the one this code was tuned for.
    """

    def __init__(self, model_path: Path | str = MODEL_PATH) -> None:
        model = checked_model(Path(model_path), MODEL_SHA256, "segmenter of face parts")
        with native_stderr_silenced:
            import mediapipe  # heavy, and only needed here
            from mediapipe.tasks.python import BaseOptions, vision

            options = vision.ImageSegmenterOptions(BaseOptions(model_asset_buffer=model), output_confidence_masks=True)
            self._mediapipe = mediapipe
            self._segmenter = vision.ImageSegmenter.create_from_options(options)
            self._segmenter.segment(mediapipe.Image(mediapipe.ImageFormat.SRGB, np.zeros((SIDE, SIDE, 3), np.uint8)))
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._segmenter))  # never destroyed: MediaPipe cannot close it at the end

    def parts(self, pixels: UInt8[np.ndarray, "h w 3"], mesh: Float[np.ndarray, "P 2"]) -> FaceParts:
        """The parts of the face with the mesh points `mesh` px, seen upright in a square of REACH times its size."""
        linear, offset = _upright(mesh)
        square = square_crop(pixels, linear, offset, SIDE)
        found = self._segmenter.segment(self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, square))
        half = np.full(2, 0.5)
        matrix = np.column_stack([linear, linear @ half + offset - half])  # between centres of pixels
        back = lambda layer: cv2.warpAffine(layer, matrix, pixels.shape[1::-1], flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR,
                                            borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
        return FaceParts(*(back(mask.numpy_view().reshape(SIDE, SIDE)) for mask in found.confidence_masks))


@lru_cache(maxsize=1)
def load_parts_segmenter() -> PartsSegmenter:
    """The shipped PartsSegmenter, made once."""
    return PartsSegmenter()


def _upright(mesh: Float[np.ndarray, "P 2"]) -> tuple[np.ndarray, np.ndarray]:
    """The linear map (2, 2) and offset (2,) that put the face of `mesh` px upright into the middle of the square."""
    right, down = np.subtract(*(mesh[corner] for corner in EYE_CORNERS[::-1]))
    angle = np.arctan2(down, right)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = mesh @ turn.T
    linear = SIDE / (REACH * face_size(upright)) * turn
    middle = turn.T @ (upright.min(axis=0) + upright.max(axis=0)) / 2
    return linear, np.full(2, SIDE / 2) - linear @ middle
