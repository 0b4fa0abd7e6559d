"""The closed-form start of the fit: pose and coefficients from the visible landmarks by Gauss-Newton steps."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.spatial.transform import Rotation

from d3f_lite.fitting.calibration import Calibration, calibration_of, upright
from d3f_lite.fitting.camera import Camera
from d3f_lite.heads.laplacian import laplacian
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.settings import FitSettings

POSE = 7  # rotation vector (rad), log scale, translation (mm), nearness (per m)
LARGEST_STEP = np.array([0.25, 0.25, 0.25, 0.15, 30.0, 30.0, 0.5])  # of the pose, while it is searched for
START_YAWS = np.radians((-35.0, 0.0, 35.0))
POSE_STEPS, JOINT_STEPS = 8, 8
LEAST_TRUST = 0.02  # in a landmark that is hidden, where too few are not: 7 times its error
POSE_SIGMA = np.array((0.5, 0.25))  # radians, of the yaw and pitch that photos of faces have
USUAL_NEARNESS, NEARNESS_SIGMA = 1.0, 0.6  # per m, of the cameras that take photos of faces: most are 0.5 to 2.5 m away
NEAREST = 4.0  # per m: a camera at 25 cm
FAR_AWAY_SIGMA = 1e-3  # per m, where the camera is the paper's, without perspective
NUDGE = 1e-4  # radians, for derivatives of the angles
BOUND_ROUNDS = 20  # in which it is settled which coefficients stand at their bounds; 3 as a rule
MOST_GROWTH = 3.0  # of the log scale in one step; more leads nowhere
CLOSURE_PAIRS = np.array([(61, 67), (62, 66), (63, 65), (37, 41), (38, 40), (43, 47), (44, 46)])


@dataclass(frozen=True, eq=False)
class LandmarkFit:
    """A head and camera from landmarks alone.

    Args:
        coefficients: standard units.
        camera: Camera.
        hessian: of the negative log posterior over coefficients and pose.
        misfit: squared standard errors that are left, the prior's among them, per landmark coordinate; infinite where the
            steps led nowhere.
    """

    coefficients: Float[np.ndarray, "K"]
    camera: Camera
    hessian: Float[np.ndarray, "D D"]
    misfit: float


def landmark_problem(head: HeadModel, landmarks: Landmarks, settings: FitSettings) -> "LandmarkProblem":
    """What the landmarks and the prior say about a head.

    The reliable landmarks count. Where they are too few, the others, which the detector guesses from what surrounds them,
    count a little as well: they keep the pose from running away, and the posterior stays wide.
    """
    if not landmarks.enough:
        landmarks = replace(landmarks, confidence=np.maximum(landmarks.confidence, LEAST_TRUST))
    used = landmarks.reliable | ~np.bool_(landmarks.enough)
    calibration = calibration_for(landmarks, settings)
    covariance = calibration.clean if used.all() and landmarks.enough else calibration.occluded
    return LandmarkProblem(head, landmarks, used, calibration, covariance, settings)


def fit_landmarks(head: HeadModel, landmarks: Landmarks, settings: FitSettings) -> LandmarkFit:
    """Fit coefficients and camera to the landmarks: the maximum of their posterior."""
    problem = landmark_problem(head, landmarks, settings)
    camera = problem.start()
    coefficients = np.zeros(len(head.basis))
    for _ in range(JOINT_STEPS):
        hessian, gradient = problem.equations(coefficients, camera)
        step = newton_step(hessian, gradient, coefficients, head.bounds)
        if not np.isfinite(step).all() or abs(step[3 - POSE]) > MOST_GROWTH:
            return LandmarkFit(coefficients, camera, hessian, np.inf)
        coefficients, camera = coefficients + step[:-POSE], moved(camera, step[-POSE:])
    return LandmarkFit(coefficients, camera, hessian, problem.misfit(coefficients, camera))


def newton_step(
    hessian: Float[np.ndarray, "D D"],
    gradient: Float[np.ndarray, "D"],
    coefficients: Float[np.ndarray, "K"],
    bounds: Float[np.ndarray, "K 2"] | None,
) -> Float[np.ndarray, "D"]:
    """The step s of coefficients and pose that minimises ½ sᵀHs − gᵀs and keeps the coefficients within their bounds.

    A primal-dual active set (Hintermüller, Ito and Kunisch 2003): what a round leaves beyond a bound is held at it in the next,
    and let go where the slope leads back inside.

    Args:
        gradient: g, downhill.
        coefficients: where the step starts, within the bounds.
        bounds: as a HeadModel has them.
    """
    step = cho_solve(cho_factor(hessian), gradient)
    if bounds is None:
        return step
    size, held = len(coefficients), np.zeros(len(step), bool)
    lower, upper = (
        np.r_[bound - coefficients, np.full(len(step) - size, end)] for bound, end in zip(bounds.T, (-np.inf, np.inf))
    )
    for _ in range(BOUND_ROUNDS):
        wanted = step + (gradient - hessian @ step) / np.diag(hessian) * held
        beyond = (wanted < lower) | (wanted > upper)
        if (beyond == held).all():
            break
        held = beyond
        step = np.where(held, np.clip(wanted, lower, upper), 0.0)
        pull = (gradient - hessian @ step)[~held]
        step[~held] = cho_solve(cho_factor(hessian[np.ix_(~held, ~held)]), pull)
    return np.clip(step, lower, upper)


def calibration_for(landmarks: Landmarks, settings: FitSettings) -> Calibration:
    """The Calibration of the detector that found these landmarks; no knowledge where it is unknown, or not wanted."""
    return (settings.calibrated and calibration_of(landmarks.detector)) or Calibration.none()


def moved(camera: Camera, step: Float[np.ndarray, "7"]) -> Camera:
    """The camera after a pose ``step``: rotation vector (rad), log scale, translation (mm on the head), nearness (per m)."""
    rotation = Rotation.from_rotvec(step[:3]).as_matrix() @ camera.rotation
    translation = camera.translation + camera.scale * step[4:6]
    nearness = float(np.clip(camera.nearness + step[6] / 1000.0, 0.0, NEAREST / 1000.0))
    return Camera(rotation, camera.scale * float(np.exp(step[3])), translation, nearness)


@dataclass(frozen=True, eq=False)
class LandmarkProblem:
    """The least-squares problem that one photo's landmarks pose."""

    head: HeadModel
    landmarks: Landmarks
    used: np.ndarray
    calibration: Calibration
    covariance: np.ndarray
    settings: FitSettings

    def start(self):
        """The camera that sees the mean head best, from several yaws and independent errors."""
        rough = replace(self, calibration=Calibration.none(), covariance=Calibration.none().clean)
        found = []
        eyes = self.head.landmark_points(self.head.mean)
        scale = self.landmarks.interocular_distance / np.linalg.norm(eyes[36] - eyes[45])
        right, down = self.landmarks.xy[45] - self.landmarks.xy[36]
        roll = np.arctan2(-down, right)  # a photo may lie on its side or its head
        for yaw in START_YAWS:
            camera = Camera.from_angles(yaw, 0.0, roll, scale, (0.0, 0.0), self._nearness[0] / 1000.0)
            offset = (self.landmarks.xy - camera.project(self.head.landmark_points(self.head.mean, yaw)))[self.used]
            camera = replace(camera, translation=offset.mean(0))
            for _ in range(POSE_STEPS):
                residual, jacobian = rough._residual(np.zeros(0), camera)
                step = np.linalg.solve(jacobian.T @ jacobian + 1e-6 * np.eye(POSE), jacobian.T @ residual)
                camera = moved(camera, np.clip(step, -LARGEST_STEP, LARGEST_STEP))
            found.append((np.sum(rough._residual(np.zeros(0), camera)[0] ** 2), yaw, camera))
        return min(found)[-1]

    def frontal(self):
        """The mean head, seen from the front where the landmarks lie: the fit to landmarks that tell nothing more."""
        points = self.head.landmark_points(self.head.mean)[:, :2] * (1.0, -1.0)
        scale = np.linalg.norm(self.landmarks.xy.std(0)) / np.linalg.norm(points.std(0))
        translation = self.landmarks.xy.mean(0) - scale * points.mean(0)
        camera = Camera.from_angles(0.0, 0.0, 0.0, scale, translation, self._nearness[0] / 1000.0)
        coefficients = np.zeros(len(self.head.basis))
        return LandmarkFit(coefficients, camera, self.equations(coefficients, camera)[0], np.inf)

    def equations(self, coefficients, camera):
        """Normal equations over coefficients and pose: hessian (K + 6, K + 6) and gradient (K + 6,), the prior included."""
        residual, jacobian = self._residual(coefficients, camera)
        hessian = jacobian.T @ jacobian
        gradient = jacobian.T @ residual
        size = len(coefficients)
        precision = self._prior_precision()
        hessian[:size, :size] += precision
        gradient[:size] -= precision @ coefficients
        return hessian, gradient

    def misfit(self, coefficients, camera):
        """Twice the objective by the number of landmark coordinates: see ``LandmarkFit``."""
        residual, _ = self._residual(coefficients, camera)
        prior = coefficients @ self._prior_precision() @ coefficients
        return float((residual @ residual + prior) / (2 * self.used.sum()))

    def _prior_precision(self):
        """The coefficients' prior precision (K, K), with smoothness; regional ones are pinned when switched off."""
        head, settings = self.head, self.settings
        diagonal = np.full(len(head.basis), settings.prior_weight)
        if not settings.regional:
            diagonal[len(head.basis) - len(head.bases.regional) :] = 1e6
        precision = np.diag(diagonal)
        if settings.smoothness_weight:
            bent = [laplacian(head.triangles, len(head.mean)) @ direction for direction in head.basis]
            bent = np.stack(bent).reshape(len(head.basis), -1)
            precision += settings.smoothness_weight / len(head.mean) * (bent @ bent.T)
        return precision

    def _residual(self, coefficients, camera):
        """Whitened residuals (rows,) and their Jacobian (rows, K + 6) of the *prediction*, both in standard units.

        Without coefficients (an empty array) only the pose moves.
        """
        yaw, pitch, roll = camera.angles
        triangles, barycentric = self.head.landmarks.at(yaw)
        corners = self.head.triangles[triangles]
        points = np.einsum("lk,lki->li", barycentric, self.head.mean[corners])
        size = len(coefficients)
        directions = np.einsum("lk,clki->cli", barycentric, self.head.basis[:size][:, corners])
        points = points + np.einsum("c,cli->li", coefficients, directions)
        offsets = upright((self.landmarks.xy - camera.project(points)) / camera.scale, roll) - self.calibration.bias_at(
            yaw, pitch
        )
        jacobian = np.zeros((68, 2, size + POSE))
        if size:
            jacobian[..., :size] = np.einsum("lpi,cli->lpc", camera.slopes(points), directions)
        jacobian[..., size:] = pose_jacobian(points, camera)
        jacobian = upright(jacobian.swapaxes(1, 2), roll).swapaxes(1, 2)
        parts = [self._whitened(offsets, jacobian), self._usual_nearness(camera, size)]
        if not self.landmarks.enough:
            parts.append(_usual_pose(camera, size))
        return tuple(np.concatenate(rows) for rows in zip(*parts))

    @property
    def _nearness(self):
        """What is known of the nearness beforehand, per m: mean and standard deviation."""
        return (USUAL_NEARNESS, NEARNESS_SIGMA) if self.settings.perspective else (0.0, FAR_AWAY_SIGMA)

    def _usual_nearness(self, camera, size):
        """As ``_residual``: photos of faces are taken from so far away."""
        usual, sigma = self._nearness
        jacobian = np.zeros((1, size + POSE))
        jacobian[0, -1] = 1.0 / sigma
        return np.array([(usual - 1000.0 * camera.nearness) / sigma]), jacobian

    def _whitened(self, offsets, jacobian):
        """Weigh by the detector's covariance and the confidences, and add the closure pairs."""
        rows = np.flatnonzero(np.repeat(self.used, 2))
        weight = np.sqrt(np.repeat(self.landmarks.confidence.astype(float), 2)[rows])
        covariance = self.covariance[np.ix_(rows, rows)] / np.outer(weight, weight)
        lower = cholesky(covariance, lower=True)
        stacked = np.column_stack((offsets.reshape(-1), jacobian.reshape(136, -1)))
        whitened = solve_triangular(lower, stacked[rows], lower=True)
        pairs = CLOSURE_PAIRS[self.used[CLOSURE_PAIRS].all(1)]
        if self.settings.closure_weight and len(pairs):
            both = stacked.reshape(68, 2, -1)
            gaps = (both[pairs[:, 0]] - both[pairs[:, 1]]).reshape(2 * len(pairs), -1)
            whitened = np.concatenate((whitened, np.sqrt(self.settings.closure_weight) * gaps))
        return whitened[:, 0], whitened[:, 1:]


