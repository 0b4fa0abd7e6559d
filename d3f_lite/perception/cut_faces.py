"""Faces that the photo's border cuts: a typical face beyond it, so that whoever looks for occluders sees a whole one."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from d3f_lite.perception.inpainting import inpaint
from d3f_lite.perception.occlusion_net import OcclusionNet, unwrap, wrap

TYPICAL_MEDIAN = 128  # of the typical face's colour, of 255
LEAST_TYPICAL = 8  # of 255: a divisor that is not 0
UNEVEN = (0.5, 1.7)  # of the face's median colour, how far the skin beyond the border may be from it: an occluder is farther


@dataclass(frozen=True, eq=False)
class WholeFace:
    """A picture that shows a face whole: `pixels`, the `mesh` px on it, and the `window` of it that the photo shows."""

    pixels: UInt8[np.ndarray, "H W 3"]
    mesh: Float[np.ndarray, "P 2"]
    window: tuple[slice, slice]


def whole_face(
    pixels: UInt8[np.ndarray, "h w 3"], mesh: Float[np.ndarray, "P 2"], net: OcclusionNet, margin: int, farthest: int
) -> WholeFace:
    """The face of `mesh` px with all of it and a `margin` px around, up to `farthest` px beyond the border of `pixels`.

    Beyond the border the picture is mirrored, and where the mesh lies there, it is the network's typical face in the colours
    of what shows of this one. A streak of the border's own pixels looks like an occluder, and so does black.
    """
    height, width = pixels.shape[:2]
    left, top = np.clip(np.ceil(margin - mesh.min(axis=0)), 0, farthest).astype(int)
    right, bottom = np.clip(np.ceil(mesh.max(axis=0) + margin - (width, height)), 0, farthest).astype(int)
    whole = cv2.copyMakeBorder(pixels, top, bottom, left, right, cv2.BORDER_REFLECT)
    mesh, window = mesh + (left, top), np.s_[top : top + height, left : left + width]
    inside = np.zeros(whole.shape[:2], np.uint8)
    inside[window] = 255
    canonical, typical = net.canonical.numpy(), net.typical.numpy().astype(np.float32)
    seen = unwrap(np.dstack((whole, inside)), mesh, canonical)
    known, face = seen[..., 3] == 255, typical.max(axis=2) > 0
    if known.any() and (face & ~known).any():
        skin = seen[..., :3] * (TYPICAL_MEDIAN / np.maximum(typical, LEAST_TYPICAL))  # as if this face were even
        median = np.median(skin[known], axis=0)
        skin = skin.clip(*(share * median for share in UNEVEN)).clip(0, 255).astype(np.uint8)
        filled = inpaint(skin, ~known) * (typical / TYPICAL_MEDIAN)
        drawn, covered = wrap(filled.clip(0, 255), mesh, canonical, inside.shape), wrap(face, mesh, canonical, inside.shape) > 0.5
        whole = np.where(((inside == 0) & covered)[..., None], drawn.round().astype(np.uint8), whole)
    return WholeFace(whole, mesh, window)
