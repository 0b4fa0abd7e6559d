"""What the explorer's JavaScript computes is what Python computes, by the same names, of the same numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from javascript import MISSING, REASON, javascript
from scipy.stats import chi2
from small_head import one_way, small_head

from d3f_lite.completion.hold_points import hold_points
from d3f_lite.diversity.kernel import distances, expected_cardinality, kernel, published_bandwidth, quality, similarity
from d3f_lite.diversity.published import diversify_published
from d3f_lite.diversity.search import PartialHead, ball_radius, diversify, sample_iid, widest_modes
from d3f_lite.metrics import asd, rms_distances, spread
from d3f_lite.results.explorer_data import FREE, VISIBLE, posterior_arrays
from d3f_lite.settings import DiversitySettings
from widgets import dpp_kernel

pytestmark = pytest.mark.skipif(MISSING, reason=REASON)

SETTINGS = DiversitySettings(dimensions=4, iterations=30)
MODULES = ("adam", "data", "exploring", "kernel", "matrix", "passage", "posterior", "random", "search", "slices")
SET_UP = """
const arrays = Object.entries(given).map(([name, one]) => [name, Array.isArray(one) ? Float64Array.from(one) : one]);
kept.posterior = posteriorOf(Object.fromEntries(arrays));
"""


@pytest.fixture(scope="module")
def js():
    """A function that runs JavaScript."""
    with javascript(*MODULES) as run:
        yield run


def seen(bounded):
    """A small head's posterior, given that everything above the nose's tip is seen, and what is seen."""
    head = one_way(small_head()) if bounded else small_head()
    visible = head.mean[:, 1] > np.median(head.mean[:, 1])
    target = head.vertices(np.random.default_rng(1).standard_normal(len(head.basis)).astype(np.float32))
    return head.condition(target, visible, 1.0), visible


@pytest.fixture(scope="module", params=(False, True), ids=("free", "bounded"))
def posterior(request, js):
    """GaussianHeads and their visible vertices; JavaScript has it, too, as ``kept.posterior``."""
    found, visible = seen(request.param)
    give(js, found, visible)
    return found, visible


def give(js, posterior, visible):
    """Give JavaScript a posterior, unrounded."""
    modes = widest_modes(posterior, ~visible, SETTINGS.dimensions)
    triangles = small_head().triangles
    parts = {
        "reach": modes.reach.tolist(), "deviation": float(modes.deviation), "faces": len(triangles),
        "states": np.where(visible, VISIBLE, FREE).tolist(), "triangles": triangles.ravel().tolist(),
    }  # fmt: skip
    arrays = {name: values.ravel().tolist() for name, values in posterior_arrays(posterior, modes).items()}
    js(SET_UP, parts | arrays)


def told(settings, number, seed):
    """Settings as JavaScript reads them."""
    names = ("form", "dpp_weight", "published_weight", "bandwidth", "mass", "iterations", "remainder")
    return {name: getattr(settings, name) for name in names} | {"number": number, "seed": seed}


def test_a_seed_draws_what_numpy_draws(js):
    for seed in (0, 1, 2**32 - 1):
        drawn = js("return standardNormal(given, 20000);", seed)
        np.testing.assert_allclose(drawn, np.random.default_rng(seed).standard_normal(20000, np.float32), rtol=2e-6)


def test_radius_and_its_mass(js):
    for mass, dimensions in ((0.9, 12), (0.5, 1), (0.99, 7), (0.01, 64)):
        radius, back = js("const r = ballRadius(...given); return [r, ballMass(r, given[1])];", [mass, dimensions])
        assert radius == pytest.approx(ball_radius(mass, dimensions), rel=1e-12) and back == pytest.approx(mass)


def test_inverse_and_square_root_give_the_matrix_back(js):
    rows = np.random.default_rng(2).standard_normal((9, 6))
    matrix = rows.T @ rows
    inverse, root = js("return [inverse(given, 6), squareRoot(given, 6)];", matrix.ravel())
    np.testing.assert_allclose(np.reshape(inverse, (6, 6)) @ matrix, np.eye(6), atol=1e-9)
    np.testing.assert_allclose(np.linalg.matrix_power(np.reshape(root, (6, 6)), 2), matrix, atol=1e-9)


def test_kernel(js):
    points = torch.from_numpy(np.random.default_rng(3).standard_normal((5, 2, 3)))
    apart, latents = distances(points, torch.tensor([True, True])), points[:, 0]
    for form in ("gaussian", "exponential"):
        dpp_kernel = kernel(similarity(apart, 1.5, form), quality(latents, 1.0))
        got, cardinality, bandwidth = js(
            "const [apart, latents, form] = [...given.slice(0, 2).map((one) => Float64Array.from(one)), given[2]];"
            "const matrix = kernel(similarity(apart, 1.5, form), quality(latents, 5, 1));"
            "return [matrix, expectedCardinality(matrix, 5), publishedBandwidth(apart, 5)];",
            [apart.ravel().tolist(), latents.ravel().tolist(), form],
        )
        np.testing.assert_allclose(got, dpp_kernel.ravel(), rtol=1e-12)
        assert cardinality == pytest.approx(expected_cardinality(dpp_kernel).item())
        assert bandwidth == pytest.approx(published_bandwidth(apart).item())


@pytest.mark.parametrize("number, changes", [(2, {}), (12, {"bandwidth": 0.6}), (12, {"dpp_weight": 256.0, "mass": 0.5})])
@pytest.mark.parametrize("form", ("calibrated", "iid"))
def test_heads_and_measures(js, posterior, number, changes, form):
    decoder, visible = posterior
    settings = replace(SETTINGS, form=form, **changes)
    samples = diversify(
        decoder, PartialHead(decoder.mean, visible, ~visible, small_head().triangles), settings, number=number, seed=7
    )
    heads, measures = js(
        "const found = atOnce(explored(kept.posterior, given));"
        "return [found.heads, [found.cardinality, found.asd, found.farthest, found.widest]];",
        told(settings, number, 7),
    )
    np.testing.assert_allclose(np.reshape(heads, samples.vertices.shape), samples.vertices, atol=2e-3)
    cardinality = expected_cardinality(dpp_kernel(decoder, samples, ~visible, settings)).item()
    farthest = rms_distances(samples.vertices, decoder.mean[None], ~visible).max()
    widest = spread(samples.vertices)[~visible].max()
    np.testing.assert_allclose(measures, [cardinality, asd(samples.vertices, ~visible), farthest, widest], rtol=2e-3)


def test_published_loss(js):
    decoder, visible = seen(bounded=False)
    give(js, decoder, visible)
    settings = replace(SETTINGS, iterations=8)
    shown = PartialHead(decoder.mean, visible, ~visible, small_head().triangles)
    samples = diversify_published(decoder, shown, settings, number=4, seed=3)
    latents = js(
        "const { latents } = atOnce(sample(kept.posterior, 4, 3));"
        "return atOnce(diversifyPublished(kept.posterior, latents, given));",
        told(settings, 4, 3),
    )
    np.testing.assert_allclose(np.reshape(latents, samples.latents.shape), samples.latents, atol=2e-3)


def test_the_curve_of_weights_is_that_of_the_searches(js):
    decoder, visible = seen(bounded=False)
    give(js, decoder, visible)
    points = js(
        "const points = [], found = atOnce(explored(kept.posterior, given));"
        "atOnce(frontier(kept.posterior, found, 'calibrated', (one) => points.push(one))); return points;",
        told(SETTINGS, 6, 2),
    )
    modes = widest_modes(decoder, ~visible, SETTINGS.dimensions)
    for point, weight in ((points[0], 0.0), (points[5], 44.0)):
        shown = PartialHead(decoder.mean, visible, ~visible, small_head().triangles)
        samples = diversify(decoder, shown, replace(SETTINGS, dpp_weight=weight), number=6, seed=2)
        cost = 0.5 * np.square(samples.latents @ modes.directions).sum(1).mean()
        assert point["cost"] == pytest.approx(cost, rel=1e-3, abs=1e-6)
        assert point["asd"] == pytest.approx(asd(samples.vertices, ~visible), rel=1e-3)
    costs = [point["cost"] for point in points]
    assert costs == sorted(costs) and points[-1]["asd"] > 1.5 * points[0]["asd"]


@pytest.mark.parametrize("offsets", ([[3, -4, 2]], [[3, -4, 2], [-2, 1, 1]], [[500, 0, 0]], [[0, 0, 0]]), ids=str)
def test_held_points_condition_the_posterior(js, posterior, offsets):
    decoder, visible = posterior
    points = np.flatnonzero(~visible)[[5, -9]][: len(offsets)]
    places = decoder.mean[points] + np.float32(offsets)
    expected, farther = hold_points(decoder, points, places)
    draws = sample_iid(expected, 5, 11).vertices
    other = int(np.flatnonzero(~visible)[40])
    mean, got, share, covariance = js(
        "const held = holdPoints(kept.posterior, given[0]);"
        "const { places, rests } = atOnce(sample(kept.posterior, 5, 11));"
        "const size = kept.posterior.dimensions;"
        "const place = (n) => places.subarray(n * size, (n + 1) * size);"
        "const heads = rests.map((rest, n) => decode(kept.posterior, place(n), rest, 1, held));"
        "return [held.mean, heads, held.farther, marginalCovariance(kept.posterior, given[1], 1, held)];",
        [[[int(point), *place] for point, place in zip(points, places.tolist())], other],
    )
    np.testing.assert_allclose(np.reshape(mean, (-1, 3)), expected.mean, atol=1e-3)
    np.testing.assert_allclose(np.reshape(got, draws.shape), draws, atol=2e-3)
    assert share == pytest.approx(farther, rel=1e-6)
    at = expected.marginal(np.arange(len(visible)) == other)
    moved = at.factor.T @ at.basis[:, 0]
    np.testing.assert_allclose(np.reshape(covariance, (3, 3)), moved.T @ moved, atol=1e-3)


def test_each_moment_of_the_motion_is_a_draw_and_keeps_what_is_held(js):
    decoder, visible = seen(bounded=False)
    give(js, decoder, visible)
    ends = [sample_iid(decoder, 1, seed).vertices[0] for seed in (4, 5)]
    shares = {0.0: (1.0, 0.0), 0.5: (0.5**0.5, 0.5**0.5), 1.0: (0.0, 1.0)}  # cos and sin of the turn
    heads = js("const way = new Passage(kept.posterior, 4); return given.map((one) => way.at(one * SWING));", list(shares))
    for head, (one, other) in zip(heads, shares.values()):
        expected = decoder.mean + one * (ends[0] - decoder.mean) + other * (ends[1] - decoder.mean)
        np.testing.assert_allclose(np.reshape(head, (-1, 3)), expected, atol=1e-3)
    assert np.isfinite(js("return new Passage(kept.posterior, 2 ** 32 - 1).at(7.3 * SWING);")).all()
    point = int(np.flatnonzero(~visible)[5])
    place = (decoder.mean[point] + np.float32([0, -4, 0])).tolist()
    held = js(
        "const held = holdPoints(kept.posterior, [given]), way = new Passage(kept.posterior, 4);"
        "return [0.2, 0.9, 1.6].map((one) => way.at(one * SWING, held).slice(3 * given[0], 3 * given[0] + 3));",
        [point, *place],
    )
    away = np.linalg.norm(np.array(held) - place, axis=1)
    assert away.max() < np.sqrt(chi2.ppf(0.9999, 3))  # held to 1 mm along each axis
