"""A mask that is unsure: a wider and a narrower one beside it, and one Gaussian from the fits under each."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.fitting.fit import best_pose, fit_visible, moment_matched
from d3f_lite.fitting.landmark_fitting import POSE
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.masks import Stroke
from d3f_lite.observation.photo import sample_photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.perception.mask_estimation import MODEL, sharpened
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results.files import report
from d3f_lite.settings import FitSettings, Settings

HEAD = load_head()
ONE_MASK = FitSettings(several_masks=False)


def wideness(hessian):
    """The sum of a posterior's variances."""
    return np.trace(np.linalg.inv(hessian))


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


def test_a_border_is_unsure_worked_out_by_hand():
    hidden = np.arange(12)[None] < 2
    likely = sharpened(np.where(hidden, 0.5, 0.5), hidden)[0]
    assert likely[:2] == pytest.approx(0.5) and likely[11] == pytest.approx(0.5, abs=1e-3)
    assert likely[3] == pytest.approx(1 - 0.5 * (1 - MODEL.beside * np.exp(-0.5 * (2 / MODEL.border) ** 2)))
    np.testing.assert_array_equal(sharpened(np.full((1, 12), 0.5), hidden & False), np.full((1, 12), 0.5))
    assert sharpened(np.full((1, 1), 0.8), np.ones((1, 1), bool)) > 0.9  # the estimate is too modest


@pytest.fixture(scope="module")
def under_a_hand():
    portrait = sample_photo("astronaut")
    return draw_occluder(portrait, detect_landmarks(portrait), "hand", seed=90_001)


@pytest.fixture(scope="module")
def unsure(under_a_hand):
    return observe(under_a_hand[0])


def test_a_given_mask_is_certain(under_a_hand, detector):
    given = observe(*under_a_hand, detector=detector)
    assert given.alternatives == ()
    several, one = (fit_visible(given, HEAD, settings) for settings in (FitSettings(), ONE_MASK))
    np.testing.assert_array_equal(several.vertices, one.vertices)
    np.testing.assert_array_equal(several.hessian, one.hessian)


@pytest.mark.slow
def test_an_unsure_mask_gives_a_wider_posterior_than_a_sure_one(unsure):
    wide, narrow = unsure.alternatives
    masks = [one.masks.occluded for one in (narrow, unsure, wide)]
    assert all((inner <= outer).all() and inner.sum() < outer.sum() for inner, outer in zip(masks, masks[1:]))
    parts = [fit_visible(one, HEAD, ONE_MASK) for one in (unsure, *unsure.alternatives)]
    whole = fit_visible(unsure, HEAD)
    np.testing.assert_allclose(whole.coefficients, np.mean([part.coefficients for part in parts], axis=0), atol=1e-6)
    assert wideness(whole.hessian) > 1.0001 * np.mean([wideness(part.hessian) for part in parts])
    certain = fit_visible(replace(unsure, alternatives=()), HEAD)
    np.testing.assert_array_equal(certain.vertices, parts[0].vertices)
    again = fit_visible(observe(unsure.photo), HEAD)
    np.testing.assert_array_equal(again.vertices, whole.vertices)
    np.testing.assert_array_equal(again.hessian, whole.hessian)


@pytest.mark.slow
def test_who_corrects_a_mask_settles_it(unsure, detector):
    strokes = np.where(unsure.masks.occluded & unsure.masks.face, Stroke.OCCLUDED, 0).astype(np.int8)
    assert unsure.alternatives and observe(unsure.photo, strokes=strokes, detector=detector).alternatives == ()


@pytest.mark.slow
def test_the_report_says_under_how_many_masks(under_a_hand, capsys):
    from d3f_lite.__main__ import _tell

    found = [reconstruct(under_a_hand[0], samples=2, detector="mediapipe", settings=Settings(fit=fit))
             for fit in (FitSettings(), ONE_MASK)]  # fmt: skip
    assert [report(one)["masks_fitted"] for one in found] == [3, 1]
    assert [bool(report(one)["again_differs"]) for one in found] == [True, False]
    for one, told in zip(found, (True, False)):
        _tell(one)
        assert ("fitted under 3 masks" in capsys.readouterr().out) == told
