"""Given landmarks beside what a detector sees: what would put them right is said, and what is merely inexact passes."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.errors import LandmarkError
from d3f_lite.formats.landmark_files import as_landmarks
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import OCCLUDER_KINDS, draw_occluder
from d3f_lite.perception.agreement import check_agreement
from d3f_lite.perception.landmark_detection import detect_landmarks

HIGH, WIDE = 400, 600
SEEN = np.random.default_rng(0).uniform((250, 60), (350, 160), (68, 2)).astype(np.float32)
NOTHING = np.zeros((HIGH, WIDE), bool)
WRONG = {  # what was done to the points, and what would undo it
    "another size": (lambda xy: xy / 2, "at × 2 they would fit"),
    "the square input of a network": (lambda xy: xy * (256 / WIDE, 256 / HIGH), "at × 2.34 across and × 1.56 down"),
    "a crop": (lambda xy: xy - (40, 25), "moved by 40 px right and 25 px down"),
    "a crop, scaled": (lambda xy: (xy - (40, 25)) * 1.25, "at × 0.8 and moved by 40 px right and 25 px down"),
    "upside down": (lambda xy: (WIDE, HIGH) - xy, "turned by 180°"),
    "turned left": (lambda xy: np.stack((xy[:, 1], WIDE - xy[:, 0]), 1), "turned by 90° to the right"),
    "turned right": (lambda xy: np.stack((HIGH - xy[:, 1], xy[:, 0]), 1), "turned by 90° to the left"),
    "another person's": (lambda xy: xy + np.random.default_rng(1).normal(0, 25, xy.shape), "fit no face here"),
}


def landmarks_at(xy, confidence=1.0):
    return Landmarks(np.asarray(xy, np.float32), np.full(68, confidence, np.float32), "file", 1)


@pytest.mark.parametrize("name", WRONG)
def test_what_would_put_points_right_is_said(name):
    wrong, words = WRONG[name]
    with pytest.raises(LandmarkError, match=words):
        check_agreement(landmarks_at(wrong(SEEN)), landmarks_at(SEEN), NOTHING)


@pytest.mark.parametrize("name", WRONG)
def test_nothing_is_said_where_little_is_seen(name):
    given, seen = landmarks_at(WRONG[name][0](SEEN)), landmarks_at(SEEN)
    check_agreement(given, replace(seen, confidence=seen.confidence * (np.arange(68) < 26)), NOTHING)
    check_agreement(given, seen, ~NOTHING)


def test_what_is_inexact_or_mirrored_passes():
    inexact = SEEN + np.random.default_rng(2).normal(0, 4, SEEN.shape)
    by_hand = SEEN.copy()
    by_hand[48:68] += 60
    for given in (inexact, by_hand, SEEN * (1, -1)):
        check_agreement(landmarks_at(given), landmarks_at(SEEN), NOTHING)


@pytest.mark.slow
@pytest.mark.parametrize("name", ("astronaut", "grace_hopper"))
def test_a_portrait_refuses_other_points_and_takes_its_own_behind_every_occluder(name, portraits, detector):
    photo, landmarks = portraits[name]
    other = next(points for key, (_, points) in portraits.items() if key != name)
    clear = np.zeros(photo.shape, bool)
    for wrong, words in ((landmarks.xy / 2, "at × 2"), (landmarks.xy - 40, "moved by 40 px"), (other.xy, "no face here")):
        with pytest.raises(LandmarkError, match=words):
            observe(photo, clear, landmarks=as_landmarks(wrong, photo), detector=detector)
        with pytest.raises(LandmarkError, match=words):  # and where the mask is estimated
            observe(photo, landmarks=as_landmarks(wrong, photo), detector=detector)
    for kind in OCCLUDER_KINDS:
        drawn, _ = draw_occluder(photo, landmarks, kind, seed=1)
        check_agreement(as_landmarks(landmarks.xy, photo), detect_landmarks(drawn, detector=detector), clear)  # occluder and all


@pytest.mark.slow
def test_a_second_face_and_one_that_nobody_sees_keep_their_points(portraits, detector):
    (two, other), (one, at) = portraits["grace_hopper"], portraits["astronaut"]
    two = Photo.from_array(two.pixels[:512])
    both = Photo.from_array(np.concatenate((one.pixels, two.pixels), 1))
    for points in (at.xy, other.xy + (one.shape[1], 0)):
        given = as_landmarks(points, both)
        assert observe(both, np.zeros(both.shape, bool), landmarks=given, detector=detector).landmarks.dense is not None
    noise = Photo.from_array(np.random.default_rng(0).integers(0, 255, one.pixels.shape, np.uint8))
    assert observe(noise, np.zeros(one.shape, bool), landmarks=as_landmarks(at.xy, noise), detector=detector).landmarks.faces == 0
