"""Fill what hides a face, so that no detector sees it."""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from d3f_lite.common.pull_push import pull_push


def inpaint(pixels: UInt8[np.ndarray, "H W 3"], hole: Bool[np.ndarray, "H W"], finest: int = 2048) -> UInt8[np.ndarray, "H W 3"]:
    """A copy of a picture with a hole filled by the colours around it, in large pictures those ``finest`` px or less across."""
    if not hole.any():
        return pixels.copy()
    shrink = -(-max(hole.shape) // finest)
    if shrink == 1:
        smooth = pull_push(pixels, (~hole).astype(np.float32))
        return np.where(hole[..., None], smooth.round().clip(0, 255).astype(np.uint8), pixels)
    # What a hole is filled with is smooth, and whole levels in floats would take sixteen times the picture's memory.
    filled = pixels.copy()
    filled[hole] = 0
    small = tuple(-(-length // shrink) for length in hole.shape[::-1])
    known = cv2.resize((~hole).astype(np.uint8) * 255, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    colours = cv2.resize(filled, small, interpolation=cv2.INTER_AREA) / np.maximum(known, 1e-3)[..., None]
    smooth = pull_push(colours.clip(0, 255), known).round().clip(0, 255).astype(np.uint8)
    cv2.resize(smooth, hole.shape[::-1], dst=filled, interpolation=cv2.INTER_LINEAR)
    np.copyto(filled, pixels, where=~hole[..., None])
    return filled


def paint(
    pixels: UInt8[np.ndarray, "H W 3"], hole: Bool[np.ndarray, "H W"], like: Bool[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "H W 3"]:
    """A copy of a picture with a hole in the median colour of the region ``like``."""
    painted = pixels.copy()
    painted[hole] = np.median(pixels[like], axis=0)
    return painted
