"""The DPP: two heads by hand, the exact formula and finite differences, then diverse heads on a small smooth model."""

from itertools import combinations

import numpy as np
import pytest
import torch
from dppy.finite_dpps import FiniteDPP
from scipy.spatial.distance import cdist

from d3f_lite import metrics
from d3f_lite.completion.posterior import hold_visible
from d3f_lite.diversity import kernel as mathematics
from d3f_lite.diversity import search as diversity
from d3f_lite.diversity.published import diversify_published
from d3f_lite.errors import Cancelled, MaskError
from d3f_lite.evaluation.methods import most_diverse
from d3f_lite.heads.gaussian import GaussianHeads
from d3f_lite.heads.laplacian import laplacian_tensor
from d3f_lite.settings import DiversitySettings


@pytest.fixture(scope="module")
def strip():
    """A strip of 60 vertices moved by smooth waves; its first half is seen: (posterior, visible, triangles)."""
    place = np.linspace(0.0, 1.0, 60)
    waves = np.stack([3 * np.cos(np.pi * order * place) / (1 + 0.3 * order) for order in range(10)])
    basis = np.einsum("kv,ij->kivj", waves, np.eye(3)).reshape(30, 60, 3).astype(np.float32)
    mean = np.stack([120.0 * place, 3.0 * (np.arange(60) % 2), 0 * place], 1).astype(np.float32)
    visible = place < 0.5
    triangles = np.arange(58)[:, None] + np.arange(3)
    return GaussianHeads.prior(mean, basis).condition(mean, visible, 0.5), visible, triangles


def test_two_heads_by_hand():
    # L = [[1, s], [s, 1]] has eigenvalues 1 ± s, so E|Y| = (1 + s) / (2 + s) + (1 − s) / (2 − s).
    vertices = torch.zeros(2, 3, 3, dtype=torch.float64)
    vertices[1, :2, 0] = torch.tensor([3.0, 4.0])
    occluded = np.array([True, True, False])
    apart = mathematics.distances(vertices, occluded)
    assert apart[0, 1].item() == pytest.approx(np.sqrt(25 / 2))
    assert mathematics.published_bandwidth(apart).item() == pytest.approx(2 * np.sqrt(25 / 2))
    alike = np.exp(-0.5)
    by_hand = (1 + alike) / (2 + alike) + (1 - alike) / (2 - alike)
    loss = mathematics.dpp_loss(vertices, torch.zeros(2, 4, dtype=torch.float64), occluded, radius=1.0)
    assert -loss.item() == pytest.approx(by_hand, abs=1e-12)


def test_the_expected_cardinality_goes_from_one_to_half_of_all():
    count = lambda distance: mathematics.expected_cardinality(mathematics.similarity(distance, 1.0, "gaussian")).item()
    # Equal heads make a rank-one L, eigenvalue 6: 6 / 7. Unlike ones make the identity: 6 / 2.
    assert count(torch.zeros(6, 6)) == pytest.approx(6 / 7, abs=1e-5)
    assert count(100.0 * (1.0 - torch.eye(6))) == pytest.approx(3.0)


@pytest.mark.parametrize("form", ["exponential", "gaussian"])
def test_kernel_and_cardinality_are_the_exact_formula(form):
    generator = torch.Generator().manual_seed(0)
    vertices = torch.randn(5, 7, 3, generator=generator, dtype=torch.float64)
    latents = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    occluded = np.arange(7) > 2
    points = vertices[:, 3:].numpy()
    apart = np.sqrt(np.square(points[:, None] - points[None]).sum((2, 3)) / 4)
    alike = np.exp(-apart / 2.0) if form == "exponential" else np.exp(-(apart**2) / 8.0)
    plausible = np.exp(-np.maximum(np.linalg.norm(latents, axis=1) - 1.5, 0))
    expected = np.diag(plausible) @ alike @ np.diag(plausible)

    similarity = mathematics.similarity(mathematics.distances(vertices, occluded), 2.0, form)
    dpp_kernel = mathematics.kernel(similarity, mathematics.quality(latents, 1.5))
    np.testing.assert_allclose(dpp_kernel.numpy(), expected, atol=1e-6)
    cardinality = mathematics.expected_cardinality(dpp_kernel).item()
    assert cardinality == pytest.approx(np.trace(np.eye(5) - np.linalg.inv(expected + np.eye(5))), abs=1e-6)
    dpp = FiniteDPP("likelihood", L=expected)
    dpp.compute_K()
    assert cardinality == pytest.approx(np.trace(dpp.K), abs=1e-6)


