"""The colours' share of the fit: slopes against finite differences, and a painted head that is found again."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from d3f_lite.evaluation.synthetic import draw_light, paint
from d3f_lite.evaluation.truth import face_error
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.fitting.landmark_fitting import POSE, fit_landmarks, landmark_problem, moved
from d3f_lite.fitting.photometric_fitting import Crop, _FaceColours, refine
from d3f_lite.fitting.render import render, spherical_harmonics
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.masks import Masks
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.settings import FitSettings

HEAD = load_head()
TRUTH = np.random.default_rng(4).normal(0.0, 0.8, len(HEAD.basis))
CAMERA = Camera.from_angles(0.25, -0.1, 0.05, 1.6, (200.0, 210.0))
SETTINGS = FitSettings(calibrated=False)


@pytest.fixture(scope="module")
def observation():
    """A render of a head that the model can make, with its exact landmarks."""
    vertices = HEAD.vertices(TRUTH)
    light = draw_light(np.random.default_rng(2))
    pixels, index = render(vertices, HEAD.triangles, CAMERA, paint(HEAD.albedo_regions), light, (420, 400), 0.4)
    xy = CAMERA.project(HEAD.landmark_points(vertices, CAMERA.angles[0])).astype(np.float32)
    face = (index >= 0) & np.append(HEAD.face[HEAD.triangles].all(1), False)[index]
    landmarks = Landmarks(xy, np.ones(68, np.float32), "test", 1)
    return Observation(Photo.from_array(pixels), landmarks, Masks(face, np.zeros(face.shape, bool)))


@pytest.mark.parametrize("nearness", (0.0, 0.002))
def test_slopes_are_those_of_finite_differences(observation, nearness):
    camera = replace(CAMERA, nearness=nearness)
    colours = _FaceColours(HEAD, Crop.around(observation, 80.0))
    start = np.random.default_rng(1).normal(0.0, 0.3, len(HEAD.basis))
    points = colours.points(start, camera)
    slopes = np.stack(list(colours._shape_derivatives(points, start, camera)), axis=1)

    def seen(coefficients, camera):
        vertices = HEAD.vertices(coefficients)
        at = np.einsum("pk,pki->pi", points.barycentric, vertices[points.triangles])
        normal = np.einsum("pk,pki->pi", points.barycentric, colours._normals(vertices)[points.triangles]) @ camera.rotation.T
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        harmonics = spherical_harmonics(torch.from_numpy(normal)).numpy()
        return camera.project(at), points.albedo * (harmonics @ points.appearance.light)

    place, colour = seen(start, camera)
    for unknown in (0, 3, 110, *range(len(start), len(start) + POSE)):
        step = np.zeros(len(start) + POSE)
        step[unknown] = 0.1 if unknown < len(start) else 1e-3
        there, then = seen(start + step[:-POSE], moved(camera, step[-POSE:]))
        expected = (np.einsum("pcu,pu->pc", points.slope, there - place) - (then - colour)) / step[unknown]
        np.testing.assert_allclose(slopes[..., unknown], expected, atol=0.02 * np.abs(expected).max())


def test_colours_find_what_landmarks_leave_open(observation):
    start = fit_landmarks(HEAD, observation.landmarks, SETTINGS)
    silent = lambda *_: None
    found = refine(landmark_problem(HEAD, observation.landmarks, SETTINGS), observation, start, silent, silent)
    error = lambda fit: face_error(HEAD.vertices(fit.coefficients), HEAD.vertices(TRUTH), HEAD.face)  # no photo shows the size
    assert error(found) < 0.75 * error(start)
    assert found.history[-1] < 0.7 * found.history[0] and len(found.history) == SETTINGS.photometric_iterations + 1


def test_the_hessian_knows_the_colours(observation):
    landmarks_only = fit_visible(observation, HEAD, FitSettings(calibrated=False, photometric_weight=0.0)).hessian
    both, more = (
        fit_visible(observation, HEAD, FitSettings(calibrated=False, photometric_weight=n)).hessian for n in (500.0, 5000.0)
    )
    spread = [np.trace(np.linalg.inv(hessian)) for hessian in (landmarks_only, both, more)]
    assert spread[0] > 1.05 * spread[1] > 1.05 * 1.05 * spread[2]


def test_landmarks_weigh_less_beside_the_colours_and_the_same_without_them(observation):
    full, less = (
        [fit_visible(observation, HEAD, replace(SETTINGS, landmark_weight=weight, photometric_weight=n)) for n in (0.0, 200.0)]
        for weight in (1.0, 0.25)
    )
    np.testing.assert_array_equal(full[0].hessian, less[0].hessian)
    np.testing.assert_array_equal(full[0].vertices, less[0].vertices)
    spread = [np.trace(np.linalg.inv(fit.hessian)) for fit in (full[1], less[1])]
    assert spread[1] > 1.001 * spread[0]
    away = [np.linalg.norm(fit.landmarks - observation.landmarks.xy, axis=1).mean() for fit in (full[1], less[1])]
    assert away[1] > 1.05 * away[0]
