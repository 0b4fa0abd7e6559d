"""The sheet that occluders are drawn on: in the face's own frame, lit by the face's own light, with the exact mask.

The frame has its origin between the eyes, u to the image's right, v down, and the distance between the outer eye
corners as its unit; a thin-plate spline through 68-point landmarks bends it onto the photo.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter

from d3f_lite.errors import LandmarkError
from d3f_lite.observation.landmarks import Landmarks, face_region, interocular_distance
from d3f_lite.observation.photo import Photo

# Where chosen landmarks lie in the frame of a frontal face: the two sample portraits, averaged and made symmetric.
FRAME_POINTS = {
    0: (-0.78, 0.07), 2: (-0.74, 0.46), 4: (-0.63, 0.84), 6: (-0.37, 1.14), 8: (0.0, 1.26),
    10: (0.37, 1.14), 12: (0.63, 0.84), 14: (0.74, 0.46), 16: (0.78, 0.07), 27: (0.0, -0.01), 30: (0.0, 0.41),
    31: (-0.16, 0.48), 35: (0.16, 0.48), 36: (-0.5, 0.0), 39: (-0.2, 0.03), 42: (0.2, 0.03), 45: (0.5, 0.0),
}  # fmt: skip


@dataclass(eq=False)
class Canvas:
    """A sheet over the face on which occluders are drawn, at the photo's resolution or (large faces) a lower one."""

    corner: Int[np.ndarray, "2"]  # px of the sheet's top-left corner in the photo
    size: Int[np.ndarray, "2"]  # px, its width and height in the photo
    uv: Float[np.ndarray, "h w 2"]  # frame coordinates of the sheet's pixels
    to_pixels: RBFInterpolator  # frame coordinates to px of the photo
    unit: float  # the sheet's pixels per frame unit
    skin: Float[np.ndarray, "3"]  # median colour of the face
    light: Float[np.ndarray, "4"]  # ambient and directional light, 1 on average over the face
    exposure: float  # brightness of a white surface in this photo, of 255
    random: np.random.Generator
    colour: Float[np.ndarray, "h w 3"] = field(init=False)  # what is drawn, times its coverage
    cover: Float[np.ndarray, "h w"] = field(init=False)

    def __post_init__(self):
        self.cover = np.zeros(self.uv.shape[:2])
        self.colour = np.zeros((*self.uv.shape[:2], 3))

    @classmethod
    def around(cls, photo: Photo, landmarks: Landmarks, random: np.random.Generator, largest_unit: float = 160.0) -> "Canvas":
        """The sheet for a face, at no more than ``largest_unit`` px per frame unit: a larger drawing is enlarged.

        Raises:
            LandmarkError: the face lies outside the photo.
        """
        points, frame = _anchors(landmarks.xy.astype(np.float64))
        unit, centre = landmarks.interocular_distance, landmarks.xy[[36, 45]].mean(axis=0)
        side, above, below = np.array((2.2, 1.6, 3.2)) * max(unit, np.ptp(points[:, 1]) / 1.3)
        low = np.floor(np.maximum(centre - (side, above), 0)).astype(int)
        high = np.ceil(np.minimum(centre + (side, below), photo.shape[::-1])).astype(int)
        if not (high > low).all():
            raise LandmarkError(f"{photo.name}: the face lies outside the photo; nothing to occlude")
        zoom = min(largest_unit / unit, 1)
        window, sheet = np.s_[low[1] : high[1], low[0] : high[0]], np.ceil((high - low) * zoom).astype(int)
        uv = _frame_coordinates(RBFInterpolator(points, frame, smoothing=unit / 10), low, high, sheet)
        pixels = cv2.resize(photo.pixels[window], sheet, interpolation=cv2.INTER_AREA)
        face = face_region(landmarks, photo.shape)[window].astype(np.uint8)
        skin, light = _face_light(pixels, uv, cv2.resize(face, sheet, interpolation=cv2.INTER_NEAREST) > 0)
        exposure = float(np.clip(np.percentile(pixels, 98) / 245, 0.3, 1.0))
        to_pixels = RBFInterpolator(frame, points, smoothing=1e-3)
        return cls(low, high - low, uv, to_pixels, unit * zoom, skin, light, exposure, random)

    def polygon(self, outline) -> Float[np.ndarray, "h w"]:
        """Antialiased coverage of a polygon (P, 2) in the frame."""
        return self._coverage(lambda image, points: cv2.fillPoly(image, [points], 255), outline)

    def stroke(self, path, width: float) -> Float[np.ndarray, "h w"]:
        """Antialiased coverage of a line (P, 2) of this width, both in the frame."""
        thickness = max(round(width * self.unit * 4), 1)
        return self._coverage(lambda image, points: cv2.polylines(image, [points], False, 255, thickness), path)

    def _coverage(self, draw, outline):
        """What ``draw`` draws, four times as fine, averaged."""
        height, width = self.cover.shape
        image = np.zeros((height * 4, width * 4), np.uint8)
        sheet = (self.to_pixels(np.asarray(outline, np.float64)) - self.corner) * (width, height) / self.size
        points = sheet * 4 - 0.5  # OpenCV counts from pixel centres
        draw(image, np.round(points).astype(np.int32))
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) / 255

    def lit(self, albedo, height=0.0) -> Float[np.ndarray, "h w 3"]:
        """Colour of a surface of this ``albedo`` (RGB, 0 to 255) that rises ``height`` (h, w) above the face."""
        normals = _face_normals(self.uv)
        if np.ndim(height):
            down, right = np.gradient(height * self.unit)
            normals = normals - np.stack([right, down, np.zeros_like(down)], axis=-1)
            normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        shade = (self.light[0] + normals @ self.light[1:]).clip(0.35, 1.3)[..., None]
        return np.asarray(albedo) * self.exposure * shade

    def lay(self, coverage: Float[np.ndarray, "h w"], colour) -> None:
        """Lay a colour (RGB, or one a pixel) over what is drawn already."""
        coverage = np.where(coverage < 1 / 255, 0, coverage)  # less changes no 8-bit value
        self.colour += coverage[..., None] * (colour - self.colour)
        self.cover += coverage * (1 - self.cover)

    def cast_shadow(self, coverage: Float[np.ndarray, "h w"], reach: float = 0.025, darkness: float = 0.45) -> None:
        """Darken the surroundings of something that is about to be laid, most below it; ``reach`` is in frame units."""
        sigma = reach * self.unit
        soft = gaussian_filter(np.roll(coverage, round(sigma), axis=0), sigma)
        self.lay(np.where(soft < 0.05, 0, soft * darkness), np.zeros(3))

    def finished(self, photo: Photo, grain: float = 1.5) -> tuple[Photo, Bool[np.ndarray, "H W"]]:
        """The photo with the sheet laid on it, and the mask of what it covers; camera noise of ``grain`` of 255 on it."""
        colour, cover = (cv2.resize(layer, self.size) for layer in (self.colour, self.cover))
        window = tuple(slice(start, start + length) for start, length in zip(self.corner[::-1], self.size[::-1]))
        mask = np.zeros(photo.shape, bool)
        mask[window] = cover > 0
        blended = photo.pixels[window] * (1 - cover[..., None]) + colour
        noise = self.random.normal(0, grain, (*cover.shape, 1))
        drawn = photo.pixels.copy()
        drawn[mask] = (blended + noise).round().clip(0, 255).astype(np.uint8)[cover > 0]
        return Photo.from_array(drawn, photo.name), mask


