"""The picture in which a mask is estimated: a photo's face scaled to one size, and whole, also where the border cuts it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from d3f_lite.observation.masks import Stroke
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import face_size
from d3f_lite.perception.inpainting import inpaint
from d3f_lite.perception.occlusion_net import OcclusionNet, unwrap, wrap

SIZE, MARGIN = 160.0, 40  # px of the face in a close-up, and px around it that a mask may reach into


@dataclass(frozen=True, eq=False)
class Closeup:
    """The part of a photo around a face, scaled."""

    pixels: UInt8[np.ndarray, "h w 3"]
    colours: Float[np.ndarray, "h w 3"]  # the same in Lab
    mesh: Float[np.ndarray, "P 2"]  # of the face, px of the part
    shape: tuple[int, int]  # (H, W) of the photo
    low: Int[np.ndarray, "2"]  # (x, y) px of the photo, the part's corners
    high: Int[np.ndarray, "2"]

    @classmethod
    def of(cls, photo: Photo, mesh: Float[np.ndarray, "P 2"]) -> "Closeup":
        """The close-up of the face with this mesh, px of the photo."""
        scale = SIZE / face_size(mesh)
        limit = np.array(photo.shape[::-1])
        low = np.floor(mesh.min(axis=0) - MARGIN / scale).astype(int).clip(0, limit - 2)
        high = np.ceil(mesh.max(axis=0) + MARGIN / scale).astype(int).clip(low + 2, limit)
        sides = np.maximum(np.round((high - low) * scale), 2).astype(int)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        pixels = cv2.resize(photo.pixels[low[1] : high[1], low[0] : high[0]], sides, interpolation=method)
        colours = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        return cls(pixels, colours, (mesh - low) * sides / (high - low), photo.shape, low, high)

    def scaled(self, region: Bool[np.ndarray, "H W"], least: float = 0.5) -> Bool[np.ndarray, "h w"]:
        """A region of the photo in the part: the pixels of which it covers more than the share ``least``."""
        covered = region[self.low[1] : self.high[1], self.low[0] : self.high[0]].astype(np.float32)
        return cv2.resize(covered, self.pixels.shape[1::-1], interpolation=cv2.INTER_AREA) > least

    def strokes(self, strokes: Int[np.ndarray, "H W"]) -> Int[np.ndarray, "h w"]:
        """Strokes on the photo in the part; thin ones are not lost."""
        scaled = np.zeros(self.pixels.shape[:2], np.int8)
        for stroke in (Stroke.OCCLUDED, Stroke.VISIBLE):
            scaled[self.scaled(strokes == stroke, least=0.1)] = stroke
        return scaled

    def enlarged(self, region: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "H W"]:
        """A region of the part in the photo."""
        whole, sides = np.zeros(self.shape, bool), self.high - self.low
        method = cv2.INTER_AREA if sides[0] < region.shape[1] else cv2.INTER_LINEAR
        covered = cv2.resize(region.astype(np.float32), sides, interpolation=method)
        whole[self.low[1] : self.high[1], self.low[0] : self.high[0]] = covered > 0.5
        return whole


@dataclass(frozen=True, eq=False)
class WholeFace:
    """A picture that shows a face whole: ``pixels``, the ``mesh`` px on it, and the ``window`` of it that the photo shows."""

    pixels: UInt8[np.ndarray, "H W 3"]
    mesh: Float[np.ndarray, "P 2"]
    window: tuple[slice, slice]


def whole_face(
    pixels: UInt8[np.ndarray, "h w 3"],
    mesh: Float[np.ndarray, "P 2"],
    net: OcclusionNet,
    margin: int = MARGIN,
    farthest: int = 320,
) -> WholeFace:
    """The face of this mesh px with all of it and a ``margin`` px around, up to ``farthest`` px beyond the picture's border.

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
    canonical, typical = net.canonical, net.typical.astype(np.float32)  # its median colour is 128
    seen = unwrap(np.dstack((whole, inside)), mesh, canonical)
    known, face = seen[..., 3] == 255, typical.max(axis=2) > 0
    if known.any() and (face & ~known).any():
        skin = seen[..., :3] * (128 / np.maximum(typical, 8))  # as if this face were even
        median = np.median(skin[known], axis=0)
        skin = skin.clip(0.5 * median, 1.7 * median).clip(0, 255).astype(np.uint8)  # an occluder's colour is farther from it
        filled = inpaint(skin, ~known) * (typical / 128)
        drawn, covered = wrap(filled.clip(0, 255), mesh, canonical, inside.shape), wrap(face, mesh, canonical, inside.shape) > 0.5
        whole = np.where(((inside == 0) & covered)[..., None], drawn.round().astype(np.uint8), whole)
    return WholeFace(whole, mesh, window)
