"""Hard photos, from the photo alone: a face that the border cuts, one under two occluders; a picture without one is refused."""

import numpy as np
import pytest

from d3f_lite.observation.landmarks import detect_landmarks
from d3f_lite.observation.photo import Photo, sample_photo
from d3f_lite.pipeline import reconstruct
from d3f_lite.study import hard_photos


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


def test_more_is_left_open_under_two_occluders_than_under_none(hopper):
    covered = reconstruct(hopper["surgical_mask + sunglasses"], samples=1)
    assert covered.variance_left > 1.3 * reconstruct(hopper["blurred, 2 px"], samples=1).variance_left


def test_no_medal_is_a_face():
    chest = Photo(np.ascontiguousarray(sample_photo("grace_hopper").pixels[330:]), "chest")
    line, _ = hard_photos.answered(chest)
    assert line.startswith("no face found")


def test_the_sheet_shows_every_photo():
    square = np.zeros((40, 30, 3), np.uint8)
    figure = hard_photos.sheet([("one", "30 % left open", [square] * 3), ("two", "no face found", [square])])
    assert sum(bool(axis.images) for axis in figure.axes) == 2
