"""The judge of one's own methods: the truth wins, a constant does not, and a function may draw the occluder."""

import numpy as np
import pytest

from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation import contest
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.photo import Photo


def card(photo, landmarks, seed):
    """A grey card over everything below the nose."""
    mask = np.zeros(photo.shape, bool)
    mask[int(landmarks.xy[33, 1]) :] = True
    return Photo.from_array(np.where(mask[..., None], np.uint8(128), photo.pixels)), mask


def test_the_judge_knows_the_truth_and_moves_heads_by_what_is_visible():
    head = load_head()
    (task,) = contest.draw_tasks(head, contest.DEVELOPMENT[:1], [card])
    assert task.mask.any() and task.shown.free.any() and not (task.shown.free & task.shown.visible).any()
    assert (task.photo.pixels[task.mask] == 128).all()
    # A larger head, shifted: no photo tells that, so the judge does not mind.
    found = contest.score(lambda photo, mask: np.stack([1.1 * task.truth + 5.0] * 3), [task])
    np.testing.assert_allclose(found, 0.0, atol=1e-2)
    mean = contest.score(lambda photo, mask: np.stack([head.mean] * 3), [task])
    assert mean.min() > 1.0 and mean[0, 0] == pytest.approx(mean[0, 1], abs=1e-3)  # no spread: both are the error


def test_standings_compare_task_by_task_and_leave_refusals_out():
    def refuse(photo, mask):
        raise LandmarkError("no face")

    (task,) = contest.draw_tasks(load_head(), contest.DEVELOPMENT[:1], ["sunglasses"])
    assert np.isnan(contest.score(refuse, [task])).all()
    easy_to_hard = np.array([[1.0, 1.0], [2.0, 2.0], [9.0, 9.0]])
    better = easy_to_hard - [0.5, 0.0]
    table = contest.standings({"baseline": easy_to_hard, "mine": better}).splitlines()
    assert table[2] == "| baseline | 4.00 | – | 4.00 | – |"
    assert table[3] == "| mine | 3.50 | -0.50 ± 0.00 | 4.00 | +0.00 ± 0.00 |"
