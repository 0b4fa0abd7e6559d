"""Automatic masks: the flattened face, the random walker and the strokes by hand; then the portraits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from d3f_lite.errors import AssetError, MaskError
from d3f_lite.observation.landmarks import face_region, interocular_distance
from d3f_lite.observation.masks import Stroke
from d3f_lite.observation.photo import SAMPLE_PHOTOS, Photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.perception.mask_estimation import apply_strokes, estimate_occlusion, sharpened
from d3f_lite.perception.occlusion_net import SIDE, WEIGHTS, load_occlusion_net, unwrap, wrap
from d3f_lite.perception.random_walker import random_walk
from research.bake.occlusion_unet import OcclusionUNet
from research.study.masks import draw_stroke, overlap

pytestmark = pytest.mark.slow


def test_the_network_in_numpy_is_the_one_in_torch_that_was_trained():
    from safetensors.torch import load_file

    net = load_occlusion_net()
    trained = OcclusionUNet(net.canonical, net.typical)
    trained.load_state_dict(load_file(WEIGHTS))
    textures = np.random.default_rng(0).random((3, SIDE, SIDE, 3), np.float32)
    with torch.no_grad():
        expected = trained.eval()(torch.from_numpy(textures).permute(0, 3, 1, 2)).numpy()
    assert np.abs(expected).max() > 5
    np.testing.assert_allclose(net.logits(textures), expected, atol=5e-5)


def test_a_face_that_is_flat_already_stays_as_it_is():
    canonical = load_occlusion_net().canonical
    pixels = np.random.default_rng(0).integers(1, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    flat = unwrap(pixels, canonical, canonical, SIDE)
    shown = flat.any(axis=2)
    assert 0.7 < shown.mean() < 0.9  # a face's disc in its square
    assert np.array_equal(flat[shown], pixels[shown])
    assert np.array_equal(unwrap(pixels, canonical + 3, canonical, SIDE)[20:40, 20:40], pixels[23:43, 23:43])


def test_there_and_back(portraits):
    photo, landmarks = portraits["grace_hopper"]
    canonical = load_occlusion_net().canonical
    height, width = photo.shape
    ramp = np.add.outer(np.arange(height), 2.0 * np.arange(width)).astype(np.float32)
    back = wrap(unwrap(ramp, landmarks.dense, canonical), landmarks.dense, canonical, photo.shape)
    inside = face_region(landmarks, photo.shape)
    shown = (back > 0) & inside
    assert shown.sum() > 0.98 * inside.sum()
    off = np.abs(back - ramp)[shown] / np.sqrt(5)  # px
    assert np.median(off) < 0.2 and np.percentile(off, 95) < 2.0


def test_a_border_is_unsure_worked_out_by_hand():
    hidden = np.arange(12)[None] < 2
    likely = sharpened(np.where(hidden, 0.5, 0.5), hidden)[0]
    assert likely[:2] == pytest.approx(0.5) and likely[11] == pytest.approx(0.5, abs=1e-3)
    assert likely[3] == pytest.approx(1 - 0.5 * (1 - 0.55 * np.exp(-0.5 * (2 / 2.6) ** 2)))
    np.testing.assert_array_equal(sharpened(np.full((1, 12), 0.5), hidden & False), np.full((1, 12), 0.5))
    assert sharpened(np.full((1, 1), 0.8), np.ones((1, 1), bool)) > 0.9  # the estimate is too modest


def test_random_walker_worked_out_by_hand():
    grey, two = np.zeros((1, 2, 3)), np.array([[[0.0, 0, 0], [100.0, 0, 0]]])
    known, trust = np.array([[1.0, 0.0]]), np.ones((1, 2))
    alike = random_walk(known, trust, grey)  # minimises (x-1)² + y² + γ (x-y)²
    assert alike == pytest.approx(np.array([[101.0, 100.0]]) / 201, abs=1e-3)
    assert random_walk(known, trust, two) == pytest.approx(known, abs=1e-3)  # nothing passes an edge
    assert random_walk(known, np.array([[1.0, 1e-6]]), grey) == pytest.approx(1, abs=1e-3)


def test_the_walker_s_answer_is_the_least_of_what_it_minimises():
    generator = np.random.default_rng(0)
    known, trust = generator.random((7, 9)), generator.uniform(0.1, 1, (7, 9))
    found = random_walk(known, trust, np.full((7, 9, 3), 40.0), smoothness=2.0).astype(float)  # of one colour: w = 1
    wider = np.pad(found, 1, mode="edge")
    around = 4 * found - wider[:-2, 1:-1] - wider[2:, 1:-1] - wider[1:-1, :-2] - wider[1:-1, 2:]
    np.testing.assert_allclose(trust * (found - known) + 2.0 * around, 0.0, atol=1e-4)  # half its gradient


def test_a_blurred_edge_stops_the_walker():
    ramp = np.array([0.0, 0, 0, 0, 6, 12, 18, 18, 18, 18])  # no step of it is large
    colours = np.repeat(ramp[None, :, None], 3, axis=2)
    trust = np.where(np.arange(10) == 0, 1.0, 1e-3)[None]
    found = random_walk((np.arange(10) == 0)[None].astype(float), trust, colours)[0]
    assert found[:4].min() > 0.95 and found[6:].max() < 0.3
    plain = random_walk((np.arange(10) == 0)[None].astype(float), trust, np.zeros((1, 10, 3)))[0]
    assert plain.min() > 0.95


def test_a_stroke_pulls_what_is_near_and_of_its_colour():
    colours = np.zeros((40, 60, 3), np.float32)
    colours[20:] = 60  # another colour in the lower half
    strokes = np.zeros((40, 60), np.int8)
    strokes[10, 5:10] = Stroke.OCCLUDED
    probability, trust = apply_strokes(np.full((40, 60), 0.2), np.full((40, 60), 0.5), colours, strokes)
    assert (probability[10, 5:10] == 1).all() and (trust[10, 5:10] > 100).all()
    assert probability[10, 21] == pytest.approx(0.2 + 0.8 * 0.9 * np.exp(-1), abs=1e-6)  # 12 px away, the same colour
    assert probability[22, 7] == pytest.approx(0.2) == probability[10, 59]  # another colour; too far away
    assert apply_strokes(np.ones((40, 60)), np.ones((40, 60)), colours, strokes * Stroke.VISIBLE)[0][10, 7] == 0


def test_strokes_correct_a_given_mask_pixel_by_pixel(portraits, detector):
    photo, _ = portraits["astronaut"]
    mask, strokes = np.zeros(photo.shape, bool), np.zeros(photo.shape, np.int8)
    mask[150:190, 180:260] = True
    strokes[150:160, 180:260], strokes[100:105, 200:220] = Stroke.VISIBLE, Stroke.OCCLUDED
    seen = observe(photo, mask, strokes=strokes, detector=detector).masks
    assert seen.origin == "corrected" and seen.occluded.sum() == 30 * 80 + 5 * 20 and seen.occluded[102, 210]
    with pytest.raises(MaskError, match="strokes"):
        observe(photo, mask, strokes=strokes[1:], detector=detector)


@pytest.mark.parametrize("name", SAMPLE_PHOTOS)
def test_clean_portraits_stay_clean(portraits, name):
    photo, landmarks = portraits[name]
    estimate = estimate_occlusion(photo, landmarks)
    face = face_region(landmarks, photo.shape)
    assert estimate.occluded[face].mean() <= 0.01
    assert estimate.occluded.shape == photo.shape and 0.8 < estimate.confidence <= 1


def test_a_face_that_nothing_hides_is_not_looked_at_again(portraits, detector, monkeypatch):
    photo, landmarks = portraits["grace_hopper"]
    detect, looks = detector.detect, []
    monkeypatch.setattr(detector, "detect", lambda pixels: looks.append(pixels) or detect(pixels))
    seen = observe(photo, detector=detector)
    assert len(looks) == 14 and not seen.masks.occluded.any()  # the photo, and 13 jittered looks
    np.testing.assert_array_equal(seen.landmarks.xy, landmarks.xy)
    np.testing.assert_array_equal(seen.landmarks.confidence, landmarks.confidence)


@pytest.mark.parametrize("name, kind", [("grace_hopper", "surgical_mask"), ("astronaut", "sunglasses"), ("astronaut", "scarf")])
def test_what_hides_a_portrait_is_found(portraits, detector, name, kind):
    photo, landmarks = portraits[name]
    drawn, truth = draw_occluder(photo, landmarks, kind, seed=0)
    seen = observe(drawn, detector=detector)
    assert seen.masks.origin == "estimated" and 0.5 < seen.masks.confidence < 1
    assert overlap(seen.masks.occluded, truth, face_region(landmarks, photo.shape)) > 0.8
    again = observe(drawn, detector=detector)
    assert np.array_equal(again.masks.occluded, seen.masks.occluded)
    assert observe(drawn, truth, detector=detector).masks.origin == "given"
    given = observe(drawn, np.zeros(photo.shape, bool), detector=detector).masks
    assert given.origin == "given" and not given.occluded.any()


def test_the_mask_is_estimated_again_with_the_mesh_found_once_the_occluder_is_filled(portraits, detector, monkeypatch):
    photo, landmarks = portraits["astronaut"]
    drawn, _ = draw_occluder(photo, landmarks, "half_face", seed=0)
    looks = []

    def look(photo, hidden, **options):
        looks.append((hidden, detect_landmarks(photo, hidden, **options)))
        return looks[-1][1]

    monkeypatch.setattr("d3f_lite.perception.face_finder.detect_landmarks", look)
    found = observe(drawn, detector=detector).masks.occluded
    (nothing, squeezed), (filled, mended), (last, _) = looks
    assert not nothing.any() and filled.any() and np.array_equal(filled, estimate_occlusion(drawn, squeezed).occluded)
    assert np.array_equal(found, estimate_occlusion(drawn, mended).occluded) and np.array_equal(found, last)
    assert not np.array_equal(found, filled)
    strokes, eye = np.zeros(photo.shape, np.int8), landmarks.xy[36:42].mean(axis=0).astype(int)
    strokes[eye[1] : eye[1] + 3, eye[0] - 8 : eye[0] + 8] = Stroke.OCCLUDED
    looks.clear()
    stroked = observe(drawn, strokes=strokes, detector=detector).masks.occluded
    assert np.array_equal(looks[1][0], filled)  # a stroke does not move the mesh
    assert np.array_equal(stroked, estimate_occlusion(drawn, mended, strokes).occluded)


@pytest.mark.parametrize("name", SAMPLE_PHOTOS)
def test_of_a_face_that_is_nearly_all_filled_the_first_look_counts(portraits, detector, name):
    photo, landmarks = portraits[name]
    masked, cloth = draw_occluder(photo, landmarks, "surgical_mask", seed=0)
    drawn, glasses = draw_occluder(masked, landmarks, "sunglasses", seed=1)
    seen, face = observe(drawn, detector=detector), face_region(landmarks, photo.shape)
    assert overlap(seen.masks.occluded, cloth | glasses, face) > 0.9
    wrong = np.linalg.norm(seen.landmarks.xy - landmarks.xy, axis=1).mean() / interocular_distance(landmarks.xy)
    assert wrong < 0.12 and not seen.landmarks.reliable[36:].any()


def test_landmarks_under_the_first_mask_serve_where_those_under_the_last_are_too_few(portraits, detector, monkeypatch):
    photo, landmarks = portraits["astronaut"]
    drawn, _ = draw_occluder(photo, landmarks, "sunglasses", seed=0)
    looks = []

    def look(photo, hidden, **options):
        found = detect_landmarks(photo, hidden, **options)
        looks.append(found if len(looks) < 2 else replace(found, confidence=found.confidence * 0.1))
        return looks[-1]

    monkeypatch.setattr("d3f_lite.perception.face_finder.detect_landmarks", look)
    seen = observe(drawn, detector=detector)
    assert not looks[-1].enough and seen.landmarks.enough and np.array_equal(seen.landmarks.xy, looks[1].xy)
    x, y = np.floor(seen.landmarks.xy).astype(int).T
    assert not seen.landmarks.confidence[seen.masks.occluded[y, x]].any()


def test_strokes_correct_an_estimate(portraits):
    photo, landmarks = portraits["grace_hopper"]
    face, strokes = face_region(landmarks, photo.shape), np.zeros(photo.shape, np.int8)
    drawn, truth = draw_occluder(photo, landmarks, "hand", seed=1)
    found = [estimate_occlusion(drawn, landmarks, strokes)]
    for _ in range(3):
        strokes = draw_stroke(found[-1].occluded, truth, face, strokes)
        found.append(estimate_occlusion(drawn, landmarks, strokes))
    assert overlap(found[-1].occluded, truth, face) > max(0.6, overlap(found[0].occluded, truth, face))
    assert found[-1].occluded[strokes == Stroke.OCCLUDED].all() and not found[-1].occluded[strokes == Stroke.VISIBLE].any()


def test_68_landmarks_are_enough(portraits):
    photo, landmarks = portraits["grace_hopper"]
    drawn, _ = draw_occluder(photo, landmarks, "surgical_mask", seed=0)
    dense, sparse = (estimate_occlusion(drawn, points).occluded for points in (landmarks, replace(landmarks, dense=None)))
    assert overlap(dense, sparse, face_region(landmarks, photo.shape)) > 0.8


def test_a_face_at_the_border(portraits):
    photo, landmarks = portraits["astronaut"]
    corner = landmarks.xy[30].astype(int)
    cut = Photo.from_array(photo.pixels[corner[1] :, corner[0] - 10 :])
    moved = replace(landmarks, xy=landmarks.xy - corner + (10, 0), dense=landmarks.dense - corner + (10, 0))
    assert estimate_occlusion(cut, moved).occluded.shape == cut.shape


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"nothing")
    for name in ("weights.safetensors", "none.safetensors"):
        with pytest.raises(AssetError, match="occlusion network"):
            load_occlusion_net(tmp_path / name)
