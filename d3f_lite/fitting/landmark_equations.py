"""What the landmarks and the prior say about a head and its pose: their normal equations, and the cameras to start from."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import cholesky, solve_triangular

from d3f_lite.fitting.calibration import Calibration, calibration_of, upright
from d3f_lite.fitting.camera import POSE, Camera
from d3f_lite.heads.laplacian import laplacian
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.landmarks import OUTER_EYE_CORNERS, Landmarks, interocular_distance
from d3f_lite.settings import FitSettings

USUAL_NEARNESS, NEARNESS_SIGMA = 1.0, 0.6  # per m, of the cameras that take photos of faces: most are 0.5 to 2.5 m away
POSE_SIGMA = np.array((0.5, 0.25))  # radians, of the yaw and pitch that photos of faces have
CLOSURE_PAIRS = np.array([(61, 67), (62, 66), (63, 65), (37, 41), (38, 40), (43, 47), (44, 46)])  # of lips and lids


@dataclass(frozen=True, eq=False)
class LandmarkEquations:
    """The least-squares problem that one photo's landmarks pose.

    A *row* of it is a residual in standard units, then how its prediction changes with the K coefficients and the pose.

    Args:
        head: with K directions.
        landmarks: px.
        settings: of the prior and the closure.
        calibration: the detector's bias.
        covariance: of its errors, mm².
        used: the landmarks that count.
    """

    head: HeadModel
    landmarks: Landmarks
    settings: FitSettings
    calibration: Calibration
    covariance: Float[np.ndarray, "136 136"]
    used: Bool[np.ndarray, "68"]

    @classmethod
    def of(cls, head: HeadModel, landmarks: Landmarks, settings: FitSettings, least_trust: float = 0.02) -> "LandmarkEquations":
        """The equations of the reliable landmarks.

        Where they are too few, the others, which the detector guesses from what surrounds them, count a little as well, with
        ``least_trust``, 7 times their error: they keep the pose from running away, and the posterior stays wide.
        """
        used, calibration = landmarks.reliable, calibration_for(landmarks, settings)
        if not landmarks.enough:
            landmarks = replace(landmarks, confidence=np.maximum(landmarks.confidence, least_trust))
            used = np.ones(68, bool)
        clean = landmarks.enough and used.all()
        return cls(head, landmarks, settings, calibration, calibration.clean if clean else calibration.occluded, used)

    def normal_equations(
        self, coefficients: Float[np.ndarray, "K"], camera: Camera
    ) -> tuple[Float[np.ndarray, "K+7 K+7"], Float[np.ndarray, "K+7"]]:
        """Hessian and downhill gradient over coefficients and pose, the prior included."""
        residual, jacobian = self._linearised(coefficients, camera)
        hessian, gradient, size = jacobian.T @ jacobian, jacobian.T @ residual, len(coefficients)
        hessian[:size, :size] += self._prior_precision
        gradient[:size] -= self._prior_precision @ coefficients
        return hessian, gradient

    def misfit(self, coefficients: Float[np.ndarray, "K"], camera: Camera) -> float:
        """Squared standard errors that are left, the prior's among them, per landmark coordinate."""
        residual, _ = self._linearised(coefficients, camera)
        prior = coefficients @ self._prior_precision @ coefficients
        return float((residual @ residual + prior) / (2 * self.used.sum()))

    def first_camera(self, yaws=np.radians((-35.0, 0.0, 35.0)), steps: int = 8) -> Camera:
        """The camera that sees the mean head best, from several ``yaws`` (radians) and with independent errors."""
        unknown, nothing = Calibration.none(), np.zeros(0)
        rough = replace(self, calibration=unknown, covariance=unknown.clean)
        longest = np.array([0.25, 0.25, 0.25, 0.15, 30.0, 30.0, 0.5])  # pose step
        first, last = OUTER_EYE_CORNERS
        eyes = self.head.landmark_points(self.head.mean)
        scale = float(interocular_distance(self.landmarks.xy) / np.linalg.norm(eyes[first] - eyes[last]))
        right, down = self.landmarks.xy[last] - self.landmarks.xy[first]
        roll = np.arctan2(-down, right)  # a photo may lie on its side or its head
        cameras, errors = [], []
        for yaw in yaws:
            camera = Camera.from_angles(yaw, 0.0, roll, scale, (0.0, 0.0), self._nearness[0] / 1000.0)
            offset = (self.landmarks.xy - camera.project(self.head.landmark_points(self.head.mean, yaw)))[self.used]
            camera = replace(camera, translation=offset.mean(0))
            for _ in range(steps):
                residual, jacobian = rough._linearised(nothing, camera)
                step = np.linalg.solve(jacobian.T @ jacobian + 1e-6 * np.eye(POSE), jacobian.T @ residual)
                camera = camera.moved(np.clip(step, -longest, longest))
            cameras.append(camera)
            errors.append(np.sum(rough._linearised(nothing, camera)[0] ** 2))
        return cameras[int(np.argmin(errors))]

    def frontal_camera(self) -> Camera:
        """A camera that sees the mean head from the front, about where the landmarks lie."""
        points = self.head.landmark_points(self.head.mean)[:, :2] * (1.0, -1.0)
        scale = float(np.linalg.norm(self.landmarks.xy.std(0)) / np.linalg.norm(points.std(0)))
        translation = self.landmarks.xy.mean(0) - scale * points.mean(0)
        return Camera.from_angles(0.0, 0.0, 0.0, scale, translation, self._nearness[0] / 1000.0)

    @property
    def _nearness(self) -> tuple[float, float]:
        """What is known of the nearness beforehand, per m: mean and standard deviation. The paper's camera is far away."""
        return (USUAL_NEARNESS, NEARNESS_SIGMA) if self.settings.perspective else (0.0, 1e-3)

    @cached_property
    def _prior_precision(self) -> Float[np.ndarray, "K K"]:
        """The coefficients' prior precision, with smoothness; regional ones are pinned when switched off."""
        head, settings = self.head, self.settings
        diagonal = np.full(len(head.basis), settings.prior_weight)
        if not settings.regional:
            diagonal[len(head.basis) - len(head.bases.regional) :] = 1e6
        precision = np.diag(diagonal)
        if settings.smoothness_weight:
            bent = np.stack([laplacian(head.triangles, len(head.mean)) @ direction for direction in head.basis])
            bent = bent.reshape(len(head.basis), -1)
            precision += settings.smoothness_weight / len(head.mean) * (bent @ bent.T)
        return precision

    def _linearised(
        self, coefficients: Float[np.ndarray, "K"], camera: Camera
    ) -> tuple[Float[np.ndarray, "R"], Float[np.ndarray, "R K+7"]]:
        """All rows: residuals, and the Jacobian of the *prediction*. With K = 0, only the pose moves."""
        yaw, pitch, roll = camera.angles
        triangles, barycentric = self.head.landmarks.at(yaw)
        corners, size = self.head.triangles[triangles], len(coefficients)
        points = np.einsum("lk,lki->li", barycentric, self.head.mean[corners])
        directions = np.einsum("lk,clki->cli", barycentric, self.head.basis[:size][:, corners])
        points = points + np.einsum("c,cli->li", coefficients, directions)
        offsets = (self.landmarks.xy - camera.project(points)) / camera.scale
        jacobian = np.zeros((68, 2, size + POSE))
        jacobian[..., :size] = np.einsum("lpi,cli->lpc", camera.slopes(points), directions)
        jacobian[..., size:] = camera.pose_slopes(points)
        # Upright, as the detector's bias and covariance were measured.
        residual = upright(offsets, roll) - self.calibration.bias_at(yaw, pitch)
        jacobian = upright(jacobian.swapaxes(1, 2), roll).swapaxes(1, 2)
        rows = [self._landmark_rows(np.column_stack((residual.reshape(-1), jacobian.reshape(136, -1))))]
        rows += self._pose_rows(camera, size)
        return np.concatenate([part[:, 0] for part in rows]), np.concatenate([part[:, 1:] for part in rows])

    def _landmark_rows(self, stacked: Float[np.ndarray, "136 D"]) -> Float[np.ndarray, "R D"]:
        """Rows in mm, whitened by the detector's covariance and the confidences; and one for each pair that is closed."""
        rows = np.flatnonzero(np.repeat(self.used, 2))
        weight = np.sqrt(np.repeat(self.landmarks.confidence.astype(float), 2)[rows])
        covariance = self.covariance[np.ix_(rows, rows)] / np.outer(weight, weight)
        whitened = solve_triangular(cholesky(covariance, lower=True), stacked[rows], lower=True)
        pairs = CLOSURE_PAIRS[self.used[CLOSURE_PAIRS].all(1)]
        if not (self.settings.closure_weight and len(pairs)):
            return whitened
        both = stacked.reshape(68, 2, -1)
        gaps = (both[pairs[:, 0]] - both[pairs[:, 1]]).reshape(2 * len(pairs), -1)
        return np.concatenate((whitened, np.sqrt(self.settings.closure_weight) * gaps))

    def _pose_rows(self, camera: Camera, size: int, nudge: float = 1e-4) -> list[Float[np.ndarray, "rows D"]]:
        """Photos of faces are taken from about so far away and, said only where too few landmarks tell, from the front."""
        usual, sigma = self._nearness
        nearness = np.zeros((1, 1 + size + POSE))
        nearness[0, 0], nearness[0, -1] = (usual - 1000.0 * camera.nearness) / sigma, 1.0 / sigma
        if self.landmarks.enough:
            return [nearness]
        angles = camera.angles[:2]
        nudged = np.array([camera.moved(nudge * axis).angles[:2] for axis in np.eye(POSE)[:3]])
        frontal = np.zeros((2, 1 + size + POSE))
        frontal[:, 0] = -angles / POSE_SIGMA
        frontal[:, 1 + size : 4 + size] = ((nudged - angles) / nudge).T / POSE_SIGMA[:, None]
        return [nearness, frontal]


def calibration_for(landmarks: Landmarks, settings: FitSettings) -> Calibration:
    """The Calibration of the detector that found these landmarks; no knowledge where it is unknown, or not wanted."""
    known = calibration_of(landmarks.detector) if settings.calibrated else None
    return Calibration.none() if known is None else known
