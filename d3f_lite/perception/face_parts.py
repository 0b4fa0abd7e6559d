"""What stands where on a close-up of a face: hair, skin of the face, other skin, cloth, things, or what is behind the person.

Google's multi-class selfie segmenter, with its weights in eight bits (``d3f_lite/assets/face_parts.md``).
"""

import ctypes
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from d3f_lite.assets import read_shipped
from d3f_lite.common.quiet import native_stderr_silenced
from d3f_lite.perception.detector import face_size, square_crop
from d3f_lite.perception.mediapipe_tasks import tasks


@dataclass(frozen=True, eq=False)
class FaceParts:
    """How likely each class is at every pixel; they sum to 1."""

    background: Float[np.ndarray, "h w"]
    hair: Float[np.ndarray, "h w"]
    hands: Float[np.ndarray, "h w"]  # all skin but the face's
    skin: Float[np.ndarray, "h w"]  # the face's own
    cloth: Float[np.ndarray, "h w"]
    things: Float[np.ndarray, "h w"]  # neither person nor cloth nor background

    def within(self, window: tuple[slice, slice]) -> "FaceParts":
        """The same, in a part of the picture."""
        return FaceParts(*(getattr(self, part.name)[window] for part in fields(self)))


class PartsSegmenter:
    """Google's multi-class selfie segmenter; it holds native memory until the process ends.

    Args:
        model_path: its file, by default the shipped one.
        side: px of the square that it sees.

    Raises:
        AssetError: the model file is missing or not the one this code was tuned for.
    """

    def __init__(self, model_path: Path | str | None = None, side: int = 256) -> None:
        model = read_shipped("face_parts.tflite", model_path)
        with native_stderr_silenced:
            mediapipe = tasks()
            options = mediapipe.ImageSegmenterOptions(
                mediapipe.BaseOptions(model_asset_buffer=model), output_confidence_masks=True
            )
            self._mediapipe, self._side = mediapipe, side
            self._segmenter = mediapipe.ImageSegmenter.create_from_options(options)
        self._quiet: AbstractContextManager = native_stderr_silenced  # the first run logs, too
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._segmenter))  # never destroyed: MediaPipe cannot close it at the end

    def parts(self, pixels: UInt8[np.ndarray, "h w 3"], mesh: Float[np.ndarray, "P 2"]) -> FaceParts:
        """The parts of the face with this mesh px, seen upright in a square."""
        linear, offset = _upright(mesh, self._side)
        square = square_crop(pixels, linear, offset, self._side)
        with self._quiet:
            masks = self._segmenter.segment(self._mediapipe.Image(self._mediapipe.ImageFormat.SRGB, square)).confidence_masks
        self._quiet = nullcontext()
        half = np.full(2, 0.5)
        matrix = np.column_stack([linear, linear @ half + offset - half])  # between centres of pixels
        way = {"flags": cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
        layers = (mask.numpy_view().reshape(self._side, self._side) for mask in masks)
        return FaceParts(*(cv2.warpAffine(layer, matrix, pixels.shape[1::-1], **way) for layer in layers))


@lru_cache(maxsize=1)
def load_parts_segmenter() -> PartsSegmenter:
    """The shipped PartsSegmenter, made once."""
    return PartsSegmenter()


def _upright(mesh, side, reach: float = 1.4):
    """The linear map (2, 2) and offset (2,) that put a face of this mesh px upright into the middle of the square.

    The square is ``reach`` times as wide as the face.
    """
    right, down = mesh[263] - mesh[33]  # between the outer corners of the eyes
    angle = np.arctan2(down, right)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = mesh @ turn.T
    linear = side / (reach * face_size(upright)) * turn
    middle = turn.T @ (upright.min(axis=0) + upright.max(axis=0)) / 2
    return linear, np.full(2, side / 2) - linear @ middle
