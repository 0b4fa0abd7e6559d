"""Fill what hides a face, so that no detector sees it."""

import numpy as np
from jaxtyping import Bool, UInt8

from d3f_lite.common.pull_push import pull_push


def inpaint(pixels: UInt8[np.ndarray, "H W 3"], hole: Bool[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """A copy of a picture with a hole filled by the colours around it."""
    if not hole.any():
        return pixels.copy()
    smooth = pull_push(pixels, (~hole).astype(np.float32))
    return np.where(hole[..., None], smooth.round().clip(0, 255).astype(np.uint8), pixels)


def paint(
    pixels: UInt8[np.ndarray, "H W 3"], hole: Bool[np.ndarray, "H W"], like: Bool[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "H W 3"]:
    """A copy of a picture with a hole in the median colour of the region ``like``."""
    painted = pixels.copy()
    painted[hole] = np.median(pixels[like], axis=0)
    return painted
