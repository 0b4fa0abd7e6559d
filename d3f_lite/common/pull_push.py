"""Fill the holes of a picture from their surroundings."""

import cv2
import numpy as np
from jaxtyping import Float, Shaped


def pull_push(
    picture: Shaped[np.ndarray, "H W C"], weight: Float[np.ndarray, "H W"], full: float = 0.0
) -> Float[np.ndarray, "H W C"]:
    """Pull-push interpolation (Gortler et al., The Lumigraph, 1996): holes take their colours from a coarser level.

    Args:
        picture: values in any unit.
        weight: how well each pixel is known, from 0 (a hole) to 1.
        full: the weight from which a pixel keeps its own values; below it they are mixed with those of the coarser
            level. At 0 every pixel of any weight keeps its own.

    Returns:
        (H, W, C) float32.
    """
    return _filled(picture * weight[..., None], weight, full)


def _filled(colours, weight, full):
    """The same for ``colours`` (H, W, C) that are multiplied by their ``weight``, so that averages need no division."""
    own = colours / np.maximum(weight, 1e-6)[..., None]
    if weight.size == 1:
        return own
    height, width = weight.shape
    half = ((width + 1) // 2, (height + 1) // 2)
    # Pull: average 2 × 2 pixels. OpenCV drops a single channel, hence the shapes.
    pulled = cv2.resize(colours, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], -1)
    coarse = _filled(pulled, cv2.resize(weight, half, interpolation=cv2.INTER_AREA), full)
    # Push: what is not known here comes from the coarser level.
    pushed = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(colours.shape)
    known = np.sign(weight) if full == 0 else np.minimum(weight / np.float32(full), 1)
    known = known[..., None]
    return known * own + (1 - known) * pushed
