"""Pull-push: a hole by hand, what must not change, and soft weights."""

import numpy as np
import pytest

from d3f_lite.common.pull_push import pull_push

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.uniform(0, 255, (13, 22, 3)).astype(np.float32)


def test_a_hole_by_hand():
    picture = np.array([[0.0, 4.0], [8.0, 99.0]], np.float32)[..., None]
    weight = np.array([[1.0, 1.0], [1.0, 0.0]], np.float32)
    np.testing.assert_allclose(pull_push(picture, weight)[..., 0], [[0, 4], [8, 4]], atol=1e-6)  # the mean of the other three


def test_known_pixels_stay_and_one_colour_fills_every_hole():
    weight = (RANDOM.random((13, 22)) > 0.8).astype(np.float32)
    filled = pull_push(PICTURE, weight)
    assert filled.dtype == np.float32 and (filled[weight == 1] == PICTURE[weight == 1]).all()
    np.testing.assert_allclose(pull_push(np.full_like(PICTURE, 7), weight), 7, rtol=1e-6)
    unseen = np.where(weight[..., None] == 1, PICTURE, 255 - PICTURE)
    assert (pull_push(unseen, weight) == filled).all()  # what stands in a hole counts for nothing


@pytest.mark.parametrize("full", (0.5, 1.0))
def test_a_pixel_half_known_lies_between_its_own_colour_and_its_surroundings(full):
    picture, weight = np.zeros((8, 8, 1), np.float32), np.ones((8, 8), np.float32)
    picture[3, 3], weight[3, 3] = 100.0, 0.25
    middle = pull_push(picture, weight, full)[3, 3, 0]
    assert 100 * 0.25 / full < middle < 100 and pull_push(picture, weight)[3, 3, 0] == 100
