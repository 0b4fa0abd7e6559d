"""The camera: how a head in millimetres lands on a photo in pixels."""

from dataclasses import dataclass, replace

import numpy as np
import scipy
from jaxtyping import Float

POSE = 7  # numbers of a pose step: rotation vector (rad), log scale, shift (mm right, mm down), nearness (per m)
NEAREST = 4.0  # per m: no camera is nearer than 25 cm


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera whose axis goes through the head's origin; far away it is the paper's, scaled orthographic
    (Dey and Boddeti 2022, section 3.1).

    A point X (mm, canonical frame: x to the head's left, y up, z forward) is turned, Y = R X, and lands on
    ``u = s w Y_x + t_x``, ``v = -s w Y_y + t_y`` with ``w = 1 / (1 - k Y_z)`` (px: x right, y down, from the
    top-left corner, so that pixel centres lie at halves); Y_z grows towards the camera.

    Args:
        rotation: head-to-camera rotation R.
        scale: s, px per mm at the head's origin.
        translation: px, where the head's origin lands.
        nearness: k, one over the distance to the head's origin, per mm; 0 = far away, without perspective.
    """

    rotation: Float[np.ndarray, "3 3"]
    scale: float
    translation: Float[np.ndarray, "2"]
    nearness: float = 0.0

    @classmethod
    def from_angles(cls, yaw: float, pitch: float, roll: float, scale: float, translation, nearness: float = 0.0) -> "Camera":
        """A camera that sees a head turned by ``yaw`` (to its left), ``pitch`` (up) and ``roll``; all in radians."""
        rotation = scipy.spatial.transform.Rotation.from_euler("ZXY", [roll, -pitch, yaw]).as_matrix()
        return cls(rotation.astype(np.float32), float(scale), np.asarray(translation, np.float32), float(nearness))

    @property
    def angles(self) -> Float[np.ndarray, "3"]:
        """Yaw (to the head's left), pitch (up) and roll in radians, as (3,) float64."""
        roll, pitch, yaw = scipy.spatial.transform.Rotation.from_matrix(self.rotation).as_euler("ZXY")
        return np.array([yaw, -pitch, roll])

    def project(self, points: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 2"]:
        """Project ``points`` (…, 3) mm to ``(…, 2)`` px."""
        return self.view(points)[..., :2]

    def view(self, points: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
        """Pixel positions and depth of ``points`` (…, 3) mm: (…, 3), x and y in px, z in mm towards the camera."""
        turned = points @ np.asarray(self.rotation, points.dtype).T
        viewed = turned.copy()
        viewed[..., :2] *= self.scale * self.magnified(turned) * np.array((1.0, -1.0), turned.dtype)
        viewed[..., :2] += self.translation
        return viewed

    def magnified(self, turned: Float[np.ndarray, "*N 3"], closest: float = 0.1) -> Float[np.ndarray, "*N 1"]:
        """w, how much larger things at ``turned`` points (mm, the camera's frame) look than at the head's origin.

        Nothing counts as nearer than ``closest`` times the distance to the head's origin.
        """
        return 1.0 / np.maximum(1.0 - self.nearness * turned[..., 2:], closest)

    def facing(self, points: Float[np.ndarray, "*N 3"], normals: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N"]:
        """Cosine of the angle between the ``normals`` at ``points`` (mm) and the line to the camera, both canonical."""
        to_camera = self.rotation[2] - self.nearness * points
        return (normals * to_camera).sum(-1) / np.linalg.norm(to_camera, axis=-1)

    def moved(self, step: Float[np.ndarray, "7"]) -> "Camera":
        """The camera after a pose step: rotation vector (rad), log scale, shift (mm right, mm down), nearness (per m)."""
        rotation = scipy.spatial.transform.Rotation.from_rotvec(step[:3]).as_matrix() @ self.rotation
        translation = self.translation + self.scale * step[4:6]
        nearness = float(np.clip(self.nearness + step[6] / 1000.0, 0.0, NEAREST / 1000.0))
        return Camera(rotation, self.scale * float(np.exp(step[3])), translation, nearness)

    def slopes(self, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 2 3"]:
        """How positions in the picture, in mm at the head's origin (x right, y down), move with ``points`` (mm, canonical)."""
        turned = points @ self.rotation.T
        magnified = self.magnified(turned)[:, None]
        # ∂(w Y)/∂Y: w along the picture, and ∂w/∂Y_z = k w² towards the camera.
        towards = self.nearness * magnified * turned[:, :2, None] * self.rotation[2]
        return magnified * (self.rotation[:2] + towards) * np.array([[1.0], [-1.0]])

    def pose_slopes(self, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 2 7"]:
        """How the same positions move with a pose step (see ``moved``)."""
        turned = points @ self.rotation.T
        magnified = self.magnified(turned)
        place = magnified * turned[:, :2] * (1.0, -1.0)
        jacobian = np.zeros((len(points), 2, POSE))
        # A turn about the camera's axis R_a moves X by R_a × X, seen from the head.
        turns = np.cross(self.rotation[None], points[:, None])
        jacobian[..., :3] = np.einsum("pki,pai->pka", self.slopes(points), turns)
        jacobian[..., 3] = place
        jacobian[..., 4:6] = np.eye(2)
        jacobian[..., 6] = place * magnified * turned[:, 2:] / 1000.0
        return jacobian

    def cropped(self, origin, zoom) -> "Camera":
        """The same camera in the pixels of a crop that starts at ``origin`` (2,) px and is enlarged by ``zoom``."""
        translation = (self.translation - np.asarray(origin, np.float32)) * np.float32(zoom)
        return replace(self, scale=self.scale * zoom, translation=translation)
