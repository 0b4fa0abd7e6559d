"""True masks against the photo alone: nothing lies apart from itself, and a mask that is missed shows."""

import numpy as np
import pytest
from PIL import Image

from d3f_lite.observation.masks import write_mask
from d3f_lite.observation.photo import sample_photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import reconstruct
from research.study.mask_comparison import measures, report, sheet
from research.study.masks import photos_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def drawn():
    portrait = sample_photo("astronaut")
    return draw_occluder(portrait, detect_landmarks(portrait), "sunglasses")


def test_a_reconstruction_against_itself_and_against_one_that_missed_the_mask(drawn):
    photo, mask = drawn
    given, blind = (reconstruct(photo, occluded, samples=3) for occluded in (mask, np.zeros_like(mask)))
    same = measures(given, given, given)
    assert same["IoU"] == 1.0 and same["fit apart, mm"] < 1e-3 and same["spread, true mask"] == same["spread, photo alone"] > 1.0
    assert same["admitted"] == 1.0
    missed = measures(given, blind, given)
    assert missed["admitted"] < 0.7
    assert missed["IoU"] == 0.0 and missed["fit apart, mm"] > 0.5 > missed["spread, photo alone"]
    assert missed["by another seed"] < 1e-3
    drawn = np.asarray(sheet([(given, blind, given)]))
    assert drawn.shape[0] > 2 * 200 and drawn.shape[1] > 7 * 200  # two lines of seven pictures
    assert (drawn[-150:, 100::208] < 200).any((0, 2)).all()  # none of the last line is empty


def test_the_table_by_hand():
    lines = report([("a", {"IoU": 0.5}), ("b", "no face"), ("c", {"IoU": 1.0})]).splitlines()
    assert lines == ["| photo | IoU |", "|---|---|", "| a | 0.50 |", "| b | no face |", "| c | 1.00 |", "| mean | 0.75 |"]


def test_photos_with_masks_beside_them(drawn, tmp_path):
    photo, mask = drawn
    Image.fromarray(photo.pixels).save(tmp_path / "one.png")
    Image.fromarray(photo.pixels).save(tmp_path / "two.png")
    write_mask(mask, tmp_path / "one_mask.png")
    ((found, read),) = photos_in(tmp_path)
    assert found.name == "one" and np.array_equal(found.pixels, photo.pixels) and np.array_equal(read, mask)