def _usual_pose(camera, size):
    """As ``_residual``: photos show faces from the front. Said only where too few landmarks tell."""
    angles = np.array(camera.angles[:2])
    nudged = [moved(camera, NUDGE * axis).angles[:2] for axis in np.eye(POSE)[:3]]
    jacobian = np.zeros((2, size + POSE))
    jacobian[:, size : size + 3] = ((np.array(nudged) - angles) / NUDGE).T / POSE_SIGMA[:, None]
    return -angles / POSE_SIGMA, jacobian


def pose_jacobian(points: Float[np.ndarray, "P 3"], camera: Camera) -> Float[np.ndarray, "P 2 7"]:
    """How picture positions in mm (x right, y down) of points (mm, canonical) move with the pose, as ``moved`` takes it."""
    turned = points @ camera.rotation.T
    magnified = camera.magnified(turned)
    place = magnified * turned[:, :2] * (1.0, -1.0)
    jacobian = np.zeros((len(points), 2, POSE))
    # Turning about the camera's axes, seen from the head.
    turns = np.cross(camera.rotation[None], points[:, None])
    jacobian[..., :3] = np.einsum("pki,pai->pka", camera.slopes(points), turns)
    jacobian[..., 3] = place
    jacobian[..., 4:6] = np.eye(2)
    jacobian[..., 6] = place * magnified * turned[:, 2:] / 1000.0
    return jacobian
