"""An estimated mask that is unsure: a wider and a narrower one beside it."""

import numpy as np
import pytest

from d3f_lite.observation.masks import Stroke
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.mask_estimation import MODEL, sharpened


def test_a_border_is_unsure_worked_out_by_hand():
    hidden = np.arange(12)[None] < 2
    likely = sharpened(np.where(hidden, 0.5, 0.5), hidden)[0]
    assert likely[:2] == pytest.approx(0.5) and likely[11] == pytest.approx(0.5, abs=1e-3)
    assert likely[3] == pytest.approx(1 - 0.5 * (1 - MODEL.beside * np.exp(-0.5 * (2 / MODEL.border) ** 2)))
    np.testing.assert_array_equal(sharpened(np.full((1, 12), 0.5), hidden & False), np.full((1, 12), 0.5))
    assert sharpened(np.full((1, 1), 0.8), np.ones((1, 1), bool)) > 0.9  # the estimate is too modest


@pytest.mark.slow
def test_who_gives_or_corrects_a_mask_settles_it(portraits, detector):
    photo, hidden = draw_occluder(*portraits["astronaut"], "hand", seed=90_001)
    assert observe(photo, hidden, detector=detector).alternatives == ()
    unsure = observe(photo, detector=detector)
    wide, narrow = unsure.alternatives
    masks = [one.masks.occluded for one in (narrow, unsure, wide)]
    assert all((inner <= outer).all() and inner.sum() < outer.sum() for inner, outer in zip(masks, masks[1:]))
    strokes = np.where(unsure.masks.occluded & unsure.masks.face, Stroke.OCCLUDED, 0).astype(np.int8)
    assert observe(photo, strokes=strokes, detector=detector).alternatives == ()
