"""A photo's face scaled to one size, in which a mask is estimated."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from d3f_lite.observation.masks import Stroke
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.face_mesh import face_size


@dataclass(frozen=True, eq=False)
class Closeup:
    """The part of a photo around a face, scaled.

    Args:
        pixels: of the part.
        colours: the same in Lab.
        mesh: px of the part.
        shape: (H, W) of the photo.
        low, high: (x, y) px of the photo, the part's corners.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    colours: Float[np.ndarray, "h w 3"]
    mesh: Float[np.ndarray, "P 2"]
    shape: tuple[int, int]
    low: Int[np.ndarray, "2"]
    high: Int[np.ndarray, "2"]

    @classmethod
    def of(cls, photo: Photo, mesh: Float[np.ndarray, "P 2"], size: float, margin: float) -> "Closeup":
        """Scale the face with this ``mesh`` px to ``size`` px; a ``margin`` px so scaled around it belongs to the part."""
        scale = size / face_size(mesh)
        limit = np.array(photo.shape[::-1])
        low = np.floor(mesh.min(axis=0) - margin / scale).astype(int).clip(0, limit - 2)
        high = np.ceil(mesh.max(axis=0) + margin / scale).astype(int).clip(low + 2, limit)
        sides = np.maximum(np.round((high - low) * scale), 2).astype(int)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        pixels = cv2.resize(photo.pixels[low[1] : high[1], low[0] : high[0]], sides, interpolation=method)
        colours = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        return cls(pixels, colours, (mesh - low) * sides / (high - low), photo.shape, low, high)

    def scaled(self, region: Bool[np.ndarray, "H W"], least: float = 0.5) -> Bool[np.ndarray, "h w"]:
        """A region of the photo in the part: pixels more than the share ``least`` of which it covers."""
        covered = region[self.low[1] : self.high[1], self.low[0] : self.high[0]].astype(np.float32)
        return cv2.resize(covered, self.pixels.shape[1::-1], interpolation=cv2.INTER_AREA) > least

    def strokes(self, strokes: Int[np.ndarray, "H W"]) -> Int[np.ndarray, "h w"]:
        """Strokes on the photo in the part; thin ones are not lost."""
        scaled = np.zeros(self.pixels.shape[:2], np.int8)
        for stroke in (Stroke.OCCLUDED, Stroke.VISIBLE):
            scaled[self.scaled(strokes == stroke, least=0.1)] = stroke
        return scaled

    def enlarged(self, layer: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "H W"]:
        """A layer of the part in the photo, 0 around it."""
        whole, sides = np.zeros(self.shape, np.float32), self.high - self.low
        method = cv2.INTER_AREA if sides[0] < layer.shape[1] else cv2.INTER_LINEAR
        whole[self.low[1] : self.high[1], self.low[0] : self.high[0]] = cv2.resize(layer, sides, interpolation=method)
        return whole

    def enlarged_region(self, region: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "H W"]:
        """A region of the part in the photo."""
        return self.enlarged(region.astype(np.float32)) > 0.5
