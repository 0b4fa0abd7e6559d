"""How the landmark detector errs: its bias and covariance, measured on renders of heads of known shape."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from d3f_lite.assets import SHIPPED, cache_folder
from d3f_lite.errors import AssetError
from d3f_lite.files.arrays import read_arrays
from d3f_lite.observation.landmarks import FACE_ALIGNMENT, MEDIAPIPE

ASSET = SHIPPED / "detector.npz"


@dataclass(frozen=True, eq=False)
class Calibration:
    """The detector's error in mm on the face, upright (roll taken out), x right and y down: N(bias(pose), covariance).

    Args:
        bias: of the 68 (x, y) pairs, per pose feature.
        clean: covariance on faces without an occluder, mm².
        occluded: covariance of the landmarks that stay visible beside an occluder, mm².
    """

    bias: Float[np.ndarray, "6 136"]
    clean: Float[np.ndarray, "136 136"]
    occluded: Float[np.ndarray, "136 136"]

    def bias_at(self, yaw: float, pitch: float) -> Float[np.ndarray, "68 2"]:
        """The bias (68, 2) mm at this yaw and pitch (radians)."""
        return (pose_features(yaw, pitch) @ self.bias).reshape(68, 2)

    @classmethod
    def none(cls, sigma: float = 6.0) -> "Calibration":
        """An unknown detector: no bias, independent errors of ``sigma`` mm, by default twice the usual ones."""
        covariance = sigma**2 * np.eye(136)
        return cls(np.zeros((6, 136)), covariance, covariance)


def pose_features(yaw: float | Float[np.ndarray, "*N"], pitch: float | Float[np.ndarray, "*N"]) -> Float[np.ndarray, "*N 6"]:
    """The six features (…, 6) of a pose (radians) that the detector's bias is linear in."""
    yaw, pitch = np.broadcast_arrays(np.asarray(yaw, float), np.asarray(pitch, float))
    return np.stack((np.ones_like(yaw), yaw, pitch, yaw**2, pitch**2, yaw * pitch), -1)


def upright(offsets: Float[np.ndarray, "*N 2"], roll: float) -> Float[np.ndarray, "*N 2"]:
    """Turn image offsets (…, 2), x right and y down, so that a head rolled by ``roll`` radians stands upright."""
    cosine, sine = np.cos(roll), np.sin(roll)
    return offsets @ np.array([[cosine, sine], [-sine, cosine]])


def calibration_of(detector: str) -> Calibration | None:
    """The calibration of a detector, by its name: None where it was not measured.

    MediaPipe's is shipped; ``python -m research.bake.detector --detector face-alignment`` measures the other's.
    """
    if detector == MEDIAPIPE:
        return load_calibration()
    path = measured_path(detector)
    return load_calibration(path) if detector == FACE_ALIGNMENT and path.is_file() else None


def measured_path(detector: str) -> Path:
    """Where the calibration of a detector that has none shipped is kept."""
    return cache_folder() / f"detector_{detector}.npz"


@lru_cache(maxsize=2)
def load_calibration(path: Path | str = ASSET) -> Calibration:
    """Load the calibration of a detector: by default the shipped one, of MediaPipe's landmarks.

    Raises:
        AssetError: the file is missing or broken.
    """
    table = read_arrays(path, AssetError)
    clean, occluded = (table.array(name, (136, 136)) for name in ("clean", "occluded"))
    for covariance in (clean, occluded):
        if np.abs(covariance - covariance.T).max() > 1e-3 or np.linalg.eigvalsh(covariance)[0] <= 0.0:
            raise AssetError(f"{table.file} holds a matrix that is no covariance: it is damaged")
    return Calibration(table.array("bias", (6, 136)), clean, occluded)
