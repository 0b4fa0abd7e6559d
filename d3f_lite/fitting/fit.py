"""Fit a head to the visible part of a face (Dey and Boddeti 2022, section 3.1)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.common.device import one_thread
from d3f_lite.fitting.calibration import Calibration, upright
from d3f_lite.fitting.camera import POSE, Camera
from d3f_lite.fitting.colour_equations import ColourEquations
from d3f_lite.fitting.colours import Crop
from d3f_lite.fitting.gauss_newton import Estimate, fit_landmarks, refine
from d3f_lite.fitting.landmark_equations import LandmarkEquations, calibration_for
from d3f_lite.fitting.plausibility import is_face
from d3f_lite.fitting.rendering import depth_buffer, vertex_normals, visible_vertices
from d3f_lite.fitting.result import Fit
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.observation import Observation
from d3f_lite.settings import FitSettings


def _silent(*_):
    """Report to nobody."""


@one_thread()
def fit_visible(
    observation: Observation,
    head: HeadModel,
    settings: FitSettings = FitSettings(),
    progress: Callable = _silent,
    watch: Callable = _silent,
) -> Fit:
    """Fit the head's coefficients, camera, light and albedo to what the photo shows (Dey and Boddeti 2022, section 3.1).

    Where the mask is unsure, the head is fitted under each mask that the photo may have, and the fits are moment-matched;
    which vertices the photo shows follows the most likely mask alone.

    Args:
        observation: the photo, its landmarks and masks.
        head: to fit.
        settings: which terms count, and how much.
        progress: called with (stage, fraction in [0, 1]) between iterations; may raise Cancelled to stop.
        watch: called with the mean colour differences so far, a list, after each iteration of the colours.

    >>> from d3f_lite import fit_visible, load_head, observe, sample_photo
    >>> fit = fit_visible(observe(sample_photo("astronaut")), load_head())
    >>> fit.vertices.shape, fit.hessian.shape
    ((4538, 3), (202, 202))
    """
    best = _fit_one_mask(observation, head, settings, progress, watch)
    coefficients, camera, hessian = best.coefficients, best.camera, marginal_hessian(best.hessian)
    if settings.several_masks and observation.alternatives:
        others = [_fit_one_mask(other, head, settings, progress, _silent) for other in observation.alternatives]
        hessian, coefficients = moment_matched(
            [hessian, *(marginal_hessian(other.hessian) for other in others)],
            [coefficients, *(other.coefficients for other in others)],
        )
        camera = camera.moved(best_pose(best.hessian, coefficients - best.coefficients))
    vertices = head.vertices(coefficients)
    visible, occluded = what_the_photo_shows(vertices, head, camera, observation.masks.occluded)
    landmarks = expected_landmarks(head, vertices, camera, calibration_for(observation.landmarks, settings))
    history = np.array(best.history)
    return Fit(vertices, coefficients, camera, best.appearance, hessian, visible, occluded, landmarks, history)


def _fit_one_mask(
    observation: Observation, head: HeadModel, settings: FitSettings, progress: Callable, watch: Callable
) -> Estimate:
    """The most likely head under the mask that is taken for true."""
    progress("landmarks", 0.0)
    landmarks = LandmarkEquations.of(head, observation.landmarks, settings)
    start = fit_landmarks(landmarks)
    if not observation.landmarks.enough and not is_face(start):
        # Nobody knows where the face is: it is the mean head, and its colours tell nothing either.
        mean, camera = np.zeros(len(head.basis)), landmarks.frontal_camera()
        start = Estimate(mean, camera, landmarks.normal_equations(mean, camera)[0])
        landmarks = replace(landmarks, settings=replace(settings, photometric_weight=0.0))
    progress("landmarks", 1.0)
    colours = ColourEquations(head, Crop.around(observation, settings.eye_distance))
    return refine(start, landmarks, colours, progress, watch)


def moment_matched(
    precisions: Sequence[Float[np.ndarray, "K K"]], means: Sequence[Float[np.ndarray, "K"]]
) -> tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K"]]:
    """The one Gaussian with the mean and covariance of an equal mixture of Gaussians: its precision and its mean.

    Its covariance is the mean of theirs and the covariance of their means: where the fits differ, it is wider.
    """
    mean = np.mean(means, axis=0)
    apart = np.stack(means) - mean
    covariance = np.mean([np.linalg.inv(one) for one in precisions], axis=0) + apart.T @ apart / len(apart)
    return np.linalg.inv(covariance), mean


def best_pose(hessian: Float[np.ndarray, "D D"], change: Float[np.ndarray, "K"]) -> Float[np.ndarray, "7"]:
    """The step of the pose (see ``Camera.moved``) that suits a ``change`` of the coefficients best, by the joint ``hessian``."""
    return -np.linalg.solve(hessian[-POSE:, -POSE:], hessian[-POSE:, :-POSE] @ change)


def expected_landmarks(
    head: HeadModel, vertices: Float[np.ndarray, "V 3"], camera: Camera, calibration: Calibration
) -> Float[np.ndarray, "68 2"]:
    """Where a detector of this Calibration is expected to find the landmarks of a head (V, 3) mm: (68, 2) float32 px."""
    yaw, pitch, roll = camera.angles
    points = camera.project(head.landmark_points(vertices, yaw))
    return (points + camera.scale * upright(calibration.bias_at(yaw, pitch), -roll)).astype(np.float32)


def marginal_hessian(hessian: Float[np.ndarray, "D D"]) -> Float[np.ndarray, "K K"]:
    """The coefficients' Hessian (K, K) with the last POSE rows and columns of ``hessian`` integrated out."""
    mixed = hessian[:-POSE, -POSE:]
    return hessian[:-POSE, :-POSE] - mixed @ np.linalg.solve(hessian[-POSE:, -POSE:], mixed.T)


def what_the_photo_shows(
    vertices: Float[np.ndarray, "V 3"], head: HeadModel, camera: Camera, occluded: Bool[np.ndarray, "H W"]
) -> tuple[Bool[np.ndarray, "V"], Bool[np.ndarray, "V"]]:
    """Sort the vertices into visible and occluded ones. What of the face lies beyond the photo's border is occluded, too.

    Args:
        vertices: mm.

    Returns:
        Two (V,) bool arrays, the visible and the occluded vertices; in neither = unseen.
    """
    height, width = occluded.shape
    points = camera.view(vertices)
    # The picture is drawn as large as the face needs, up to three times the photo, but no larger than the head.
    face, whole = points[head.face, :2], points[:, :2]
    low = np.maximum(np.maximum(face.min(axis=0), (-width, -height)).clip(max=0), whole.min(axis=0))
    high = np.minimum(
        np.maximum(np.minimum(face.max(axis=0) + 1, (2 * width, 2 * height)), (width, height)), whole.max(axis=0) + 1
    )
    low, high = np.floor(low).astype(int), np.ceil(high).astype(int)
    shape = tuple(np.maximum(high - low, 1)[::-1].tolist())
    points[:, :2] -= low
    depth = depth_buffer(points, head.triangles, shape)
    normals = vertex_normals(vertices, head.triangles)
    seen = visible_vertices(points, camera.facing(vertices, normals), head.triangles, depth)
    column, row = np.floor(points[:, :2]).astype(int).T + low[:, None]
    beyond = (row < 0) | (row >= height) | (column < 0) | (column >= width)
    covered = beyond | occluded[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    seen &= head.face | ~beyond
    return seen & ~covered, seen & covered
