"""A mask that is unsure: one Gaussian from the fits under each mask that the photo may have."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.fitting.camera import POSE
from d3f_lite.fitting.fit import best_pose, fit_visible, moment_matched
from d3f_lite.formats.load_head import load_head
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.settings import FitSettings

HEAD = load_head()


def test_two_gaussians_become_one_worked_out_by_hand():
    precision, mean = moment_matched([np.eye(1), np.eye(1) / 3], [np.array([-1.0]), np.array([1.0])])
    assert mean == pytest.approx([0.0]) and precision == pytest.approx(np.eye(1) / 3)  # (1 + 3) / 2 + 1² = 3
    same, kept = moment_matched([2 * np.eye(2)] * 3, [np.array([1.0, 2.0])] * 3)
    assert same == pytest.approx(2 * np.eye(2)) and kept == pytest.approx([1.0, 2.0])


def test_the_pose_that_suits_other_coefficients_is_the_best_one():
    root = np.random.default_rng(0).standard_normal((3 + POSE, 3 + POSE))
    hessian, change = root.T @ root, np.array([1.0, -2.0, 0.5])
    slope = hessian @ np.concatenate((change, best_pose(hessian, change)))
    np.testing.assert_allclose(slope[3:], 0.0, atol=1e-9)


@pytest.mark.slow
def test_an_unsure_mask_gives_a_wider_posterior_than_a_sure_one(portraits, detector):
    unsure = observe(draw_occluder(*portraits["astronaut"], "hand", seed=90_001)[0], detector=detector)
    assert len(unsure.alternatives) == 2
    parts = [fit_visible(one, HEAD) for one in (replace(unsure, alternatives=()), *unsure.alternatives)]
    whole, one_mask = fit_visible(unsure, HEAD), fit_visible(unsure, HEAD, FitSettings(several_masks=False))
    np.testing.assert_allclose(whole.coefficients, np.mean([part.coefficients for part in parts], axis=0), atol=1e-6)
    wide, *narrow = (np.trace(np.linalg.inv(fit.hessian)) for fit in (whole, *parts))
    assert wide > 1.0001 * np.mean(narrow)
    np.testing.assert_array_equal(one_mask.vertices, parts[0].vertices)
    np.testing.assert_array_equal(one_mask.hessian, parts[0].hessian)