@pytest.mark.parametrize("form", ["exponential", "gaussian"])
def test_the_gradient_is_that_of_finite_differences(form):
    occluded = np.arange(4) > 0

    def cardinality(vertices, latents):
        similarity = mathematics.similarity(mathematics.distances(vertices, occluded), 1.3, form)
        return mathematics.expected_cardinality(mathematics.kernel(similarity, mathematics.quality(latents, 1.0)))

    generator = torch.Generator().manual_seed(1)
    inputs = [torch.randn(4, *shape, generator=generator, dtype=torch.float64) for shape in ((4, 3), (6,))]
    assert torch.autograd.gradcheck(cardinality, [x.requires_grad_() for x in inputs], eps=1e-6, atol=1e-6)


def automatic(places, reach, width, radius):
    """What ``expected_cardinality_slopes`` gives, by the definition and automatic differentiation."""
    places, reach = torch.tensor(places, requires_grad=True), torch.from_numpy(reach)
    alike = mathematics.similarity(torch.cdist(places * reach, places * reach), width, "gaussian")
    cardinality = mathematics.expected_cardinality(mathematics.kernel(alike, mathematics.quality(places, radius)))
    return cardinality.item(), torch.autograd.grad(cardinality, places)[0].numpy()


def test_the_slopes_of_the_search_by_hand_are_those_of_the_definition():
    # Two points at ±1 on a line: E = (1 + s) / (2 + s) + (1 - s) / (2 - s) with s = exp(-2), ∂E/∂s = (2 + s)⁻² - (2 - s)⁻².
    s = np.exp(-2.0)
    _, slopes = diversity.expected_cardinality_slopes(np.array([[1.0], [-1.0]]), np.ones(1), 1.0, 5.0)
    np.testing.assert_allclose(slopes[:, 0], -2.0 * s * ((2 + s) ** -2 - (2 - s) ** -2) * np.array([1, -1]), rtol=1e-12)
    generator = np.random.default_rng(0)
    for number, radius in ((2, 0.5), (16, 2.0), (64, 9.0)):  # all, some and none beyond the radius
        places, reach = generator.standard_normal((number, 6)), generator.uniform(0.3, 3.0, 6)
        places[0] = 0.0
        expected = automatic(places, reach, 2.0, radius)
        cardinality, slopes = diversity.expected_cardinality_slopes(places, reach, 2.0, radius)
        assert cardinality == pytest.approx(expected[0], abs=1e-10) and np.abs(slopes).max() > 1e-3
        np.testing.assert_allclose(slopes, expected[1], rtol=0, atol=1e-10)


def test_the_published_kernel_is_not_symmetric_but_has_the_same_trace_and_gradient():
    generator = torch.Generator().manual_seed(2)
    similarity = torch.exp(-torch.cdist(*[torch.randn(6, 3, generator=generator, dtype=torch.float64)] * 2))
    plausible = torch.rand(6, generator=generator, dtype=torch.float64)
    values, gradients = [], []
    for make in (mathematics.kernel, lambda alike, q: torch.pow(q, 2) * alike):
        inputs = similarity.clone().requires_grad_(), plausible.clone().requires_grad_()
        values.append(mathematics.expected_cardinality(make(*inputs)))
        gradients.append(torch.autograd.grad(values[-1], inputs[1])[0])
    assert values[0].item() == pytest.approx(values[1].item(), abs=1e-12)
    torch.testing.assert_close(*gradients)


def test_coincident_heads_have_no_gradient_rather_than_nan():
    vertices = torch.ones(3, 4, 3, requires_grad=True)
    mathematics.distances(vertices, np.ones(4, bool)).sum().backward()
    assert torch.equal(vertices.grad, torch.zeros(3, 4, 3))


