"""Occluders: exact masks, drawn by seed, over the part of the face they are named for."""

import numpy as np
import pytest

from d3f_lite.errors import LandmarkError, SettingsError
from d3f_lite.observation.landmarks import Landmarks, face_region
from d3f_lite.observation.photo import Photo, sample_photo
from d3f_lite.occluders.drawing import OCCLUDER_KINDS, draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks


@pytest.fixture(scope="module")
def portrait():
    photo = sample_photo("astronaut")
    return photo, detect_landmarks(photo, jitters=0)


def hidden(mask, landmarks):
    """Share of the landmarks (by name of their part) that a mask covers."""
    x, y = landmarks.xy.astype(int).T
    parts = {"eyes": slice(36, 48), "mouth": slice(48, 68), "brows": slice(17, 27)}
    return {name: mask[y, x][part].mean() for name, part in parts.items()}


@pytest.mark.parametrize("kind", OCCLUDER_KINDS)
def test_mask_is_exact_and_the_seed_decides(portrait, kind):
    photo, landmarks = portrait
    before = photo.pixels.copy()
    drawn, mask = draw_occluder(photo, landmarks, kind, seed=3)
    changed = (drawn.pixels != photo.pixels).any(axis=2)
    assert not (changed & ~mask).any()
    assert changed.sum() > 0.9 * mask.sum()  # a mask that claims more than it draws would be no exact one
    assert np.array_equal(photo.pixels, before)
    again, same = draw_occluder(photo, landmarks, kind, seed=3)
    assert np.array_equal(again.pixels, drawn.pixels) and np.array_equal(same, mask)
    assert not np.array_equal(draw_occluder(photo, landmarks, kind, seed=4)[0].pixels, drawn.pixels)
    assert 0.03 < (mask & face_region(landmarks, photo.shape)).sum() / face_region(landmarks, photo.shape).sum() < 0.8


def test_occluders_cover_what_they_are_named_for(portrait):
    photo, landmarks = portrait
    for seed in range(3):
        cover = {kind: hidden(draw_occluder(photo, landmarks, kind, seed=seed)[1], landmarks) for kind in OCCLUDER_KINDS}
        assert cover["surgical_mask"]["mouth"] == cover["scarf"]["mouth"] == cover["sunglasses"]["eyes"] == 1
        assert cover["surgical_mask"]["eyes"] == cover["scarf"]["eyes"] == cover["sunglasses"]["mouth"] == 0
        assert cover["half_face"]["eyes"] == pytest.approx(0.5, abs=0.1)
        assert cover["hand"]["mouth"] > 0.3


def test_a_colour_changes_nothing_but_the_colour(portrait):
    photo, landmarks = portrait
    for kind in OCCLUDER_KINDS:
        red, mask = draw_occluder(photo, landmarks, kind, seed=5, color=(200, 20, 20))
        blue, same = draw_occluder(photo, landmarks, kind, seed=5, color=(20, 20, 200))
        assert np.array_equal(mask, same) and np.array_equal(mask, draw_occluder(photo, landmarks, kind, seed=5)[1])
        assert red.pixels[mask].mean(axis=0)[0] > blue.pixels[mask].mean(axis=0)[0]


def test_68_landmarks_are_enough(portrait):
    photo, landmarks = portrait
    sparse = Landmarks(landmarks.xy, landmarks.confidence, "by hand", 1)
    dense_mask, sparse_mask = (draw_occluder(photo, points, "surgical_mask")[1] for points in (landmarks, sparse))
    assert np.array_equal(dense_mask, sparse_mask)


def test_face_at_the_border_and_off_the_photo(portrait):
    photo, landmarks = portrait
    corner = landmarks.xy[30].astype(int)
    cut = Photo.from_array(photo.pixels[corner[1] - 20 :, corner[0] - 10 :])
    moved = Landmarks(landmarks.xy - corner + (10, 20), landmarks.confidence, "by hand", 1)
    for kind in OCCLUDER_KINDS:
        drawn, mask = draw_occluder(cut, moved, kind)
        assert not ((drawn.pixels != cut.pixels).any(axis=2) & ~mask).any()
    away = Landmarks(landmarks.xy + 5000, landmarks.confidence, "by hand", 1)
    with pytest.raises(LandmarkError, match="outside"):
        draw_occluder(photo, away, "scarf")


def test_unknown_kind(portrait):
    with pytest.raises(SettingsError, match="choose one of"):
        draw_occluder(*portrait, "umbrella")
