"""The colours' share of the fit: derivatives by hand against automatic ones, and a painted head that is found again."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from d3f_lite.evaluation.synthetic import draw_light, paint
from d3f_lite.evaluation.truth import face_error
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.colour_derivatives import colour_slopes
from d3f_lite.fitting.colour_equations import ColourEquations
from d3f_lite.fitting.colours import Crop, colour_residual, solve_appearance
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.fitting.rendering import render
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.masks import Masks
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.settings import FitSettings

HEAD = load_head()
TRUTH = np.random.default_rng(4).normal(0.0, 0.8, len(HEAD.basis))
CAMERA = Camera.from_angles(0.25, -0.1, 0.05, 1.6, (200.0, 210.0))


@cache
def painted():
    """A render of a head that the model can make, with its exact landmarks."""
    vertices = HEAD.vertices(TRUTH)
    light = draw_light(np.random.default_rng(2))
    pixels, index = render(vertices, HEAD.triangles, CAMERA, paint(HEAD.albedo_regions), light, (420, 400), 0.4)
    xy = CAMERA.project(HEAD.landmark_points(vertices, CAMERA.angles[0])).astype(np.float32)
    face = (index >= 0) & np.append(HEAD.face[HEAD.triangles].all(1), False)[index]
    landmarks = Landmarks(xy, np.ones(68, np.float32), "test", 1)
    return Observation(Photo.from_array(pixels), landmarks, Masks(face, np.zeros(face.shape, bool)))


@cache
def fitted(**settings):
    """The fit to the painted head."""
    return fit_visible(painted(), HEAD, FitSettings(calibrated=False, **settings))


def some(points):
    """Every tenth of the points: automatic differentiation takes its time."""
    return replace(points, **{name: array[::10] for name, array in vars(points).items() if isinstance(array, np.ndarray)})


@pytest.mark.parametrize("nearness", (0.0, 0.002))
def test_the_derivatives_by_hand_are_those_of_the_formula(nearness):
    camera = replace(CAMERA, nearness=nearness)
    colours = ColourEquations(HEAD, Crop.around(painted(), 80.0))
    coefficients = np.random.default_rng(1).normal(0.0, 0.3, len(HEAD.basis))
    vertices = HEAD.vertices(coefficients)
    points = some(colours.points(vertices, camera))
    formula = lambda unknowns: colour_residual(unknowns, HEAD, camera, points)
    unknowns = torch.tensor(np.append(coefficients, np.zeros(7)))
    np.testing.assert_allclose(formula(unknowns), points.residual, atol=1e-5)
    automatic = torch.func.jacfwd(formula)(unknowns).numpy().transpose(1, 0, 2)
    by_hand = colour_slopes(HEAD, vertices, camera, points)
    largest = np.abs(automatic).max(axis=(0, 1))  # of each unknown
    assert (largest[-7:] > 0.01).all() and (largest > 1e-3).mean() > 0.8  # the scalp and the neck do not show
    assert (np.abs(by_hand - automatic).max(axis=(0, 1)) <= 1e-5 * largest).all()


def test_colours_are_split_into_albedo_and_light():
    generator = np.random.default_rng(0)
    harmonics = np.column_stack((np.ones(3000), generator.uniform(-1, 1, (3000, 8))))
    regions = np.eye(3)[generator.integers(3, size=3000)]
    albedo, light = generator.uniform(0.3, 0.8, (3, 3)), np.zeros((9, 3))
    light[0], light[1:4] = 1.0, generator.normal(0, 0.2, (3, 3))
    colours = (regions @ albedo) * (harmonics @ light)
    colours[::10] = generator.uniform(0, 1, (300, 3))  # a tenth is hair
    found = solve_appearance(colours, harmonics, regions, np.ones(3000))
    error = np.abs((regions @ found.albedo) * (harmonics @ found.light) - (regions @ albedo) * (harmonics @ light))
    assert np.median(error) < 0.02


def test_colours_find_what_landmarks_leave_open():
    start, found = fitted(photometric_weight=0.0), fitted()
    error = lambda fit: face_error(fit.vertices, HEAD.vertices(TRUTH), HEAD.face)  # no photo shows the size
    assert error(found) < 0.75 * error(start)
    assert found.history[-1] < 0.7 * found.history[0] and len(found.history) == FitSettings().photometric_iterations + 1


def test_the_hessian_knows_the_colours():
    spread = [np.trace(np.linalg.inv(fitted(photometric_weight=weight).hessian)) for weight in (0.0, 500.0, 5000.0)]
    assert spread[0] > 1.05 * spread[1] > 1.05 * 1.05 * spread[2]


def test_landmarks_weigh_less_beside_the_colours_and_the_same_without_them():
    alone, less = fitted(photometric_weight=0.0), fitted(photometric_weight=0.0, landmark_weight=0.25)
    np.testing.assert_array_equal(alone.hessian, less.hessian)
    np.testing.assert_array_equal(alone.vertices, less.vertices)
    full, less = fitted(landmark_weight=1.0), fitted(landmark_weight=0.25)
    assert np.trace(np.linalg.inv(less.hessian)) > 1.001 * np.trace(np.linalg.inv(full.hessian))
    away = [np.linalg.norm(fit.landmarks - painted().landmarks.xy, axis=1).mean() for fit in (full, less)]
    assert away[1] > 1.05 * away[0]
