"""The refinement of the fit by colours: Adam on the difference between the photo and the shaded head."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped

from d3f_lite.common.adam import Adam
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.landmark_fitting import POSE, LandmarkFit, moved
from d3f_lite.fitting.render import rasterise, spherical_harmonics, vertex_normals
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.landmarks import interocular_distance
from d3f_lite.observation.occlusion import Observation
from d3f_lite.settings import FitSettings

REFRESH = 20  # iterations between two searches for the pixels that show the face, its albedo and light
MARGIN = 1.0  # of the eye distance, kept around the head in the crop
ALBEDO_ROUNDS = 4  # alternations of robust least squares
LEAST_PIXELS = 200  # fewer visible face pixels say nothing about colour
LIGHT_RIDGE, ALBEDO_RIDGE = 1e-2, 1e-2
OUTLIER, OUTLIER_FLOOR = (
    4.0,
    0.1,
)  # times the median colour difference, and at least: hair, beards, glasses and cast shadows are left out
LEAST_NOISE = 2e-3  # colour difference that even a perfect model leaves
ROBUST_FLOOR = 0.02  # colour difference below which L1 is treated as L2 by the robust least squares


@dataclass(frozen=True, eq=False)
class Appearance:
    """What colours a head.

    Args:
        albedo: RGB in [0, 1] of the head's albedo regions.
        light: spherical-harmonics coefficients of the normal in the camera's frame.
    """

    albedo: Float[np.ndarray, "A 3"]
    light: Float[np.ndarray, "9 3"]


@dataclass(frozen=True, eq=False)
class Crop:
    """The visible face at working size.

    Args:
        pixels: in [0, 1], black under the occluder.
        usable: visible face, far enough from the occluder for bilinear sampling.
        origin: px of the photo where the crop starts.
        zoom: crop px per photo px, along x and y (all but equal).
    """

    pixels: Float[np.ndarray, "h w 3"]
    usable: Bool[np.ndarray, "h w"]
    origin: Shaped[np.ndarray, "2"]
    zoom: Float[np.ndarray, "2"]

    @classmethod
    def around(cls, observation: Observation, eye_distance: float) -> "Crop":
        """Cut the face out and scale it to ``eye_distance`` px between the outer eye corners."""
        unit = interocular_distance(observation.landmarks.xy)
        rows, columns = np.nonzero(observation.masks.face)
        height, width = observation.photo.shape
        box = np.array((columns.min(), rows.min(), columns.max(), rows.max())) + MARGIN * unit * np.array((-1, -1, 1, 1))
        left, top, right, bottom = np.clip(np.rint(box), 0, (width, height, width, height)).astype(int)
        window = np.s_[top:bottom, left:right]
        zoom = eye_distance / unit
        size = tuple(np.maximum(np.rint(np.array((right - left, bottom - top)) * zoom), 8).astype(int).tolist())
        zoom = np.array(size) / (right - left, bottom - top)
        method = cv2.INTER_AREA if zoom.max() < 1 else cv2.INTER_LINEAR
        # Black before any resampling, so that nothing under the occluder can reach a pixel that is used.
        shown = np.where(observation.masks.occluded[..., None], 0, observation.photo.pixels)[window]
        pixels = cv2.resize(shown.astype(np.float32) / 255.0, size, interpolation=method)
        visible = observation.masks.visible[window].astype(np.float32)
        usable = cv2.resize(visible, size, interpolation=method) > 0.999
        usable = cv2.erode(usable.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
        return cls(pixels, usable, np.array((left, top)), zoom)


@dataclass(frozen=True, eq=False)
class _Target:
    """The P surface points whose colours are compared, and what they should look like.

    Args:
        corners: (P, 3) vertex numbers within the face.
        barycentric: (P, 3) weights.
        albedo: (P, 3) RGB.
        appearance: Appearance that albedo and light are from.
    """

    corners: torch.Tensor
    barycentric: torch.Tensor
    albedo: torch.Tensor
    appearance: Appearance


class _FaceColours:
    """The photo's colours against the model's, over the face part of the mesh."""

    def __init__(self, head, crop):
        face = head.face
        self.head, self.crop = head, crop
        self.triangles = head.triangles[face[head.triangles].all(1)]
        self.used = np.unique(self.triangles)
        # One more entry: the rasteriser's -1, no triangle, is not on the face.
        self.on_face = np.append(face[head.triangles].all(1), False)
        lookup = np.zeros(len(face), np.int64)
        lookup[self.used] = np.arange(len(self.used))
        self.local = torch.from_numpy(lookup[self.triangles])
        self.mean = torch.from_numpy(head.mean[self.used])
        self.basis = torch.from_numpy(head.basis[:, self.used].reshape(len(head.basis), -1))
        self.picture = torch.from_numpy(crop.pixels).permute(2, 0, 1)[None]
        self.zoom = torch.from_numpy(crop.zoom.astype(np.float32))
        self.size = torch.tensor(crop.pixels.shape[1::-1], dtype=torch.float32)

    def target(self, coefficients, camera):
        """The surface points that usable pixels show now, with albedo and light; None where they are too few."""
        head, crop = self.head, self.crop
        points = camera.view(head.vertices(coefficients))
        points[:, :2] = (points[:, :2] - crop.origin) * crop.zoom
        index, barycentric, _ = rasterise(points, head.triangles, crop.usable.shape)
        rows, columns = np.nonzero(crop.usable & self.on_face[index])
        if len(rows) < LEAST_PIXELS:
            return None
        triangles, weights = head.triangles[index[rows, columns]], barycentric[rows, columns]
        regions = np.einsum("apk,pk->pa", head.albedo_regions[:, triangles], weights).astype(np.float32)
        corners, weights = torch.from_numpy(np.searchsorted(self.used, triangles)), torch.from_numpy(weights)
        with torch.no_grad():
            still = torch.from_numpy(coefficients.astype(np.float32)), torch.zeros(POSE), camera
            observed, harmonics = self._observed_and_harmonics(corners, weights, *still)
        appearance = solve_appearance(observed.numpy(), harmonics.numpy(), regions)
        albedo = torch.from_numpy(regions @ appearance.albedo)
        error = (observed - albedo * (harmonics @ torch.from_numpy(appearance.light))).abs().amax(1)
        kept = error <= max(OUTLIER * error.median(), OUTLIER_FLOOR)
        return _Target(corners[kept], weights[kept], albedo[kept], appearance)

    def difference(self, target, coefficients, pose, camera):
        """Mean absolute colour difference between photo and model, differentiable.

        Args:
            target: _Target.
            coefficients: (K,) tensor.
            pose: (6,) tensor, a step from ``camera``: rotation vector (rad), log scale, translation (mm).
            camera: Camera.
        """
        observed, harmonics = self._observed_and_harmonics(target.corners, target.barycentric, coefficients, pose, camera)
        light = torch.from_numpy(target.appearance.light)
        return (observed - target.albedo * (harmonics @ light)).abs().mean()

    def _observed_and_harmonics(self, corners, barycentric, coefficients, pose, camera):
        """The photo's colours (P, 3) at surface points, and the spherical harmonics (P, 9) of their normals."""
        vertices = self.mean + (coefficients @ self.basis).view(-1, 3)
        rotation = _rotation(pose[:3]) @ torch.from_numpy(np.asarray(camera.rotation, np.float32))
        turned = vertices @ rotation.T
        at, normal = (
            (values[corners] * barycentric[..., None]).sum(1) for values in (turned, vertex_normals(turned, self.local))
        )
        origin = torch.from_numpy(np.asarray(camera.translation - self.crop.origin, np.float32))
        on_head = torch.exp(pose[3]) * at[:, :2] * torch.tensor([1.0, -1.0]) + pose[4:]
        grid = (camera.scale * on_head + origin) * self.zoom / self.size * 2.0 - 1.0
        observed = torch.nn.functional.grid_sample(self.picture, grid[None, None], align_corners=False, padding_mode="border")
        return observed[0, :, 0].T, spherical_harmonics(torch.nn.functional.normalize(normal, dim=-1))


