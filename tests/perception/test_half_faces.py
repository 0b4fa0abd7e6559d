"""Faces of which one half shows are found by mirroring that half; what is no face stays none."""

import numpy as np
import pytest
from skimage.data import coffee

from d3f_lite.evaluation.truth import draw_case, face_error
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.perception.detector import face_size
from d3f_lite.perception.half_faces import LEFT_EDGE, MIDLINE, VIEWS, find_half_face, mirror, seen
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.perception.turned_and_cut_faces import MIRRORED_TRUST
from research.study.masks import overlap


def test_mirroring_worked_out_by_hand():
    pixels = np.repeat(np.arange(8, dtype=np.uint8)[None, :, None] * 10, 6, axis=0).repeat(3, axis=2)
    mesh = np.zeros((478, 2))
    mesh[list(MIDLINE)] = np.stack([np.full(len(MIDLINE), 4.0), np.linspace(0.0, 6.0, len(MIDLINE))], axis=1)
    mesh[list(LEFT_EDGE)] = 1.0, 3.0
    left, new = mirror(pixels, mesh, -1)
    assert left[2, :, 0].tolist() == [0, 10, 20, 30, 30, 20, 10, 0] and new[2].tolist() == [False] * 4 + [True] * 4
    right, new = mirror(pixels, mesh, 1)
    assert right[2, :, 0].tolist() == [70, 60, 50, 40, 40, 50, 60, 70] and new[2].tolist() == [True] * 4 + [False] * 4


@pytest.fixture(scope="module")
def half(portraits):
    """Grace Hopper behind a card over one half that the detector alone does not see through: Photo, mask, whole landmarks."""
    photo, whole = portraits["grace_hopper"]
    mask = np.zeros(photo.shape, bool)
    mask[:, : int(whole.xy[27:31, 0].mean()) + 8] = True
    pixels = photo.pixels.copy()
    pixels[mask] = 200, 190, 180
    return Photo(pixels, "half"), mask, whole


def test_a_half_face_is_found_and_only_its_true_half_trusted(half, detector):
    photo, mask, whole = half
    assert not detector.detect(photo.pixels)
    found = detect_landmarks(photo, detector=detector)
    assert np.linalg.norm(found.dense - whole.dense, axis=1).mean() < 0.03 * face_size(whole.dense)
    x, y = np.floor(found.xy).astype(int).T
    behind = mask[y, x]
    assert 20 < behind.sum() < 48 and not found.confidence[behind].any()
    assert 0.0 < found.confidence.max() <= MIRRORED_TRUST and (found.confidence > 0.5 * MIRRORED_TRUST).sum() > 15


def test_the_card_is_then_found(half, detector):
    photo, mask, whole = half
    seen = observe(photo, detector=detector)
    assert overlap(seen.masks.occluded, mask, seen.masks.face) > 0.85


def test_a_cup_is_no_face(detector):
    pixels = np.ascontiguousarray(coffee())
    assert any(seen(pixels, view, detector.lenient) for view in VIEWS)  # though it looks a little like one
    assert find_half_face(pixels, detector) is None


def test_a_fit_that_would_be_refused_gets_its_landmarks_from_the_mirrored_half(detector):
    head = load_head()
    truth = head.sample(160, 4_000_003)[1]  # of no study
    case = draw_case(head, truth, "half_face", 4_100_003, detector)
    assert not detect_landmarks(case.photo, case.mask, detector=detector).enough
    seen = observe(case.photo, case.mask, detector=detector)
    assert seen.landmarks.enough
    fitted = fit_visible(seen, head).vertices
    assert face_error(fitted, truth, head.face) < 0.8 * face_error(head.mean, truth, head.face)
    repainted = np.where(case.mask[..., None], np.uint8(77), case.photo.pixels)
    again = observe(Photo(repainted, "repainted"), case.mask, detector=detector).landmarks
    assert np.array_equal(again.xy, seen.landmarks.xy) and np.array_equal(again.confidence, seen.landmarks.confidence)
