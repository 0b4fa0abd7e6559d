"""Occluders that nothing was trained on: their exact masks, and one measured case of each kind of face."""

import numpy as np
import pytest

from d3f_lite.observation.landmarks import face_region
from research.study.masks import Case, score
from research.study.unseen_occluders import SMALLEST, THINGS, draw_thing, report, sheet


@pytest.mark.parametrize("kind", THINGS)
def test_what_is_drawn_lies_under_the_mask_and_nowhere_else(portraits, kind):
    photo, landmarks = portraits["grace_hopper"]
    drawn, mask = draw_thing(photo, landmarks, kind, seed=1)
    again, same = draw_thing(photo, landmarks, kind, seed=1)
    assert np.array_equal(drawn.pixels, again.pixels) and np.array_equal(mask, same)
    changed = (drawn.pixels != photo.pixels).any(axis=2)
    face = face_region(landmarks, photo.shape)
    assert not changed[~mask].any() and changed[mask].mean() > 0.9
    assert (mask & face).sum() > SMALLEST * face.sum()
    assert not np.array_equal(drawn.pixels, draw_thing(photo, landmarks, kind, seed=2)[0].pixels)


@pytest.mark.slow
def test_a_case_is_scored_and_reported(portraits, detector):
    photo, landmarks = portraits["astronaut"]
    face = face_region(landmarks, photo.shape)
    drawn, truth = draw_thing(photo, landmarks, "printed mask", seed=1)
    covered, clean = Case("portrait", "printed mask", drawn, truth, face), Case("as it is", None, photo, truth & False, face)
    values = {case: score(case, detector) for case in (covered, clean)}
    assert values[covered][0] > 0.9 and values[clean][0] <= 0.02
    found = {(case.group, case.kind): [value] for case, (value, _) in values.items()}
    assert "| portrait | printed mask | 1 | 0.9" in report(found) and "| as it is | 0.0 % |" in report(found)
    pictures = sheet([(case, *value) for case, value in values.items()])
    assert pictures.width > 2 * 200 and min(low for low, _ in pictures.crop((208, 60, 416, 180)).getextrema()) < 128