def solve_appearance(
    colours: Float[np.ndarray, "P 3"], harmonics: Float[np.ndarray, "P 9"], regions: Float[np.ndarray, "P A"]
) -> Appearance:
    """Split colours into regional albedo and light by iteratively reweighted least squares.

    Args:
        colours: in [0, 1].
        harmonics: spherical harmonics of the normals.
        regions: soft albedo weights.

    Returns:
        Appearance; its albedo keeps the photo's overall brightness, its light is 1 on average.
    """
    typical = np.median(colours, axis=0)
    albedo = np.tile(typical, (regions.shape[1], 1))
    light = np.zeros((9, 3))
    light[0] = 1.0
    flat = light.copy()
    for _ in range(ALBEDO_ROUNDS):
        for channel in range(3):
            tone = regions @ albedo[:, channel]
            weight = _robust_weights(colours[:, channel] - tone * (harmonics @ light[:, channel]))
            light[:, channel] = _ridge(harmonics * tone[:, None], colours[:, channel], weight, flat[:, channel], LIGHT_RIDGE)
            shade = harmonics @ light[:, channel]
            weight = _robust_weights(colours[:, channel] - tone * shade)
            prior = np.full(regions.shape[1], typical[channel])
            albedo[:, channel] = _ridge(regions * shade[:, None], colours[:, channel], weight, prior, ALBEDO_RIDGE)
    return Appearance(np.clip(albedo, 0.0, 1.5).astype(np.float32), light.astype(np.float32))