def test_distances_among_the_modes_are_those_of_decoded_heads(strip):
    posterior, visible, _ = strip
    modes = diversity.widest_modes(posterior, ~visible, dimensions=5)
    places = np.random.default_rng(0).standard_normal((4, 5))
    decoded = posterior.decode(torch.from_numpy(places @ modes.directions.T))
    apart = mathematics.distances(decoded, ~visible).numpy()
    np.testing.assert_allclose(cdist(places * modes.reach, places * modes.reach), apart, rtol=1e-3, atol=1e-4)
    deviation = np.sqrt(np.mean(posterior.spread()[~visible] ** 2))
    assert modes.deviation == pytest.approx(deviation, rel=1e-3)


def test_the_weight_spreads_heads_over_the_hidden_part_and_no_farther_than_the_posterior(strip):
    posterior, visible, _ = strip
    asds = []
    for weight in (0.0, 3.0, 10.0, 30.0, 100.0):
        heads = diversity.diversify_calibrated(
            posterior, ~visible, DiversitySettings(dimensions=4, dpp_weight=weight, remainder=0.0)
        )
        asds.append(metrics.asd(heads.vertices, ~visible))
        assert np.linalg.norm(heads.latents, axis=1).max() <= np.sqrt(7.7794) + 1e-4  # χ²₀.₉ of 4 dimensions
    assert asds[0] < 0.1 and all(more > 2.0 * less for less, more in zip(asds[:3], asds[1:]))
    assert asds[4] > 0.97 * asds[3]  # the posterior's reach is used up: where they end depends on the last digits
    directions = diversity.widest_modes(posterior, ~visible, 4).directions
    independent = posterior.heads_of(np.random.default_rng(0).standard_normal((16, 4)) @ directions.T)
    assert asds[-1] > 1.25 * metrics.asd(independent, ~visible)
    whole = diversity.sample_iid(posterior).vertices
    assert metrics.asd(heads.vertices, visible) < 0.5 * metrics.asd(whole, visible)


def test_a_narrower_kernel_is_content_with_heads_less_far_apart(strip):
    posterior, visible, _ = strip
    spread_out = lambda bandwidth: diversity.diversify_calibrated(
        posterior, ~visible, DiversitySettings(dimensions=4, dpp_weight=100.0, bandwidth=bandwidth, remainder=0.0)
    )
    asds = [metrics.asd(spread_out(bandwidth).vertices, ~visible) for bandwidth in (0.25, 0.5, 1.0)]
    assert asds == sorted(asds) and asds[0] < 0.7 * asds[2]
    # The search starts at independent draws, the first at zero, and h is in units of the free deviation.
    modes = diversity.widest_modes(posterior, ~visible, 4)
    places = diversity.sample_iid(posterior).latents.astype(float) @ modes.directions
    places[0] = 0.0
    expected = automatic(places, modes.reach, 0.5 * modes.deviation, diversity.ball_radius(0.9, 4))[0]
    assert spread_out(0.5).history[0, 1] == pytest.approx(expected, rel=1e-5)


def test_the_first_calibrated_head_is_the_most_likely_one_and_alone_it_is_the_only_one(strip):
    posterior, visible, _ = strip
    for number in (1, 5):
        heads = diversity.diversify_calibrated(posterior, ~visible, number=number)
        np.testing.assert_array_equal(heads.vertices[0], posterior.mean)
        assert heads.vertices.shape == (number, 60, 3) and np.isfinite(heads.vertices).all()


def test_the_remainder_keeps_the_posteriors_own_spread_outside_the_searched_directions(strip):
    posterior, visible, _ = strip
    settings = DiversitySettings(dimensions=2, dpp_weight=1.0, iterations=5)
    heads = diversity.diversify_calibrated(posterior, ~visible, settings, number=400)
    outside = diversity.widest_modes(posterior, ~visible, posterior.latent_size).directions[:, :-2]
    assert np.var(heads.latents @ outside, axis=0).mean() == pytest.approx(1.0, abs=0.05)


def test_calibrated_heads_cover_the_truth_and_come_as_near_as_independent_ones(strip):
    posterior, visible, _ = strip
    held = hold_visible(posterior, visible)
    truths = posterior.sample(40, seed=7)
    rows = []
    for seed, truth in enumerate(truths):
        for heads in (diversity.sample_iid(held, seed=seed), diversity.diversify_calibrated(held, ~visible, seed=seed)):
            rows.append([metric(heads.vertices, truth, ~visible)
                         for metric in (metrics.closest_sample_error, metrics.coverage)])  # fmt: skip
    (independent_error, _), (error, covered) = np.reshape(rows, (-1, 2, 2)).mean(0)
    assert error < 1.05 * independent_error
    assert 0.8 < covered < 0.97


