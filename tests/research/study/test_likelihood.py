"""The density that chooses a population's width is the Gaussian one, and width pays only for people who lie outside."""

import numpy as np
import pytest

from research.study.likelihood import expected_log_density, held_out_score, smooth


def test_expected_density_of_a_case_by_hand():
    """N(0, 4) on x, N(0, 1) on y; people of N((2, 0), diag(1, 0)): -log 2π - log 2 - ½ (1/4 + 4/4)."""
    density = expected_log_density(np.diag((4.0, 1.0)), np.diag((1.0, 0.0)), np.array((2.0, 0.0)))
    assert density == pytest.approx(-np.log(2 * np.pi) - np.log(2.0) - 0.625)


def test_a_population_is_best_at_its_own_people():
    own = np.array(((2.0, 0.5), (0.5, 1.0)))
    best = expected_log_density(own, own, np.zeros(2))
    assert best > max(expected_log_density(times * own, own, np.zeros(2)) for times in (0.8, 1.25))


def test_process_displaces_by_its_size_and_less_alike_from_afar():
    near, far = np.array(((0.0, 0.0, 0.0), (8.0, 0.0, 0.0))), np.array(((0.0, 0.0, 0.0), (80.0, 0.0, 0.0)))
    covariance = smooth(near, 8.0, 1.5)
    assert np.trace(covariance[:3, :3]) == pytest.approx(1.5**2)
    assert covariance[0, 3] == pytest.approx(1.5**2 / 3 * np.exp(-0.5))
    assert smooth(far, 8.0, 1.5)[0, 3] < 1e-9


def test_width_pays_beside_the_known_directions_only():
    """Two directions at right angles: without the other one, its people are improbable until something is added."""
    modes, nothing = 2.0 * np.eye(2), (np.zeros((2, 2)), np.zeros(2))
    scores = [held_out_score(modes, 2, True, 0.0, nothing, size * np.eye(2)) for size in (0.0, 4.0)]
    assert scores[1] > scores[0] + 10.0
    # By hand: N(0, 8 + 0.09) and N(0, 0.09) on the two axes; people vary on the second alone, by 8, both by noise.
    by_hand = -np.log(2 * np.pi) - 0.5 * np.log(8.09 * 0.09) - 0.5 * (0.09 / 8.09 + 8.09 / 0.09)
    assert scores[0] == pytest.approx(by_hand)
