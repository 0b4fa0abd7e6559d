"""face-alignment as a backend: its real API and a weights file of the right shapes.

The published weights cannot be had on every machine, so the network here has random ones, and a stand-in where points
must mean something. Not measured: how well FAN finds landmarks, and how large its scores are.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from d3f_lite.assets import assets, sha256_of
from d3f_lite.errors import AssetError, SettingsError
from d3f_lite.fitting.calibration import ASSET, load_calibration
from d3f_lite.fitting.landmark_equations import calibration_for
from d3f_lite.observation.landmarks import BY_HAND, Landmarks
from d3f_lite.observation.photo import sample_photo
from d3f_lite.perception import face_alignment as face_alignment_landmarks
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.face_alignment import WEIGHTS, FaceAlignmentNetwork, network_for
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.settings import FitSettings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A TORCH_HOME with random weights in the place of the published ones, and the table's row as if it named them."""
    from face_alignment.models import FAN

    patch, home = pytest.MonkeyPatch(), tmp_path_factory.mktemp("torch")
    patch.setenv("TORCH_HOME", str(home))
    path = assets()[WEIGHTS].path
    assert path.parent == home / "hub" / "checkpoints"
    path.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(FAN(4).state_dict(), path)
    rows = assets() | {WEIGHTS: replace(assets()[WEIGHTS], sha256=sha256_of(path))}
    patch.setattr(face_alignment_landmarks, "assets", lambda: rows)
    yield path
    patch.undo()


@pytest.fixture(scope="module")
def network(weights):
    return network_for("auto")


class DotFinder(torch.nn.Module):
    """A network whose 68 heatmaps are all the picture's blueness, at a quarter of its size."""

    def forward(self, crops):
        blueness = torch.relu(crops[:, 2] - crops[:, 0])
        return torch.nn.functional.avg_pool2d(blueness[:, None], 4).expand(-1, 68, -1, -1).clone()


def test_the_real_network_with_random_weights(network):
    photo = sample_photo("astronaut")
    covered = np.zeros(photo.shape, bool)
    covered[150:190, 180:260] = True
    with MediapipeDetector() as detector:
        seen = detect_landmarks(photo, covered, detector=detector)
        found = detect_landmarks(photo, covered, detector=detector, network=network)
    assert found.backend == found.detector == "face-alignment" and found.faces == 1
    assert found.xy.shape == (68, 2) and found.xy.dtype == found.confidence.dtype == np.float32
    assert found.dense.tobytes() == seen.dense.tobytes() and not np.array_equal(found.xy, seen.xy)
    window = seen.dense.mean(0) + np.array([[-1], [1]]) * 1.4 * np.ptp(seen.dense, axis=0).max()
    assert (found.xy > window[0]).all() and (found.xy < window[1]).all()


@pytest.mark.parametrize("side, centre", [(60, (70.3, 81.7)), (180, (150.0, 140.5)), (900, (700.0, 650.0))])
def test_a_point_comes_back_where_it_is(network, side, centre, monkeypatch):
    monkeypatch.setattr(network._network, "face_alignment_net", DotFinder())
    x, y = dot = np.array(centre) + np.array([0.11, -0.16]) * side
    columns, rows = np.arange(2 * side + 20) + 0.5, np.arange(2 * side + 30)[:, None] + 0.5
    near = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (0.05 * side) ** 2))
    picture = np.zeros((*near.shape, 3), np.uint8)
    picture[..., 2] = np.round(200 * near)
    face = np.array(centre) + np.array([[-0.5, -0.5], [0.5, 0.5]]) * side
    xy, scores = network.locate(picture, face)
    # The network answers in quarters of a 64th of its crop, 2.05 faces wide.
    assert np.abs(xy - dot).max() < 0.01 * side
    assert scores == pytest.approx(np.full(68, 200 / 255), abs=0.1)  # the mean over the crop and its mirror image


def test_a_file_that_is_not_the_published_one_is_not_loaded(weights, monkeypatch):
    monkeypatch.setattr(face_alignment_landmarks, "assets", assets)
    for name in ("auto", "face-alignment"):
        with pytest.raises(AssetError, match="sha256"):
            network_for(name)
    assert network_for("mediapipe") is None


def test_without_weights_mediapipe_is_what_auto_means(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(face_alignment_landmarks, "assets", assets)
    assert network_for() is None
    with pytest.raises(AssetError, match="data_fetch.py face-alignment"):
        FaceAlignmentNetwork()
    with pytest.raises(SettingsError, match="dlib"):
        network_for("dlib")


def test_a_calibration_is_used_only_for_the_detector_it_was_measured_on(tmp_path, monkeypatch):
    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path))
    landmarks = Landmarks(np.zeros((68, 2)), np.ones(68), "mediapipe" + BY_HAND, 1)
    shipped = calibration_for(landmarks, FitSettings())
    assert shipped is load_calibration() and not calibration_for(landmarks, FitSettings(calibrated=False)).bias.any()
    for backend in ("face-alignment", "file", "by hand", "../detector"):
        unknown = calibration_for(replace(landmarks, backend=backend), FitSettings())
        assert not unknown.bias.any() and (np.diag(unknown.clean) > 2 * np.median(np.diag(shipped.clean))).all()
    with np.load(ASSET) as stored:  # as python -m research.bake.detector --detector face-alignment writes it
        np.savez(tmp_path / "detector_face-alignment.npz", **{**stored, "bias": np.ones((6, 136), np.float32)})
    assert (calibration_for(replace(landmarks, backend="face-alignment"), FitSettings()).bias == 1).all()
