"""What a person corrects by hand: the same heads from the widgets, from their files, and from a result's own files."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image

from d3f_lite.__main__ import main
from d3f_lite.observation.landmarks import interocular_distance
from d3f_lite.observation.masks import Stroke
from d3f_lite.observation.photo import Photo, sample_photo
from d3f_lite.observe import observe
from d3f_lite.reconstruct import reconstruct
from widgets import LandmarkEditor, MaskPainter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    """A folder with a photo, strokes and landmarks as the widgets save them, and the Reconstruction from the widgets."""
    folder = tmp_path_factory.mktemp("by_hand")
    photo = Photo.from_array(sample_photo("astronaut").pixels, "astronaut")
    Image.fromarray(photo.pixels).save(folder / "astronaut.png")
    observation = observe(photo, np.zeros(photo.shape, bool))
    x, y = (observation.landmarks.xy[48:68].mean(0) * 400 / 512).astype(int)
    painter, editor = MaskPainter(photo), LandmarkEditor(observation)
    strokes = np.zeros((400, 400), np.uint8)
    strokes[y - 6 : y + 12, x - 25 : x + 25] = Stroke.OCCLUDED  # over the mouth
    strokes[y - 28 : y - 12, x - 12 : x + 12] = Stroke.VISIBLE  # over the tip of the nose
    painter.painted = strokes.tobytes()
    painter.save_strokes(folder / "strokes.png")
    points = np.array(editor.points)
    points[30] += 3.0, 1.0  # the tip of the nose
    editor.points = points.tolist()
    editor.save(folder / "landmarks.csv")
    return folder, reconstruct(photo, strokes=painter.strokes, landmarks=editor.landmarks, samples=3, seed=5)


def heads_in(folder):
    """The heads of a result."""
    with np.load(folder / "samples.npz", allow_pickle=False) as stored:
        return stored["vertices"]


def test_corrections_reach_the_fit(by_hand):
    _, found = by_hand
    landmarks, masks = found.observation.landmarks, found.observation.masks
    alone = observe(found.observation.photo, masks.occluded).landmarks
    assert landmarks.backend == "mediapipe, corrected by hand" and masks.origin == "corrected"
    assert masks.occluded[masks.strokes == Stroke.OCCLUDED].all() and not masks.occluded[masks.strokes == Stroke.VISIBLE].any()
    assert not landmarks.confidence[48:68].any() and landmarks.confidence[30] == 1.0
    moved = np.linalg.norm(found.fit.landmarks[30] - alone.xy[30]) / interocular_distance(alone.xy)
    assert moved > 0.01
    assert found.fit.occluded.any() and found.fit.free[found.fit.occluded].all()


def test_the_command_line_reads_what_the_widgets_save(by_hand, tmp_path, capsys):
    folder, found = by_hand
    files = ["--strokes", folder / "strokes.png", "--landmarks", folder / "landmarks.csv", "--samples", 3, "--seed", 5]
    assert main([str(word) for word in ("reconstruct", folder / "astronaut.png", *files, "--out", tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "landmarks: mediapipe, corrected by hand; mask: corrected" in printed
    assert heads_in(tmp_path / "astronaut").tobytes() == found.samples.vertices.tobytes()


def test_a_result_tells_how_to_get_it_again(by_hand, tmp_path, monkeypatch):
    folder, found = by_hand
    result = found.save(tmp_path)
    assert {"mask.png", "strokes.png", "landmarks.csv", "settings.toml"} <= {path.name for path in result.iterdir()}
    command = shlex.split(json.loads((result / "report.json").read_text())["again"])
    command[command.index("PHOTO")] = str(folder / "astronaut.png")
    monkeypatch.chdir(result)
    assert main([*command[1:], "--out", str(tmp_path / "again")]) == 0
    assert heads_in(tmp_path / "again" / "astronaut").tobytes() == found.samples.vertices.tobytes()


def test_nothing_is_occluded_by_command(by_hand, tmp_path):
    photo = str(by_hand[0] / "astronaut.png")
    assert main(["reconstruct", photo, "--mask", "none", "--samples", "2", "--out", str(tmp_path)]) == 0
    told = json.loads((tmp_path / "astronaut" / "report.json").read_text())
    assert told["mask"] == "given" and told["measures"]["occluded_vertices"] == 0
