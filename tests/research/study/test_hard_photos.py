"""Hard photos, from the photo alone: a face that the border cuts, one under two occluders; a picture without one is refused."""

import numpy as np
import pytest

from d3f_lite.observation.photo import Photo, sample_photo
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import reconstruct
from research.study import hard_photos


@pytest.fixture(scope="module")
def hopper():
    return {photo.name.split(": ")[1]: photo for photo in hard_photos.hard_photos("grace_hopper")}


@pytest.mark.parametrize(
    ("way", "whole_face"),
    [
        ("surgical_mask + sticker", True),
        ("+2 stops", True),
        ("blurred, 4 px", True),
        ("cut at the left", False),
        ("cut below the nose", False),
    ],
)
def test_a_hard_photo_gives_an_upright_head_where_the_face_is(hopper, way, whole_face):
    whole = detect_landmarks(hopper["blurred, 2 px"]).xy
    photo = hopper[way]
    found = reconstruct(photo, samples=2)
    assert np.degrees(np.abs(found.fit.camera.angles)).max() < 35
    shift = (0, 0) if whole_face or "below" in way else (whole[hard_photos.NOSE_TIP, 0].astype(int), 0)
    apart = np.linalg.norm((found.fit.landmarks - (whole - shift))[36:48], axis=1).mean()  # the eyes
    assert apart < 0.15 * hard_photos.EYE_DISTANCE
    assert 0.1 < found.variance_left < 0.9


def test_more_is_free_under_two_occluders_than_under_none(hopper):
    covered = reconstruct(hopper["surgical_mask + sunglasses"], samples=1)
    assert covered.variance_left > 1.3 * reconstruct(hopper["blurred, 2 px"], samples=1).variance_left


def test_no_medal_is_a_face():
    chest = Photo(np.ascontiguousarray(sample_photo("grace_hopper").pixels[330:]), "chest")
    line, _ = hard_photos.answered(chest)
    assert line.startswith("no face found")


def test_the_sheet_shows_every_photo():
    square = np.zeros((40, 30, 3), np.uint8)
    sheet = np.asarray(hard_photos.sheet([("one", "30 % left open", [square] * 3), ("two", "no face found", [square])]))
    black = (sheet == 0).all(-1).sum()
    assert black == pytest.approx(4 * 120 * hard_photos.SIDE, rel=0.05)  # four pictures, three quarters as wide as high


def test_the_table_of_pairs_by_hand():
    table = hard_photos.pairs_table([("a", 0.9, 5.0), ("b", 0.0, np.nan), ("c", 0.3, 40.0)])
    assert "| a | 0.90 | 5 |" in table and "| b | no face found |  |" in table
    assert "Faces found: 2; IoU 0.60 on average, 0.30 at least, below 0.5 in 1; landmarks off by more than 25 % in 1." in table


def test_the_mask_of_a_pair_is_what_the_pair_changes(portraits):
    portrait, found = portraits["astronaut"]
    photo, mask = next(hard_photos.pairs(portrait, found, 3))
    changed = (photo.pixels != portrait.pixels).any(axis=2)
    assert photo.name == "astronaut: surgical_mask + sunglasses" and not changed[~mask].any() and changed[mask].mean() > 0.9
