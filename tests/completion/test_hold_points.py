"""What a posterior becomes where some of its points are held: by hand, then against the closed form, then its draws."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from small_head import one_way, small_head

from d3f_lite.completion.hold_points import hold_points
from d3f_lite.heads.gaussian import GaussianHeads


def prior(head):
    """A head model's prior as a posterior that nothing was seen for."""
    return GaussianHeads.prior(head.mean, head.basis, head.bounds)


def test_one_point_on_a_line_by_hand():
    """Deviation 3 mm, held 10 mm away and good to 1 mm: 10 · 9/10 = 9 mm, and a deviation of 3 · √(1/10)."""
    zero, basis = np.zeros((1, 3), np.float32), np.zeros((1, 1, 3), np.float32)
    basis[0, 0, 0] = 3.0
    line = GaussianHeads.prior(zero, basis)
    held, farther = hold_points(line, np.array([0]), np.float32([[10, 0, 0]]))
    np.testing.assert_allclose(held.mean, [[9.0, 0.0, 0.0]], rtol=1e-6)
    assert held.spread()[0] == pytest.approx(3 * 0.1**0.5)
    assert farther == pytest.approx(chi2.sf(100 / 10, 3))
    exact, _ = hold_points(line, np.array([0]), np.float32([[6, 0, 0]]), noise_mm=1e-3)
    np.testing.assert_allclose(exact.mean, [[6.0, 0.0, 0.0]], rtol=1e-5)


def test_the_posterior_is_the_one_in_closed_form():
    head = small_head()
    free, points = prior(head), np.array([10, 77])
    places = head.mean[points] + np.float32([[3, -4, 2], [0, 1, 1]])
    held, _ = hold_points(free, points, places)
    target = head.mean.copy()
    target[points] = places
    expected = free.condition(target, np.isin(np.arange(len(head.mean)), points), 1.0)
    np.testing.assert_allclose(held.mean, expected.mean, atol=1e-4)
    np.testing.assert_allclose(held.factor @ held.factor.T, expected.factor @ expected.factor.T, atol=1e-5)


def test_heads_change_no_more_than_the_points_ask_and_keep_their_bounds():
    head = one_way(small_head())
    free, points = prior(head), np.array([10])
    latents = torch.from_numpy(np.random.default_rng(0).standard_normal((4, free.latent_size), np.float32))
    held, farther = hold_points(free, points, free.mean[points])
    moved = (free.factor - held.factor).T  # what the points have to do with it: three directions
    assert farther == 1.0 and np.linalg.matrix_rank(moved, tol=1e-4) == 3
    np.testing.assert_allclose(held.mean, free.mean, atol=1e-4)
    pulled, _ = hold_points(free, points, free.mean[points] + np.float32([[0, -8, 6]]))
    coefficients = pulled.coefficients + (latents.numpy() @ pulled.factor.T)
    bent = np.clip(coefficients, *head.bounds.T)
    assert (bent != coefficients).any()
    heads = head.mean + np.tensordot(bent, head.basis, 1)
    np.testing.assert_allclose(pulled.decode(latents).numpy(), heads, atol=1e-3)


def test_a_place_that_no_head_has_is_held_where_the_heads_end():
    free, points = prior(small_head()), np.array([10])
    near, farther = hold_points(free, points, np.float32([[1e6, 0, 0]]))
    far, _ = hold_points(free, points, np.float32([[1e9, 0, 0]]))
    assert farther == pytest.approx(1e-4) and np.abs(near.mean).max() < 300.0
    np.testing.assert_allclose(near.mean, far.mean, atol=1e-2)
