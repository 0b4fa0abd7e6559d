"""The head model: equation 1 by hand, and what holds of the shipped head."""

from dataclasses import replace

import numpy as np
import pytest
from small_head import one_way, small_head

from d3f_lite.formats.anny import held_out_heads
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import REGIONS


@pytest.fixture(scope="module")
def head():
    return load_head()


def test_the_head_is_the_sum_of_its_parts(head):
    coefficients = np.zeros(len(head.basis))
    np.testing.assert_array_equal(head.vertices(coefficients), head.mean)
    coefficients[[0, len(head.bases.shape), -1]] = (2.0, -1.0, 0.5)
    expected = head.mean + 2.0 * head.bases.shape[0] - head.bases.expression[0] + 0.5 * head.bases.regional[-1]
    np.testing.assert_allclose(head.vertices(coefficients), expected, atol=1e-4)


def test_an_expression_that_runs_one_way_stays_at_rest_on_the_other():
    head = one_way(small_head())
    coefficients = np.zeros((3, len(head.basis)))
    coefficients[:, len(head.bases.shape)] = -2.0, 3.0, 9.0
    expected = head.mean + np.array([0.0, 3.0, 4.0])[:, None, None] * head.bases.expression[0]
    np.testing.assert_allclose(head.vertices(coefficients), expected, atol=1e-4)
    alone = replace(head, bases=replace(head.bases, shape=head.basis[:0], regional=head.basis[:0]), bounds=head.bounds[6:10])
    offsets = (alone.sample(4000, seed=1) - head.mean).reshape(4000, -1)
    acting = offsets @ np.linalg.pinv(alone.basis.reshape(4, -1))
    # Half of a rectified normal is at rest; its mean is 1 / sqrt(2 pi).
    assert (acting > 1e-3).mean() == pytest.approx(0.5, abs=0.02) and acting.min() > -1e-3
    assert acting.mean() == pytest.approx(1 / np.sqrt(2 * np.pi), abs=0.02)


def test_the_canonical_frame(head):
    points = head.landmark_points(head.mean)
    assert points[45, 0] > 30 > -30 > points[36, 0]  # the left eye's outer corner lies at positive x
    assert points[30, 2] == points[:, 2].max() > 100  # the tip of the nose is foremost
    assert points[27, 1] > points[8, 1] + 80  # up is up
    ears = [head.mean[head.regions[side] > 0.5].mean(0) for side in ("left_ear", "right_ear")]
    assert np.abs(np.mean(ears, axis=0)).max() < 8


def test_fourteen_soft_regions_keep_the_variance_of_the_whole(head):
    assert tuple(head.regions) == REGIONS
    np.testing.assert_allclose(sum(weight**2 for weight in head.regions.values()), 1.0, atol=5e-3)
    for name in REGIONS:
        outside = head.regions[name] == 0
        own = [row for row, region in enumerate(head.bases.regional_names) if region == name]
        assert np.abs(head.bases.regional[own][:, outside]).max(initial=0) == 0
    np.testing.assert_allclose(head.albedo_regions.sum(0), 1.0, atol=5e-3)


def test_the_basis_holds_heads_that_it_never_saw(head):
    held_out = held_out_heads()
    basis = head.basis.reshape(len(head.basis), -1).astype(np.float64)
    offsets = (held_out - head.mean).reshape(len(held_out), -1)
    coefficients = np.linalg.solve(basis @ basis.T + 1e-3 * np.eye(len(basis)), basis @ offsets.T)
    left = offsets - coefficients.T @ basis
    assert np.linalg.norm(left.reshape(*held_out.shape), axis=-1).mean() < 0.45  # mm
    # Standard normal coefficients of the strong directions: the prior is the population's.
    assert 0.8 < coefficients[:20].std() < 1.2


def test_jaw_points_follow_the_contour(head):
    turned, frontal = head.landmark_points(head.mean, 0.8), head.landmark_points(head.mean, 0.0)
    assert np.linalg.norm(turned[:17] - frontal[:17], axis=1).mean() > 5
    np.testing.assert_array_equal(turned[17:], frontal[17:])
    mirrored = head.landmark_points(head.mean, -0.8) * (-1, 1, 1)
    assert np.linalg.norm(mirrored[16::-1] - turned[:17], axis=1).mean() < 2
