"""The scaled orthographic camera."""

import numpy as np
import pytest

from d3f_lite.fitting.camera import Camera


def test_a_frontal_camera_by_hand():
    camera = Camera.from_angles(0.0, 0.0, 0.0, 2.0, (100.0, 50.0))
    np.testing.assert_allclose(camera.view(np.array([[10.0, 5.0, 3.0]])), [[120.0, 40.0, 3.0]], atol=1e-5)


@pytest.mark.parametrize(
    "angles, point, direction",
    [
        ((0.3, 0.0, 0.0), "nose", (1, 0)),  # turned to its left: the nose moves to the picture's right
        ((0.0, 0.3, 0.0), "nose", (0, -1)),  # looking up: the nose moves up
        ((0.0, 0.0, 0.3), "left ear", (0, -1)),  # rolled: the left ear, on the picture's right, moves up
    ],
)
def test_angles_turn_as_their_names_say(angles, point, direction):
    place = np.array({"nose": (0.0, 0.0, 100.0), "left ear": (70.0, 0.0, 0.0)}[point])
    still = Camera.from_angles(0.0, 0.0, 0.0, 1.0, (0.0, 0.0)).project(place)
    moved = Camera.from_angles(*angles, 1.0, (0.0, 0.0)).project(place) - still
    assert np.sign(np.round(moved, 6))[np.abs(direction).argmax()] == sum(direction)
    assert abs(moved[np.abs(direction).argmin()]) < 5


def test_angles_are_read_back():
    camera = Camera.from_angles(0.5, -0.2, 0.1, 1.0, (0.0, 0.0))
    np.testing.assert_allclose(camera.angles, (0.5, -0.2, 0.1), atol=1e-6)


def test_a_crop_sees_the_same_points_in_its_own_pixels():
    camera = Camera.from_angles(0.4, 0.1, -0.2, 1.5, (80.0, 90.0))
    points = np.random.default_rng(0).normal(size=(20, 3)) * 50
    cropped = camera.cropped((30.0, 20.0), 2.0)
    np.testing.assert_allclose(cropped.project(points), (camera.project(points) - (30.0, 20.0)) * 2.0, atol=1e-3)
