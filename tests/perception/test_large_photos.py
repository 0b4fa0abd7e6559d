"""Photos of many megapixels: bounded memory, the same answers; and faces of few pixels."""

import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest

from d3f_lite.observation.observation import landmark_doubt
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.perception.detector import square_crop
from d3f_lite.perception.inpainting import inpaint


def smooth_picture(height, width):
    """A picture of slow colours."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def test_a_hole_in_a_large_picture_is_filled_as_in_a_small_one():
    pixels = smooth_picture(310, 407)
    hole = np.zeros(pixels.shape[:2], bool)
    hole[90:160, 200:290] = True
    fine, coarse = inpaint(pixels, hole), inpaint(pixels, hole, finest=120)
    np.testing.assert_array_equal(coarse[~hole], pixels[~hole])
    off = np.abs(fine.astype(int) - coarse)[hole]
    assert off.mean() < 3 and off.max() < 30
    other = np.where(hole[..., None], 255 - pixels, pixels)
    np.testing.assert_array_equal(inpaint(other, hole, finest=120), coarse)  # what the occluder looks like cannot matter


def test_filling_a_hole_takes_a_few_times_the_picture():
    pixels = smooth_picture(3000, 4000)
    hole = np.zeros(pixels.shape[:2], bool)
    hole[1000:1800, 2000:2900] = True
    tracemalloc.start()
    inpaint(pixels, hole)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * pixels.nbytes  # whole levels in floats: 27


def test_a_crop_averages_only_what_it_shows(monkeypatch):
    pixels, seen = smooth_picture(1501, 2003), []
    resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda picture, *how, **more: seen.append(picture.size) or resize(picture, *how, **more))
    linear, middle = 0.2 * np.array([[0.9, -0.436], [0.436, 0.9]]), np.array((1200.0, 700.0))
    crop = square_crop(pixels, linear, 32 - linear @ middle, 64)
    assert len(seen) == 1 and seen[0] < pixels.size / 5
    small = resize(pixels[:1500, :2000], (400, 300), interpolation=cv2.INTER_AREA)
    place = np.array((1200, 700)) // 5
    assert np.abs(crop[32, 32].astype(int) - small[place[1], place[0]]).max() <= 6


@pytest.mark.slow
def test_a_face_in_24_megapixels_is_observed_as_in_its_own_size(portraits, detector):
    photo, landmarks = portraits["astronaut"]
    times = 11
    large = cv2.resize(photo.pixels, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    seen = observe(Photo.from_array(large), np.zeros(large.shape[:2], bool), detector=detector)
    apart = np.linalg.norm(seen.landmarks.xy / times - landmarks.xy, axis=1)
    assert apart.mean() < 0.02 * landmarks.interocular_distance and seen.landmarks.enough
    assert landmark_doubt(seen) == ""


@pytest.mark.slow
def test_a_face_of_2_percent_of_a_large_photo_is_found(portraits, detector):
    photo, _ = portraits["astronaut"]
    canvas = smooth_picture(4000, 6000)
    canvas[2000:2683, 3700:4383] = cv2.resize(photo.pixels, (683, 683), interpolation=cv2.INTER_CUBIC)
    x, y = observe(Photo.from_array(canvas), np.zeros(canvas.shape[:2], bool), detector=detector).landmarks.xy[30]
    assert 3900 < x < 4100 and 2050 < y < 2250


def test_a_face_of_few_pixels_is_said(portraits):
    photo, landmarks = portraits["astronaut"]
    small = cv2.resize(photo.pixels, (228, 228), interpolation=cv2.INTER_AREA)
    seen = observe(Photo.from_array(small), np.zeros(small.shape[:2], bool))
    assert "27 px apart" in landmark_doubt(seen)
    assert landmark_doubt(replace(seen, landmarks=landmarks)) == ""
