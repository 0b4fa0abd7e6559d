"""Rescues: photos that lie on their side or head, and which landmarks to take once a mask was filled."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.observation.landmarks import interocular_distance
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.perception.turned_and_cut_faces import best_of, on_the_same_face, quarter_turns, turned_back


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


def test_a_mesh_that_filling_an_occluder_moved_or_shrank_lies_on_something_else(portraits):
    _, first = portraits["astronaut"]
    middle = first.dense.mean(axis=0)
    shrunk = replace(first, dense=middle + np.float32(0.7) * (first.dense - middle))
    moved = replace(first, dense=first.dense + np.float32(200))
    assert on_the_same_face(first, first) and on_the_same_face(replace(first, dense=None), first)
    assert not on_the_same_face(shrunk, first) and not on_the_same_face(moved, first)


def test_the_last_landmarks_are_taken_where_they_are_sound(portraits):
    photo, first = portraits["astronaut"]
    nothing, few = np.zeros(photo.shape, bool), np.where(np.arange(68) < 12, 1, 0).astype(np.float32)
    last, earlier = replace(first, backend="last"), replace(first, backend="earlier")
    assert best_of(last, earlier, first, nothing).backend == "last"
    assert best_of(None, earlier, first, nothing).backend == "earlier"
    unsure = replace(last, confidence=few)
    assert best_of(unsure, earlier, first, nothing).backend == "earlier"
    assert best_of(unsure, replace(earlier, confidence=few), first, nothing).backend == "mediapipe"
    astray = replace(last, dense=first.dense + np.float32(200))
    assert best_of(astray, earlier, first, nothing).backend == "mediapipe"
    assert not best_of(astray, earlier, first, ~nothing).confidence.any()  # none hidden is trusted
