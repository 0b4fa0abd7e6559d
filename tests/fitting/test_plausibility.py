"""Landmarks that no face can have are refused, and what they look like is said; photos may lie on their side or head."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.errors import LandmarkError
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.fitting.plausibility import check_plausible
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.landmarks import interocular_distance
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import OCCLUDERS, draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.perception.rescue import quarter_turns, turned_back
from d3f_lite.reconstruct import reconstruct
from d3f_lite.settings import FitSettings

MISTAKES = {
    "left and right were swapped": lambda xy: xy * (-1, 1) + (512, 0),
    "y was counted upwards": lambda xy: xy * (1, -1) + (0, 600),
    "x and y were swapped": lambda xy: xy[:, ::-1],
    "do not look like a face": lambda xy: xy[np.random.default_rng(0).permutation(68)],
    "not look like a face": lambda xy: xy[::-1],
    "look like a face": lambda xy: np.roll(xy, 1, axis=0),
    "like a face": lambda xy: np.random.default_rng(1).uniform(0, 500, (68, 2)),
}


@pytest.mark.parametrize("said", MISTAKES)
@pytest.mark.parametrize("backend", ["mediapipe", "file"])
def test_what_landmarks_look_like_is_said(said, backend, portraits):
    for _, landmarks in portraits.values():
        wrong = np.ascontiguousarray(MISTAKES[said](landmarks.xy), np.float32)
        with pytest.raises(LandmarkError, match=said):
            check_plausible(load_head(), replace(landmarks, xy=wrong, backend=backend), FitSettings())


def test_nothing_is_drawn_from_swapped_landmarks(portraits):
    photo, landmarks = portraits["astronaut"]
    with pytest.raises(LandmarkError, match="x and y were swapped"):
        reconstruct(photo, np.zeros(photo.shape, bool), landmarks=np.ascontiguousarray(landmarks.xy[:, ::-1]), samples=1)


@pytest.mark.slow
def test_faces_are_believed(portraits, detector):
    head = load_head()
    for photo, landmarks in portraits.values():
        for occluder in OCCLUDERS:
            seen = observe(*draw_occluder(photo, landmarks, occluder, seed=1), detector=detector)
            if seen.landmarks.enough:
                check_plausible(head, seen.landmarks, FitSettings())
                check_plausible(head, replace(seen.landmarks, backend="file"), FitSettings())


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_back_undoes_a_turn(turns):
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[5, 50] = 255
    row, column = np.argwhere(np.rot90(pixels, turns)[..., 0])[0]
    assert np.allclose(turned_back(np.array([[column + 0.5, row + 0.5]]), turns, (40, 60)), [[50.5, 5.5]])


@pytest.mark.parametrize("name", ["grace_hopper", "astronaut"])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_on_its_side_or_head_gives_the_same_face(name, turns, portraits, detector):
    photo, upright = portraits[name]
    turned = Photo.from_array(np.rot90(photo.pixels, turns))
    found = detect_landmarks(turned, detector=detector)
    apart = np.linalg.norm(turned_back(found.xy, turns, photo.shape) - upright.xy, axis=1)
    assert apart.mean() < 0.03 * interocular_distance(upright.xy) and (quarter_turns(found) + turns) % 4 == 0
    assert np.array_equal(detect_landmarks(photo, detector=detector).xy, upright.xy)


@pytest.mark.slow
def test_a_face_upside_down_is_fitted_upside_down(portraits, detector):
    photo, landmarks = portraits["grace_hopper"]
    photo, _ = draw_occluder(photo, landmarks, "surgical_mask", seed=0)
    turned = observe(Photo.from_array(photo.pixels[::-1, ::-1]), detector=detector)
    upright = observe(photo, detector=detector)
    both = turned.masks.occluded[::-1, ::-1] & upright.masks.occluded
    assert both.sum() > 0.95 * upright.masks.occluded.sum()
    fits = [fit_visible(seen, load_head()) for seen in (upright, turned)]
    rolls = [np.degrees(fit.camera.angles[2]) for fit in fits]
    assert abs(rolls[0]) < 10 and abs(abs(rolls[1]) - 180) < 10
    assert np.linalg.norm(fits[0].vertices - fits[1].vertices, axis=1).mean() < 1.5
