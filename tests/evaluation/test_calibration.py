"""Ranks and TARP by hand; a right posterior passes, and one that is halved or shifted on purpose is caught."""

import numpy as np
import pytest

from d3f_lite.evaluation import calibration
from d3f_lite.evaluation.calibration import CalibrationCheck


def test_ranks_and_shares_by_hand():
    draws = np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 7.0], [3.0, 8.0]])
    assert calibration.ranks(draws, np.array([1.5, 9.0])).tolist() == [2, 4]
    # Distances from (0, 5): 0, √2, √8, √18; the truth (1.5, 6) lies at √3.25.
    assert calibration.tarp(draws, np.array([1.5, 6.0]), np.array([0.0, 5.0])) == 0.5
    np.testing.assert_allclose(calibration.narrowed(draws, 0.5)[:, 0], [0.75, 1.25, 1.75, 2.25])


@pytest.mark.parametrize(("times", "shift", "caught"), [(1.0, 0.0, False), (0.5, 0.0, True), (2.0, 0.0, True), (1.0, 1.0, True)])
def test_only_the_right_posterior_is_uniform(times, shift, caught):
    generator, scale = np.random.default_rng(3), np.array([3.0, 1.0, 0.5])
    shares = []
    for _ in range(200):
        reference, centre = generator.normal(size=(2, 3)) * scale
        truth = centre + scale * generator.normal(size=3)
        draws = calibration.narrowed(centre + scale * (generator.normal(size=(64, 3)) + shift), times)
        shares.append(calibration.tarp(draws, truth, reference))
    assert (calibration.uniform_p(np.array(shares)) < 0.001) == caught


def test_the_figure_shows_every_posterior():
    generator = np.random.default_rng(0)
    figure = calibration.calibration_figure(
        [CalibrationCheck(name, generator.uniform(size=(40, 6)), generator.uniform(size=40)) for name in ("scans", "own heads")]
    )
    assert [text.get_text() for text in figure.axes[-1].get_legend().get_texts()] == ["scans", "own heads"]
    heights = [patch.get_height() for patch in figure.axes[0].patches if hasattr(patch, "get_height")]
    assert np.mean(heights[:9]) == pytest.approx(1.0)
