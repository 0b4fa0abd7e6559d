"""A photo observed: masks that are unsure, and photos that stand on their head."""

import numpy as np
import pytest

from d3f_lite.observation.masks import Stroke
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder


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


@pytest.mark.slow
def test_a_mask_upside_down_is_found_upside_down(portraits, detector):
    photo, landmarks = portraits["grace_hopper"]
    photo, _ = draw_occluder(photo, landmarks, "surgical_mask", seed=0)
    turned = observe(Photo.from_array(photo.pixels[::-1, ::-1]), detector=detector)
    upright = observe(photo, detector=detector)
    both = turned.masks.occluded[::-1, ::-1] & upright.masks.occluded
    assert both.sum() > 0.95 * upright.masks.occluded.sum()