def _robust_weights(residual):
    """Weights that turn least squares into least absolute differences."""
    return 1.0 / np.maximum(np.abs(residual), ROBUST_FLOOR)


def _ridge(design, target, weight, prior, strength):
    """Weighted least squares pulled towards ``prior`` with a strength relative to the data's."""
    normal = design.T @ (design * weight[:, None])
    pull = strength * np.trace(normal) / len(prior)
    return np.linalg.solve(normal + pull * np.eye(len(prior)), design.T @ (weight * target) + pull * prior)


def _rotation(turn):
    """The rotation matrix (3, 3) of a rotation vector (3,) rad, differentiable at zero."""
    zero = torch.zeros_like(turn[0])
    cross = torch.stack((zero, -turn[2], turn[1], turn[2], zero, -turn[0], -turn[1], turn[0], zero)).view(3, 3)
    return torch.linalg.matrix_exp(cross)


def refine(
    head: HeadModel, observation: Observation, start: LandmarkFit, settings: FitSettings, progress: Callable, watch: Callable
) -> tuple[Float[np.ndarray, "K"], Camera, Appearance | None, Float[np.ndarray, "iterations"]]:
    """Refine a landmark fit by colours: minimise δᵀHδ/2 + n · log mean |photo - model| by Adam.

    δ is the change from the landmark fit and H its Hessian, so landmarks and priors keep their say; the unknowns are
    whitened by H, so that one learning rate serves all. The second term is the likelihood of n independent pixels
    whose Laplacian noise is as large as the difference itself: hard-lit or bearded photos, which the model explains
    badly, pull less than clean ones.

    Args:
        progress: called with ("colours", fraction); may raise Cancelled.
        watch: called with the mean colour differences so far, a list, after each iteration.

    Returns:
        coefficients (K,), Camera, Appearance (None where too little skin is visible), and the (iterations,) history of
        the mean colour difference.
    """
    colours = _FaceColours(head, Crop.around(observation, settings.eye_distance))
    size = len(start.coefficients)
    whitening = torch.from_numpy(np.linalg.inv(np.linalg.cholesky(start.hessian)).T.astype(np.float32))
    base = torch.from_numpy(start.coefficients.astype(np.float32))
    unknown = torch.zeros(size + POSE, requires_grad=True)
    optimiser = Adam(unknown, settings.photometric_rate)
    coefficients, camera, history = start.coefficients, start.camera, []
    target = colours.target(coefficients, camera)
    iterations = settings.photometric_iterations if settings.photometric_weight and target is not None else 0
    for iteration in range(iterations):
        if iteration and iteration % REFRESH == 0:
            target = colours.target(coefficients, camera) or target
        change = whitening @ unknown
        pose = change[size:]
        difference = colours.difference(target, base + change[:size], pose, start.camera)
        colour_term = settings.photometric_weight * torch.log(difference + LEAST_NOISE)
        optimiser.step(0.5 * unknown.square().sum() + colour_term)
        history.append(float(difference.detach()))
        change = (whitening @ unknown.detach()).numpy().astype(np.float64)
        coefficients, camera = start.coefficients + change[:size], moved(start.camera, change[size:])
        watch(history)
        progress("colours", (iteration + 1) / iterations)
    target = colours.target(coefficients, camera) or target
    return coefficients, camera, None if target is None else target.appearance, np.array(history)
