"""The search for the most likely head and pose: Gauss-Newton steps, first on the landmarks, then on the colours as well."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from d3f_lite.fitting.camera import POSE, Camera
from d3f_lite.fitting.colour_equations import ColourEquations
from d3f_lite.fitting.colours import Appearance
from d3f_lite.fitting.landmark_equations import LandmarkEquations


@dataclass(frozen=True, eq=False)
class Estimate:
    """The most likely head and camera under one mask.

    Args:
        coefficients: standard units.
        camera: Camera.
        hessian: of the negative log posterior over coefficients and pose.
        misfit: of the landmarks (see ``LandmarkEquations.misfit``); infinite where the steps led nowhere.
        appearance: None where too little skin is visible, or no colours were looked at.
        history: mean colour difference before each step and after the last.
    """

    coefficients: Float[np.ndarray, "K"]
    camera: Camera
    hessian: Float[np.ndarray, "K+7 K+7"]
    misfit: float = np.inf
    appearance: Appearance | None = None
    history: tuple[float, ...] = ()


def newton_step(
    hessian: Float[np.ndarray, "D D"],
    gradient: Float[np.ndarray, "D"],
    coefficients: Float[np.ndarray, "K"],
    bounds: Float[np.ndarray, "K 2"] | None,
    rounds: int = 20,
) -> Float[np.ndarray, "D"]:
    """The step s of coefficients and pose that minimises ½ sᵀHs − gᵀs and keeps the coefficients within their bounds.

    A primal-dual active set (Hintermüller, Ito and Kunisch 2003): what a round leaves beyond a bound is held at it in the next,
    and let go where the slope leads back inside.

    Args:
        hessian: H.
        gradient: g, downhill.
        coefficients: where the step starts, within the bounds.
        bounds: as a HeadModel has them.
        rounds: at most; 3 as a rule.
    """
    step = cho_solve(cho_factor(hessian), gradient)
    if bounds is None:
        return step
    lower, upper = np.full(len(step), -np.inf), np.full(len(step), np.inf)
    lower[: len(coefficients)], upper[: len(coefficients)] = bounds.T - coefficients
    held = np.zeros(len(step), bool)
    for _ in range(rounds):
        wanted = step + (gradient - hessian @ step) / np.diag(hessian) * held
        beyond = (wanted < lower) | (wanted > upper)
        if (beyond == held).all():
            break
        held = beyond
        step = np.where(held, np.clip(wanted, lower, upper), 0.0)
        pull = (gradient - hessian @ step)[~held]
        step[~held] = cho_solve(cho_factor(hessian[np.ix_(~held, ~held)]), pull)
    return np.clip(step, lower, upper)


def fit_landmarks(landmarks: LandmarkEquations, steps: int = 8, most_growth: float = 3.0) -> Estimate:
    """Fit coefficients and camera to the landmarks alone; a log scale that grows by more than ``most_growth`` leads nowhere."""
    camera, coefficients = landmarks.first_camera(), np.zeros(len(landmarks.head.basis))
    for _ in range(steps):
        hessian, gradient = landmarks.normal_equations(coefficients, camera)
        step = newton_step(hessian, gradient, coefficients, landmarks.head.bounds)
        if not np.isfinite(step).all() or abs(step[3 - POSE]) > most_growth:
            return Estimate(coefficients, camera, hessian)
        coefficients, camera = coefficients + step[:-POSE], camera.moved(step[-POSE:])
    return Estimate(coefficients, camera, hessian, landmarks.misfit(coefficients, camera))


def refine(
    start: Estimate, landmarks: LandmarkEquations, colours: ColourEquations, progress: Callable, watch: Callable
) -> Estimate:
    """Go on from a landmark fit with the colours as well, to the maximum of the joint posterior.

    Each step linearises what every visible pixel's surface point shows: the photo's colour slides as the point moves, the
    model's as its normal turns. The landmarks lie on edges that the colours see as well, so they count for less
    (``landmark_weight``) than they do alone. The Hessian knows both, as the posterior then does.

    Args:
        start: of the landmarks alone.
        landmarks: the equations of the landmarks and the prior; their settings count.
        colours: the equations of the colours.
        progress: called with ("colours", fraction); may raise Cancelled.
        watch: called with the mean colour differences so far, a list, after each step.
    """
    settings, head = landmarks.settings, landmarks.head
    landmarks = replace(landmarks, covariance=landmarks.covariance / settings.landmark_weight)
    coefficients, camera, hessian = start.coefficients, start.camera, start.hessian
    size, vertices = len(coefficients), head.vertices(coefficients)
    points = colours.points(vertices, camera)
    if points is None:
        return start
    history = []
    steps = settings.photometric_iterations if settings.photometric_weight else 0
    for step in range(steps):
        history.append(points.difference)
        watch(history)
        hessian, gradient = landmarks.normal_equations(coefficients, camera)
        curvature, pull = colours.normal_equations(points, vertices, camera, settings.photometric_weight)
        hessian, gradient = hessian + curvature, gradient + pull
        change = newton_step(hessian, gradient, coefficients, head.bounds)
        change *= min(1.0, colours.model.longest_step / np.sqrt(np.mean(np.square(change[:size])) + 1e-9))
        coefficients, camera = coefficients + change[:size], camera.moved(change[size:])
        vertices = head.vertices(coefficients)
        shown = colours.points(vertices, camera)
        if shown is not None:
            points = shown
        progress("colours", (step + 1) / steps)
    history.append(points.difference)
    return Estimate(coefficients, camera, hessian, start.misfit, points.appearance, tuple(history))