def _anchors(xy, narrowest: float = 0.2):
    """The landmarks (A, 2) px that hold the frame and where they lie in it (A, 2).

    When the head is turned far, those of the far side fold back behind the nose. Where that makes it narrower than this part
    of its width in the frame, they are left out.
    """
    points, frame = xy[list(FRAME_POINTS)], np.array(list(FRAME_POINTS.values()))
    bridge, chin = xy[27], xy[8]
    across = np.array([chin[1] - bridge[1], bridge[0] - chin[0]]) / np.linalg.norm(chin - bridge)
    outward = (points - bridge) @ across * np.sign(frame[:, 0]) / interocular_distance(xy)
    kept = outward >= narrowest * np.abs(frame[:, 0])
    return points[kept], frame[kept]


def _frame_coordinates(to_frame, low, high, sheet):
    """Frame coordinates (h, w, 2) of a ``sheet`` (w, h) from corner ``low`` to ``high``: a grid will do, enlarged."""
    columns, rows = np.minimum(sheet, 96)
    x = low[0] + (np.arange(columns) + 0.5) * (high[0] - low[0]) / columns
    y = low[1] + (np.arange(rows) + 0.5) * (high[1] - low[1]) / rows
    grid = to_frame(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(rows, columns, 2)
    return cv2.resize(grid, sheet, interpolation=cv2.INTER_LINEAR)


def _face_normals(uv, half_width: float = 0.92, half_height: float = 1.25, centre: float = 0.45):
    """Unit normals (h, w, 3), x right, y down, z to the viewer, of an ellipsoid around (0, centre) that stands for the face."""
    x = (uv[..., 0] / half_width).clip(-0.95, 0.95)
    y = ((uv[..., 1] - centre) / half_height).clip(-0.95, 0.95)
    normals = np.stack([x, y, np.sqrt((1 - x**2 - y**2).clip(0.05))], axis=-1)  # never quite edge-on
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def _face_light(pixels, uv, face):
    """Median skin colour (3,) and first-order light (4,) of the face's pixels, by a trimmed, damped regression."""
    skin = np.median(pixels[face], axis=0) if face.any() else np.full(3, 128.0)
    rows = np.concatenate([np.ones(face.shape + (1,)), _face_normals(uv)], axis=-1)[face]
    brightness = pixels[face].mean(axis=1) / max(skin.mean(), 1)
    typical = (brightness > 0.5) & (brightness < 1.5)  # neither hair nor highlights
    damping = np.diag([1e-6, 0.02, 0.02, 0.02]) * max(typical.sum(), 1)
    rows, brightness = rows[typical], brightness[typical]
    if not len(rows):
        return skin, np.array([1.0, 0, 0, 0])
    light = np.linalg.solve(rows.T @ rows + damping, rows.T @ brightness)
    return skin, light / (rows @ light).mean()
