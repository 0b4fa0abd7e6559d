"""The measures: by hand on a few vertices, then against simulation."""

from itertools import combinations

import numpy as np
import pytest

from d3f_lite import metrics


@pytest.fixture
def heads():
    """Three heads of two vertices on the x axis: at (0, 0), (3, 0) and (3, 4) mm."""
    vertices = np.zeros((3, 2, 3), np.float32)
    vertices[:, :, 0] = [[0, 0], [3, 0], [3, 4]]
    return vertices


def test_asd_by_hand(heads):
    # Nearest others: 3, 3 and 4 mm at one vertex of two.
    assert metrics.asd(heads) == pytest.approx((3 + 3 + 4) / 3 / np.sqrt(2))
    assert metrics.asd(heads, np.array([True, False])) == pytest.approx((3 + 0 + 0) / 3)


def test_errors_by_hand(heads):
    truth = np.zeros((2, 3), np.float32)
    truth[1, 0] = 4.0
    # Squared offsets 16, 9 + 16 and 9 mm² over two vertices.
    errors = np.sqrt(np.array([16, 25, 9]) / 2)
    assert metrics.closest_sample_error(heads, truth) == pytest.approx(errors.min())
    assert metrics.mean_sample_error(heads, truth) == pytest.approx(errors.mean())
    assert metrics.closest_sample_error(heads, truth, np.array([True, False])) == 0.0


def test_energy_score_by_hand_and_least_for_the_truths_own_distribution():
    # Heads of one vertex at 0 and 2 mm, the truth at 0: on average 1 mm away, and the two 2 mm apart.
    toy = np.array([0.0, 2.0])[:, None, None] * np.array([[[1.0, 0.0, 0.0]]])
    assert metrics.energy_score(toy, np.zeros((1, 3))) == pytest.approx(1.0 - 0.5 * 2.0)
    generator = np.random.default_rng(0)
    cases = [(generator.standard_normal((16, 1, 3)), generator.standard_normal((1, 3))) for _ in range(400)]
    score = {times: np.mean([metrics.energy_score(times * heads, truth) for heads, truth in cases]) for times in (0.5, 1.0, 2.0)}
    assert min(score, key=score.get) == 1.0


def test_the_curve_is_the_mean_over_all_subsets():
    rng = np.random.default_rng(0)
    vertices, truth = rng.standard_normal((7, 5, 3)), rng.standard_normal((5, 3))
    errors = metrics.rms_distances(vertices, truth[None]).ravel()
    expected = [np.mean([min(subset) for subset in combinations(errors, size)]) for size in range(1, 8)]
    curve = metrics.closest_sample_error_curve(vertices, truth, sizes=range(1, 8))
    np.testing.assert_allclose(curve, expected, rtol=1e-12)
    assert curve[-1] == pytest.approx(metrics.closest_sample_error(vertices, truth))


def test_spread_by_hand():
    # ±1 mm along x and ±2 mm along y around the mean: variances 2 and 8 mm² with N − 1 = 1.
    vertices = np.array([[[1.0, 2.0, 0.0]], [[-1.0, -2.0, 0.0]]], np.float32)
    np.testing.assert_allclose(metrics.spread(vertices), [np.sqrt(10.0)])


@pytest.mark.parametrize("number", [16, 64, 1000])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_exact_gaussian_draws_are_calibrated_for_any_number_of_heads(number, level):
    # Each vertex is a case of its own: 4,000 independent ones.
    rng = np.random.default_rng(number)
    mixing = rng.standard_normal((4000, 3, 3))
    draws = np.einsum("vij,nvj->nvi", mixing, rng.standard_normal((number + 1, 4000, 3)))
    assert metrics.coverage(draws[1:], draws[0], level=level) == pytest.approx(level, abs=0.025)


def test_coverage_tells_too_sure_from_too_unsure():
    rng = np.random.default_rng(0)
    truth, draws = rng.standard_normal((2000, 3)), rng.standard_normal((16, 2000, 3))
    assert metrics.coverage(0.5 * draws, truth) < 0.6
    assert metrics.coverage(2.0 * draws, truth) > 0.98
    assert metrics.coverage(np.zeros((16, 2000, 3)), truth) == 0.0


def test_landmark_nme_by_hand():
    truth = np.zeros((68, 2))
    truth[45] = [100.0, 0.0]
    landmarks = truth + [3.0, 4.0]
    assert metrics.landmark_nme(landmarks, truth) == pytest.approx(0.05)
    landmarks[0] += 1000.0
    assert metrics.landmark_nme(landmarks, truth, np.arange(68) > 0) == pytest.approx(0.05)
