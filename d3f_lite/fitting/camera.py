"""The scaled orthographic camera: how a head in millimetres lands on a photo in pixels."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation


@dataclass(frozen=True, eq=False)
class Camera:
    """A scaled orthographic camera (Dey and Boddeti 2022, section 3.1).

    A point X (mm, canonical frame: x to the head's left, y up, z forward) lands on
    ``u = s (R X)_x + t_x``, ``v = -s (R X)_y + t_y`` (px: x right, y down, from the
    top-left corner, so that pixel centres lie at halves); (R X)_z grows towards the camera.

    Args:
        rotation: head-to-camera rotation R.
        scale: s, px per mm.
        translation: px, where the head's origin lands.
    """

    rotation: Float[np.ndarray, "3 3"]
    scale: float
    translation: Float[np.ndarray, "2"]

    @classmethod
    def from_angles(cls, yaw: float, pitch: float, roll: float, scale: float, translation) -> "Camera":
        """A camera that sees a head turned by ``yaw`` (to its left), ``pitch`` (up) and ``roll``; all in radians."""
        rotation = Rotation.from_euler("ZXY", [roll, -pitch, yaw]).as_matrix()
        return cls(rotation.astype(np.float32), float(scale), np.asarray(translation, np.float32))

    @property
    def angles(self) -> Float[np.ndarray, "3"]:
        """Yaw (to the head's left), pitch (up) and roll in radians, as (3,) float64."""
        roll, pitch, yaw = Rotation.from_matrix(self.rotation).as_euler("ZXY")
        return np.array([yaw, -pitch, roll])

    def project(self, points: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 2"]:
        """Project ``points`` (…, 3) mm to ``(…, 2)`` px."""
        return self.view(points)[..., :2]

    def view(self, points: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
        """Pixel positions and depth of ``points`` (…, 3) mm: (…, 3), x and y in px, z in mm towards the camera."""
        turned = points @ np.asarray(self.rotation, points.dtype).T
        viewed = np.empty_like(turned)
        viewed[..., 0] = self.scale * turned[..., 0] + self.translation[0]
        viewed[..., 1] = -self.scale * turned[..., 1] + self.translation[1]
        viewed[..., 2] = turned[..., 2]
        return viewed

    def cropped(self, origin, zoom) -> "Camera":
        """The same camera in the pixels of a crop that starts at ``origin`` (2,) px and is enlarged by ``zoom``."""
        translation = (self.translation - np.asarray(origin, np.float32)) * np.float32(zoom)
        return replace(self, scale=self.scale * zoom, translation=translation)
