"""face-alignment's landmark network FAN (Bulat and Tzimiropoulos 2017), where its weights are on this machine."""

import numpy as np
from jaxtyping import Float, UInt8

from d3f_lite.assets import assets, sha256_of
from d3f_lite.errors import AssetError, SettingsError
from d3f_lite.observation.landmarks import FACE_ALIGNMENT, MEDIAPIPE
from d3f_lite.perception.detector import face_size, square_crop

DETECTORS = ("auto", MEDIAPIPE, FACE_ALIGNMENT)
WEIGHTS = "2DFAN4-11f355bf06.pth.tar"


class FaceAlignmentNetwork:
    """The 68 landmarks of the face that MediaPipe found, by face-alignment's network.

    Args:
        device: torch's name of where it runs.

    Raises:
        AssetError: its weights are not here, or are not those that were published.
    """

    name = FACE_ALIGNMENT

    def __init__(self, device: str = "cpu") -> None:
        asset = assets()[WEIGHTS]
        if not asset.path.is_file():
            raise AssetError(f"{WEIGHTS} is not in torch hub's cache: run python data_fetch.py face-alignment")
        if sha256_of(asset.path) != asset.sha256:
            raise AssetError(f"{asset.path} is not the published file (sha256 differs): remove it and fetch it again")
        import face_alignment  # heavy, and only needed here; it unpickles nothing but weights

        self._network = face_alignment.FaceAlignment(
            face_alignment.LandmarksType.TWO_D, device=device, compile=False, face_detector="folder"
        )

    def locate(
        self, pixels: UInt8[np.ndarray, "H W 3"], mesh: Float[np.ndarray, "P 2"]
    ) -> tuple[Float[np.ndarray, "68 2"], Float[np.ndarray, "68"]]:
        """The landmarks px of the face with this mesh px, whose box holds the forehead, and the network's scores, 0 to 1."""
        side, reference = 512, 195  # px of the crop, and of the face in it; the network looks at 2.05 times the face
        low, high = mesh.min(axis=0), mesh.max(axis=0)
        zoom = reference / face_size(mesh)
        linear, offset = zoom * np.eye(2), side / 2 - zoom * (low + high) / 2
        box = np.concatenate([linear @ low + offset, linear @ high + offset])
        points, scores, _ = self._network.get_landmarks_from_image(
            square_crop(pixels, linear, offset, side), detected_faces=[box], return_landmark_score=True
        )
        # Points come as whole pixels, rounded down; scores as sums over the crop and its mirror image.
        return (points[0] + 0.5 - offset) / zoom, np.clip(scores[0] / 2, 0.0, 1.0)


def network_for(detector: str = "auto") -> FaceAlignmentNetwork | None:
    """The network that a detector's name stands for: None for MediaPipe; "auto" takes FAN where its weights are here.

    Raises:
        SettingsError: an unknown name.
    """
    if detector not in DETECTORS:
        raise SettingsError(f"unknown detector {detector!r:.60}: choose from {', '.join(DETECTORS)}")
    if detector == MEDIAPIPE or (detector == "auto" and not assets()[WEIGHTS].path.is_file()):
        return None
    return FaceAlignmentNetwork()
