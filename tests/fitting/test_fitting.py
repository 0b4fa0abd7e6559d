"""The fit: derivatives, switches, real photos, repainted occluders, and heads whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import lsq_linear
from small_head import one_way

from d3f_lite.errors import Cancelled
from d3f_lite.fitting.calibration import load_calibration
from d3f_lite.fitting.camera import POSE, Camera
from d3f_lite.fitting.fit import expected_landmarks, fit_visible, what_the_photo_shows
from d3f_lite.fitting.gauss_newton import fit_landmarks, newton_step
from d3f_lite.fitting.landmark_equations import USUAL_NEARNESS, LandmarkEquations
from d3f_lite.fitting.plausibility import check_plausible
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import JAW_POINTS
from d3f_lite.metrics import landmark_nme
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.masks import Masks
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo, sample_photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import OCCLUDER_KINDS, draw_occluder
from d3f_lite.settings import FitSettings

HEAD = load_head()


def exact_landmarks(vertices, camera, confidence=1.0):
    """What a perfectly predictable detector would find."""
    xy = expected_landmarks(HEAD, vertices, camera, load_calibration())
    return Landmarks(xy, np.full(68, confidence, np.float32), "mediapipe", 1)


def equations(landmarks, head=HEAD):
    return LandmarkEquations.of(head, landmarks, FitSettings())


def test_a_known_pose_is_found():
    camera = Camera.from_angles(0.4, -0.1, 0.2, 1.3, (200.0, 180.0), USUAL_NEARNESS / 1000.0)
    found = fit_landmarks(equations(exact_landmarks(HEAD.mean, camera)))
    np.testing.assert_allclose(found.camera.angles, camera.angles, atol=0.02)
    assert abs(found.camera.scale / camera.scale - 1) < 0.02
    assert np.linalg.norm(found.coefficients) < 0.5


def test_steps_within_bounds_are_those_of_bounded_least_squares():
    generator = np.random.default_rng(4)
    root, pull = generator.standard_normal((24 + POSE, 24 + POSE)), 3.0 * generator.standard_normal(24 + POSE)
    coefficients = np.zeros(24)
    bounds = np.tile([-np.inf, np.inf], (24, 1))
    bounds[10:] = 0.0, 0.4
    ends = np.concatenate((bounds, np.tile([-np.inf, np.inf], (POSE, 1)))).T
    step = newton_step(root.T @ root, root.T @ pull, coefficients, bounds)
    np.testing.assert_allclose(step, lsq_linear(root, pull, ends, method="bvls").x, atol=1e-6)
    assert (step[10:24] == 0.0).any() and (step[10:24] == 0.4).any()
    free = newton_step(root.T @ root, root.T @ pull, coefficients, None)
    np.testing.assert_allclose(free, np.linalg.solve(root, pull), rtol=1e-6)


def test_an_expression_that_runs_one_way_is_not_fitted_on_the_other():
    head = one_way(HEAD)
    first = len(head.bases.shape)
    camera = Camera.from_angles(0.1, 0.0, 0.0, 1.5, (200.0, 200.0))
    for amount in (2.0, -2.0):
        found = fit_landmarks(equations(exact_landmarks(head.mean + amount * head.basis[first], camera), head))
        expressions = found.coefficients[first : first + len(head.bases.expression)]
        assert expressions.min() >= 0.0 and (expressions[0] > 0.5) == (amount > 0)


def test_the_fit_is_the_most_likely_head():
    """At the optimum any step makes the posterior less likely, as the Hessian predicts."""
    camera = Camera.from_angles(0.2, 0.1, 0.0, 1.0, (150.0, 150.0))
    problem = equations(exact_landmarks(HEAD.sample(1, seed=3)[0], camera))
    found = fit_landmarks(problem)
    energy = lambda step: 68 * problem.misfit(found.coefficients + step[:-POSE], found.camera.moved(step[-POSE:]))
    directions = np.random.default_rng(0).standard_normal((5, len(HEAD.basis) + POSE))
    directions[:, -POSE:] = 0.0
    lowest = energy(np.zeros(directions.shape[1]))
    for direction in directions:
        rise = energy(0.3 * direction / np.linalg.norm(direction)) - lowest
        predicted = 0.5 * 0.09 * direction @ found.hessian @ direction / (direction @ direction)
        assert rise == pytest.approx(predicted, rel=0.15)


def test_few_landmarks_leave_a_wide_posterior():
    camera = Camera.from_angles(0.0, 0.0, 0.0, 1.0, (100.0, 100.0))
    landmarks = exact_landmarks(HEAD.mean, camera)
    confidence = np.zeros(68, np.float32)
    confidence[:20] = 1.0  # the jaw and three brow points
    few = fit_landmarks(equations(replace(landmarks, confidence=confidence)))
    all_of_them = fit_landmarks(equations(landmarks))
    spread = [np.trace(np.linalg.inv(found.hessian[:-POSE, :-POSE])) for found in (few, all_of_them)]
    assert spread[0] > 1.05 * spread[1] and np.abs(few.camera.angles).max() < np.radians(5)


def test_landmarks_that_are_no_face_s_leave_the_mean_head_where_they_lie():
    photo = sample_photo("astronaut")
    xy = np.random.default_rng(3).uniform((150.0, 60.0), (300.0, 90.0), (68, 2)).astype(np.float32)
    landmarks = Landmarks(xy, np.zeros(68, np.float32), "mediapipe", 1)
    everywhere = np.ones(photo.shape, bool)
    found = fit_visible(Observation(photo, landmarks, Masks(everywhere, ~everywhere)), HEAD)
    np.testing.assert_array_equal(found.vertices, HEAD.mean)
    np.testing.assert_allclose(found.camera.angles, 0.0, atol=1e-6)
    points = found.camera.project(HEAD.landmark_points(HEAD.mean))
    assert np.linalg.norm(points.mean(0) - xy.mean(0)) < 10.0 and np.trace(np.linalg.inv(found.hessian)) > 0.8 * len(HEAD.basis)


@pytest.mark.slow
@pytest.mark.parametrize("name", ("astronaut", "grace_hopper"))
def test_portraits_clean_and_under_each_occluder(name, portraits, detector):
    photo, clean = portraits[name]
    cases = [(photo, None)] + [draw_occluder(photo, clean, kind) for kind in OCCLUDER_KINDS]
    for covered, mask in cases:
        observation = observe(covered, mask, detector=detector)
        fit = fit_visible(observation, HEAD)
        inner = observation.landmarks.reliable & (np.arange(68) >= JAW_POINTS)
        assert landmark_nme(fit.landmarks, observation.landmarks.xy, inner) <= 0.0275  # the detector itself errs as much
        assert fit.visible.any() and not (fit.visible & fit.occluded).any()
        assert fit.unseen[HEAD.mean[:, 2] < -60].mean() > 0.99  # the back of the head
        assert fit.occluded.any() == (mask is not None)
        if observation.landmarks.enough:
            check_plausible(HEAD, observation.landmarks, FitSettings())
            check_plausible(HEAD, replace(observation.landmarks, backend="file"), FitSettings())


@pytest.mark.parametrize("name", ("astronaut", "grace_hopper"))
@pytest.mark.parametrize("kind", (None, "scarf"))
def test_landmarks_that_hardly_move_hardly_move_the_head(name, kind, portraits, detector):
    photo, clean = portraits[name]
    photo, mask = (photo, np.zeros(photo.shape, bool)) if kind is None else draw_occluder(photo, clean, kind)
    observation = observe(photo, mask, detector=detector)
    found, landmarks = fit_visible(observation, HEAD), observation.landmarks
    directions = np.random.default_rng(0).standard_normal((68, 2))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for px, most in ((0.0001, 0.005), (0.01, 0.1)):
        moved = replace(landmarks, xy=(landmarks.xy + px * directions).astype(np.float32))
        again = fit_visible(replace(observation, landmarks=moved), HEAD)
        apart = np.linalg.norm(again.vertices - found.vertices, axis=1)[found.visible & HEAD.face]
        assert apart.mean() <= most, f"{px} px move the visible face by {apart.mean():.4f} mm"


@pytest.mark.filterwarnings("error:.*(invalid|divide|overflow):RuntimeWarning")
@pytest.mark.parametrize("light", ("red", "red from the side", "night vision", "thermal", "none"))
def test_light_of_one_colour_is_light(light, portraits):
    photo, landmarks = portraits["astronaut"]
    pixels, grey = photo.pixels, photo.pixels.mean(axis=2, keepdims=True)
    red, green = pixels * np.uint8((1, 0, 0)), pixels * np.uint8((0, 1, 0))
    from_the_side = np.arange(photo.shape[1])[None, :, None] < landmarks.xy[27, 0]
    lit = {"red": red, "red from the side": np.where(from_the_side, red, pixels), "night vision": green, "none": 0 * pixels,
           "thermal": np.clip(np.concatenate((2 * grey, 2 * grey - 255, 0 * grey), axis=2), 0, 255).astype(np.uint8)}  # fmt: skip
    everywhere = np.ones(photo.shape, bool)
    found = fit_visible(Observation(Photo.from_array(lit[light]), landmarks, Masks(everywhere, ~everywhere)), HEAD)
    assert np.isfinite(found.vertices).all() and np.linalg.eigvalsh(found.hessian)[0] > 0.0
    assert landmark_nme(found.landmarks, landmarks.xy, landmarks.reliable) <= 0.04


@pytest.mark.parametrize("kind", ("surgical_mask", "sunglasses"))
def test_repainting_the_occluder_changes_no_vertex(kind, portraits, detector):
    portrait, landmarks = portraits["astronaut"]
    photo, mask = draw_occluder(portrait, landmarks, kind)
    fit = fit_visible(observe(photo, mask, detector=detector), HEAD)
    noise = np.random.default_rng(0).integers(0, 256, photo.pixels.shape, np.uint8)
    for paint in (noise, portrait.pixels):
        repainted = Photo(np.where(mask[..., None], paint, photo.pixels), "repainted")
        again = fit_visible(observe(repainted, mask, detector=detector), HEAD)
        np.testing.assert_array_equal(again.vertices, fit.vertices)


@pytest.mark.slow
def test_a_face_upside_down_is_fitted_upside_down(portraits, detector):
    photo, landmarks = portraits["grace_hopper"]
    photo, mask = draw_occluder(photo, landmarks, "surgical_mask", seed=0)
    turned = Photo.from_array(photo.pixels[::-1, ::-1])
    fits = [fit_visible(observe(*shown, detector=detector), HEAD) for shown in ((photo, mask), (turned, mask[::-1, ::-1]))]
    rolls = [np.degrees(fit.camera.angles[2]) for fit in fits]
    assert abs(rolls[0]) < 10 and abs(abs(rolls[1]) - 180) < 10
    assert np.linalg.norm(fits[0].vertices - fits[1].vertices, axis=1).mean() < 1.5


def test_cancelling_stops_between_iterations(detector):
    seen, differences = [], []

    def stop_halfway(stage, fraction):
        seen.append(stage)
        if stage == "colours" and fraction > 0.4:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        observation = observe(sample_photo("astronaut"), detector=detector)
        fit_visible(observation, HEAD, progress=stop_halfway, watch=lambda history: differences.append(history[-1]))
    assert seen.count("colours") == len(differences) == 3
    assert differences[-1] < differences[0]


def test_what_of_the_face_the_border_cuts_is_hidden():
    """A cut photo shows what the whole one shows there; the rest of the face is occluded, and the neck beyond it unseen."""
    camera = Camera.from_angles(0.3, 0.1, 0.1, 1.0, (150.0, 150.0))
    whole, nothing = what_the_photo_shows(HEAD.mean, HEAD, camera, np.zeros((400, 300), bool))
    assert not nothing.any()
    x, y = camera.project(HEAD.mean).T
    windows = {"left": (150, 0, 300, 400), "top": (0, 140, 300, 400), "below": (0, 0, 300, 170)}
    for name, (left, top, right, bottom) in windows.items():
        moved = replace(camera, translation=camera.translation - (left, top))
        visible, occluded = what_the_photo_shows(HEAD.mean, HEAD, moved, np.zeros((bottom - top, right - left), bool))
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        assert np.array_equal(visible, whole & inside), name
        assert np.array_equal(occluded, whole & ~inside & HEAD.face) and occluded.sum() > 100, name
