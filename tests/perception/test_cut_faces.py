"""Faces that the photo's border cuts: what is put beyond it, and that what is left of a clean face stays clean."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.observation.landmarks import face_region
from d3f_lite.observation.photo import SAMPLE_PHOTOS, Photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.closeup import whole_face
from d3f_lite.perception.mask_estimation import estimate_occlusion
from d3f_lite.perception.occlusion_net import load_occlusion_net
from research.study.masks import overlap

SIDES = ("left", "right", "top", "bottom")


def cut(side, face, share):
    """The window of a photo that leaves out a `share` of the `face` (H, W) at one side."""
    rows, columns = np.nonzero(face)
    down, across = (int(share * np.ptp(places)) for places in (rows, columns))
    return {"left": np.s_[:, columns.min() + across :], "right": np.s_[:, : columns.max() - across],
            "top": np.s_[rows.min() + down :, :], "bottom": np.s_[: rows.max() - down, :]}[side]  # fmt: skip


def within(window, photo, landmarks):
    """The photo's part in a window, and the landmarks on it."""
    corner = np.array([window[1].start or 0, window[0].start or 0], np.float32)
    part = Photo(np.ascontiguousarray(photo.pixels[window]), photo.name)
    return part, replace(landmarks, xy=landmarks.xy - corner, dense=landmarks.dense - corner)


def test_a_face_that_no_border_cuts_stays_as_it_is(portraits):
    photo, landmarks = portraits["astronaut"]
    whole = whole_face(photo.pixels, landmarks.dense, load_occlusion_net(), 5, 300)
    assert np.array_equal(whole.pixels, photo.pixels) and np.array_equal(whole.mesh, landmarks.dense)


@pytest.mark.parametrize("side", SIDES)
def test_the_network_takes_streaks_of_the_border_for_an_occluder_and_a_typical_face_for_a_face(portraits, side):
    photo, landmarks = portraits["grace_hopper"]
    face, net = face_region(landmarks, photo.shape), load_occlusion_net()
    part, moved = within(cut(side, face, 0.4), photo, landmarks)
    whole = whole_face(part.pixels, moved.dense, net, 0, 300)
    assert np.array_equal(whole.pixels[whole.window], part.pixels)
    shown = face_region(moved, part.shape)
    streaks, typical = (
        (probability[shown] > 0.5).mean()
        for probability in (net.probability(part.pixels, moved.dense), net.probability(whole.pixels, whole.mesh)[whole.window])
    )
    assert streaks > 0.03 > 0.01 > typical


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", SAMPLE_PHOTOS)
def test_a_clean_face_that_the_border_cuts_stays_clean(portraits, name, side):
    photo, landmarks = portraits[name]
    face = face_region(landmarks, photo.shape)
    window = cut(side, face, 0.4)
    part, moved = within(window, photo, landmarks)
    assert estimate_occlusion(part, moved).occluded[face[window]].mean() <= 0.02


def test_what_hides_a_cut_face_is_still_found(portraits):
    photo, landmarks = portraits["grace_hopper"]
    drawn, truth = draw_occluder(photo, landmarks, "surgical_mask", seed=90_101)
    window = cut("left", face := face_region(landmarks, photo.shape), 0.4)
    part, moved = within(window, drawn, landmarks)
    assert overlap(estimate_occlusion(part, moved).occluded, truth[window], face[window]) > 0.9


def test_a_face_off_the_photo_is_left_alone(portraits):
    photo, landmarks = portraits["astronaut"]
    for far in (1e3, 1e6):
        whole = whole_face(photo.pixels, landmarks.dense + far, load_occlusion_net(), 5, 300)
        assert np.array_equal(whole.pixels[whole.window], photo.pixels) and max(whole.pixels.shape) < 2000
