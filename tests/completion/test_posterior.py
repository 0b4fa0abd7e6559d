"""The Gaussian posterior: a case by hand, the same in vertex space, then properties on a small smooth model."""

import numpy as np
import pytest
import torch

from d3f_lite import metrics
from d3f_lite.completion.posterior import condition_on_photo, fix_gauge, fix_to_zero, hold_coefficients, hold_visible
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.gaussian import GaussianHeads


@pytest.fixture(scope="module")
def model():
    """A strip of 60 vertices, 2 mm apart, moved by smooth waves: mean (V, 3), basis (K, V, 3)."""
    place = np.linspace(0.0, 1.0, 60)
    waves = np.stack([np.cos(np.pi * order * place) / (1 + 0.2 * order) for order in range(8)])
    basis = np.einsum("kv,ij->kivj", waves, np.eye(3)).reshape(24, 60, 3)
    mean = np.stack([120.0 * place, 0 * place, 0 * place], 1)
    return mean.astype(np.float32), basis.astype(np.float32), place < 0.5


def test_two_correlated_vertices_by_hand():
    # Both move along x by the same unit coefficient; one is seen 2 mm away with noise 1 mm:
    # precision 1 + 1 = 2, so the other is 2 / 2 = 1 mm away, give or take sqrt(1 / 2) mm.
    basis = np.zeros((1, 2, 3), np.float32)
    basis[0, :, 0] = 1.0
    seen = np.array([[2.0, 0.0, 0.0], [np.nan] * 3], np.float32)
    posterior = GaussianHeads.prior(np.zeros((2, 3), np.float32), basis).condition(seen, np.array([True, False]), 1.0)
    np.testing.assert_allclose(posterior.mean[1], [1.0, 0.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(posterior.spread(), np.sqrt([0.5, 0.5]), rtol=1e-6)


def test_coefficients_act_within_their_bounds(model):
    mean, basis, visible = model
    bounds = np.tile(np.array((-np.inf, np.inf), np.float32), (len(basis), 1))
    bounds[::2] = 0.0, 1.5
    free = GaussianHeads.prior(mean, basis).condition(mean + 1.0, visible, 0.5)
    bent = GaussianHeads.prior(mean, basis, bounds).condition(mean + 1.0, visible, 0.5)
    latents = torch.from_numpy(np.random.default_rng(4).standard_normal((50, bent.latent_size), np.float32)).requires_grad_()
    amounts = np.clip(bent.coefficients + latents.detach().numpy() @ free.factor.T, *bounds.T)
    np.testing.assert_allclose(bent.decode(latents).detach(), mean + np.tensordot(amounts, basis, 1), atol=1e-3)
    np.testing.assert_allclose(bent.decode(torch.zeros(1, bent.latent_size))[0], bent.mean, atol=1e-5)
    assert (bent.coefficients[::2] >= 0.0).all() and (free.coefficients[::2] < 0.0).any()
    bent.decode(latents).square().sum().backward()
    assert torch.isfinite(latents.grad).all() and (latents.grad != 0.0).any(1).all()


def test_agrees_with_gaussian_process_regression_in_vertex_space(model):
    mean, basis, visible = model
    rng = np.random.default_rng(0)
    truth = mean + np.tensordot(rng.standard_normal(len(basis)), basis, 1).astype(np.float32)
    noise = rng.uniform(0.2, 1.0, len(mean))
    posterior = GaussianHeads.prior(mean, basis).condition(truth, visible, noise)

    flat = basis.reshape(len(basis), -1).astype(np.float64)
    covariance, seen = flat.T @ flat, np.repeat(visible, 3)
    gain = covariance[:, seen] @ np.linalg.inv(covariance[np.ix_(seen, seen)] + np.diag(np.repeat(noise, 3)[seen] ** 2))
    expected = mean.ravel() + gain @ (truth - mean).ravel()[seen]
    variance = np.diag(covariance - gain @ covariance[seen])
    np.testing.assert_allclose(posterior.mean.ravel(), expected, atol=2e-4)
    np.testing.assert_allclose(posterior.spread() ** 2, variance.reshape(-1, 3).sum(1), rtol=1e-3)


def test_conditioning_on_a_photo_whose_hessian_sees_vertices_is_conditioning_on_them(model):
    mean, basis, visible = model
    by_vertices = GaussianHeads.prior(mean, basis).condition(mean + 1.0, visible, 0.5)
    seen = basis[:, visible].reshape(len(basis), -1).astype(np.float64)
    hessian = seen @ seen.T / 0.25 + np.eye(len(basis))
    by_photo = condition_on_photo(GaussianHeads.prior(mean, basis), by_vertices.coefficients, hessian)
    np.testing.assert_allclose(by_photo.spread(), by_vertices.spread(), rtol=1e-4)
    np.testing.assert_allclose(by_photo.mean, by_vertices.mean, atol=1e-4)


def test_coefficients_that_a_photo_did_not_fit_keep_their_prior(model):
    mean, basis, _ = model
    posterior = condition_on_photo(GaussianHeads.prior(mean, basis), np.array([3.0, -1.0]), 4.0 * np.eye(2))
    covariance = posterior.factor @ posterior.factor.T
    expected = np.ones(len(basis))
    expected[:2] = 0.25
    np.testing.assert_allclose(covariance, np.diag(expected), atol=1e-6)
    assert posterior.coefficients[:3].tolist() == [3.0, -1.0, 0.0]


def test_a_posterior_is_conditioned_and_restricted_like_a_prior(model):
    mean, basis, visible = model
    prior, noise = GaussianHeads.prior(mean, basis), np.linspace(0.3, 0.6, 60)
    early = np.arange(60) < 10
    once = prior.condition(mean + 1.0, visible, noise)
    twice = prior.condition(mean + 1.0, visible & early, noise).condition(mean + 1.0, visible & ~early, noise)
    np.testing.assert_allclose(twice.mean, once.mean, atol=1e-4)
    np.testing.assert_allclose(twice.factor @ twice.factor.T, once.factor @ once.factor.T, atol=1e-4)
    for heads in (prior, once):
        part = heads.marginal(~visible)
        np.testing.assert_array_equal(part.sample(3, seed=2), heads.sample(3, seed=2)[:, ~visible])
        np.testing.assert_allclose(part.spread(), heads.spread()[~visible], rtol=1e-6)


def test_a_head_model_is_its_own_prior():
    head = load_head()
    prior = GaussianHeads.prior(head.mean, head.basis, head.bounds)
    assert head.latent_size == len(head.basis) and head.sample(2, seed=3).tobytes() == prior.sample(2, seed=3).tobytes()
    np.testing.assert_array_equal(head.decode(torch.zeros(1, head.latent_size))[0], head.mean)
    visible = head.mean[:, 1] > 0.0
    known = head.condition(head.sample(1, seed=4)[0], visible, 0.5)
    assert known.spread()[visible].mean() < 0.5 * known.spread()[~visible].mean() < 0.5 * head.spread()[~visible].mean()


def test_samples_have_the_exact_spread_and_zero_is_the_most_likely_head(model):
    mean, basis, visible = model
    posterior = GaussianHeads.prior(mean, basis).condition(mean + 1.0, visible, 0.5)
    np.testing.assert_allclose(metrics.spread(posterior.sample(20_000, seed=0)), posterior.spread(), rtol=0.03)
    assert np.array_equal(posterior.decode(torch.zeros(1, posterior.latent_size))[0].numpy(), posterior.mean)
    assert posterior.sample(4, seed=1).tobytes() == posterior.sample(4, seed=1).tobytes()


def test_a_latent_moves_vertices_as_far_as_the_gram_says(model):
    mean, basis, visible = model
    posterior = GaussianHeads.prior(mean, basis).condition(mean + 1.0, visible, 0.5)
    latent = np.random.default_rng(0).standard_normal(posterior.latent_size).astype(np.float32)
    moved = (posterior.decode(torch.from_numpy(latent[None]))[0].numpy() - posterior.mean)[~visible]
    expected = np.square(moved).sum(1).mean()
    assert latent @ posterior.displacement_gram(~visible) @ latent == pytest.approx(expected, rel=1e-3)


def test_decoding_is_differentiable(model):
    mean, basis, visible = model
    posterior = GaussianHeads.prior(mean, basis).condition(mean, visible, 0.5)
    latents = torch.randn(2, posterior.latent_size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: posterior.decode(z)[:, ::20], latents)


def test_seen_vertices_vary_less_than_hidden_ones(model):
    mean, basis, visible = model
    spread = GaussianHeads.prior(mean, basis).condition(mean, visible, 0.1).spread()
    assert spread[visible].max() < 0.2 < 1.0 < spread[~visible][10:].min()


def test_holding_by_hand():
    # One coefficient moves the seen vertex only, the other the hidden one only, each by 1 mm:
    # nothing hidden asks the first to move, and the second follows its sample by 1 / (1 + 1).
    basis = np.zeros((2, 2, 3), np.float32)
    basis[0, 0, 0] = basis[1, 1, 0] = 1.0
    photo = condition_on_photo(GaussianHeads.prior(np.zeros((2, 3), np.float32), basis), np.zeros(2), np.eye(2))
    held = hold_visible(photo, np.array([True, False]), visible_mm=0.5, elsewhere_mm=1.0)
    np.testing.assert_allclose(held.spread(), [0.0, 0.5])


def test_holding_the_visible_keeps_the_fit_and_the_hidden_spread(model):
    mean, basis, visible = model
    photo = GaussianHeads.prior(mean, basis).condition(mean, visible, 3.0)
    held = hold_visible(photo, visible, visible_mm=0.05, elsewhere_mm=0.1)
    rms = lambda spread, where: np.sqrt(np.mean(spread[where] ** 2))
    assert rms(held.spread(), visible) < 0.25 * rms(photo.spread(), visible)
    assert rms(held.spread(), ~visible) > 0.9 * rms(photo.spread(), ~visible)
    # Taking the fit's vertices for exact instead loses more of the hidden spread.
    conditioned = GaussianHeads.prior(photo.mean, basis).condition(photo.mean, visible, 0.1)
    assert rms(conditioned.spread(), ~visible) < rms(held.spread(), ~visible)
    np.testing.assert_array_equal(held.mean, photo.mean)


def test_samples_of_a_fixed_gauge_neither_turn_nor_shift_nor_grow():
    # Four corners that can grow, slide and bend: only the bend is left, and nothing moves that the corners share.
    corners = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]], np.float32) * 10.0
    bend = np.zeros_like(corners)
    bend[:, 2] = (1.0, -1.0, 1.0, -1.0)
    basis = np.stack([0.1 * corners, np.full_like(corners, 2.0), bend])
    photo = condition_on_photo(GaussianHeads.prior(corners + 5.0, basis), np.zeros(3), np.eye(3))
    found = fix_gauge(photo, np.ones(4, bool))
    np.testing.assert_allclose(found.basis, np.stack([0 * bend, 0 * bend, bend]), atol=1e-5)
    np.testing.assert_array_equal(found.mean, photo.mean)


def test_held_coefficients_by_hand():
    # Covariance ((2, 1), (1, 1)): once the second is known, the first has the variance 2 - 1·1/1 = 1.
    basis = np.array([[[1, 0, 0]], [[0, 1, 0]]], np.float32)
    factor = np.linalg.cholesky(np.array([[2.0, 1.0], [1.0, 1.0]])).astype(np.float32)
    posterior = GaussianHeads(np.array([[5, 7, 0]], np.float32), basis, np.array([3, 4], np.float32), factor)
    held = hold_coefficients(posterior, np.array([False, True]))
    assert held.latent_size == 1
    np.testing.assert_allclose(held.decode(torch.tensor([[0.0], [2.0]])).numpy()[:, 0], [[5, 7, 0], [7, 7, 0]], atol=1e-5)
    rest = fix_to_zero(posterior, np.array([False, True]))
    np.testing.assert_allclose(rest.mean, [[5, 3, 0]])
    np.testing.assert_allclose(rest.coefficients, [3, 0])
    np.testing.assert_allclose(rest.factor @ rest.factor.T, [[2, 0], [0, 0]], atol=1e-5)