def test_the_published_loss_pulls_visible_vertices_to_the_fit_and_spreads_hidden_ones(strip):
    posterior, visible, triangles = strip
    fit = posterior.mean + np.where(visible, 0.5, 0.0)[:, None].astype(np.float32)
    partial = diversity.PartialHead(fit, visible, ~visible, triangles)
    heads = diversify_published(posterior, partial, number=8, seed=3)
    vertex, laplacian, _ = heads.history.T
    assert vertex[-1] < 0.9 * vertex[0] and laplacian[-1] < laplacian[0]
    keep_only = diversify_published(posterior, partial, DiversitySettings(published_weight=0.0), number=8, seed=3)
    assert metrics.asd(heads.vertices, ~visible) > 1.2 * metrics.asd(keep_only.vertices, ~visible)


def test_the_laplacian_by_hand():
    # Two triangles sharing the side 1-2: degrees 2, 3, 3, 2.
    expected = np.array([[2, -1, -1, 0], [-1, 3, -1, -1], [-1, -1, 3, -1], [0, -1, -1, 2]])
    laplacian = laplacian_tensor(np.array([[0, 1, 2], [1, 3, 2]]), 4, "cpu", normalised=False)
    np.testing.assert_array_equal(laplacian.to_dense().numpy(), expected)


def test_published_can_be_stopped_between_steps(strip):
    posterior, visible, triangles = strip
    seen = []

    def stop_at_two(step, steps, vertices):
        seen.append((step, steps, tuple(vertices.shape)))
        if step == 2:
            raise Cancelled("stopped")

    partial = diversity.PartialHead(posterior.mean, visible, ~visible, triangles)
    with pytest.raises(Cancelled):
        diversify_published(posterior, partial, number=3, callback=stop_at_two)
    assert seen == [(0, 60, (3, 60, 3)), (1, 60, (3, 60, 3)), (2, 60, (3, 60, 3))]


def test_the_same_seed_gives_the_same_bytes(strip):
    posterior, visible, triangles = strip
    partial, few = diversity.PartialHead(posterior.mean, visible, ~visible, triangles), DiversitySettings(iterations=5)
    methods = (
        lambda seed: diversity.sample_iid(posterior, seed=seed),
        lambda seed: diversity.diversify_calibrated(posterior, ~visible, seed=seed),
        lambda seed: diversify_published(posterior, partial, few, seed=seed),
    )
    for method in methods:
        first, again, other = (method(seed).vertices for seed in (4, 4, 5))
        assert first.dtype == np.float32 and first.tobytes() == again.tobytes() != other.tobytes()


def test_nothing_occluded_is_refused(strip):
    posterior, visible, _ = strip
    with pytest.raises(MaskError, match="no vertex is free"):
        diversity.diversify_calibrated(posterior, np.zeros_like(visible))


def test_greedy_choice_is_the_best_next_head_each_time():
    candidates = np.random.default_rng(0).standard_normal((9, 4, 3))
    occluded = np.arange(4) > 0
    apart = metrics.rms_distances(candidates, candidates, occluded)
    likelihood = np.exp(-(apart**2) / 2)
    det = lambda chosen: np.linalg.det(likelihood[np.ix_(chosen, chosen)])
    chosen = list(most_diverse(candidates, 4, occluded, bandwidth=1.0))
    for size in range(1, 4):
        assert chosen[size] == max(range(9), key=lambda new: det(chosen[:size] + [new]))
    # No worse than (1 − 1/e) of the best subset, and better than exact draws of the same k-DPP.
    assert det(chosen) > 0.63 * max(det(list(subset)) for subset in combinations(range(9), 4))
    dpp = FiniteDPP("likelihood", L=likelihood)
    drawn = [det(dpp.sample_exact_k_dpp(4, random_state=seed)) for seed in range(50)]
    assert det(chosen) > np.mean(drawn)


def test_duplicates_are_chosen_last():
    vertices = np.random.default_rng(1).standard_normal((5, 4, 3))
    chosen = most_diverse(np.concatenate([vertices, vertices]), 5, np.ones(4, bool))
    assert sorted(chosen % 5) == [0, 1, 2, 3, 4]
