"""The camera."""

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


def test_a_camera_nearby_by_hand():
    near = Camera.from_angles(0.0, 0.0, 0.0, 2.0, (100.0, 50.0), 1.0 / 400.0)
    np.testing.assert_allclose(near.view(np.array([[10.0, 5.0, 200.0]])), [[140.0, 30.0, 200.0]])  # half way: twice as large
    towards, level = np.array([[0.0, 0.6, 0.8]]), np.array([[0.0, 1.0, 0.0]])
    np.testing.assert_allclose(near.facing(np.array([[0.0, 0.0, 100.0]]), towards), [0.8], atol=1e-6)
    assert near.facing(np.array([[0.0, 30.0, 0.0]]), level) < 0.0  # the top of a head nearby is out of sight


def test_slopes_are_those_of_finite_differences():
    camera = Camera.from_angles(0.3, 0.1, 0.2, 1.3, (200.0, 180.0), 0.0015)
    points, step = np.random.default_rng(0).normal(0.0, 60.0, (2, 20, 3)) * np.array([[[1.0]], [[1e-3]]])
    moved = (camera.project(points + step) - camera.project(points - step)) / (2 * camera.scale)
    np.testing.assert_allclose(np.einsum("pki,pi->pk", camera.slopes(points), step), moved, atol=1e-6)


def test_a_crop_sees_the_same_points_in_its_own_pixels():
    camera = Camera.from_angles(0.4, 0.1, -0.2, 1.5, (80.0, 90.0))
    points = np.random.default_rng(0).normal(size=(20, 3)) * 50
    cropped = camera.cropped((30.0, 20.0), 2.0)
    np.testing.assert_allclose(cropped.project(points), (camera.project(points) - (30.0, 20.0)) * 2.0, atol=1e-3)
