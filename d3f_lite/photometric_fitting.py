"""The refinement of the fit by colours: Adam on the difference between the photo and the shaded head."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from d3f_lite.landmark_fitting import POSE, moved
from d3f_lite.landmarks import interocular_distance
from d3f_lite.render import interpolate, rasterise, spherical_harmonics, vertex_normals

REFRESH = 20  # iterations between two searches for the pixels that show the face, its albedo and light
MARGIN = 1.0  # of the eye distance, kept around the head in the crop
ALBEDO_ROUNDS = 4  # alternations of robust least squares
LEAST_PIXELS = 200  # fewer visible face pixels say nothing about colour
LIGHT_RIDGE, ALBEDO_RIDGE = 1e-2, 1e-2
ROBUST_FLOOR = 0.02  # colour difference below which L1 is treated as L2 by the robust least squares


@dataclass(frozen=True)
class Appearance:
    """What colours a head.

    Args:
        albedo: (A, 3) RGB in [0, 1] of the head's albedo regions.
        light: (9, 3) spherical-harmonics coefficients of the normal in the camera's frame.
    """

    albedo: np.ndarray
    light: np.ndarray


@dataclass(frozen=True)
class Crop:
    """The visible face at working size.

    Args:
        pixels: (h, w, 3) float32 in [0, 1], black under the occluder.
        usable: (h, w) bool: visible face, far enough from the occluder for bilinear sampling.
        origin: (2,) px of the photo where the crop starts.
        zoom: crop px per photo px.
    """

    pixels: np.ndarray
    usable: np.ndarray
    origin: np.ndarray
    zoom: float

    @classmethod
    def around(cls, observation, eye_distance):
        """Cut the face out and scale it to ``eye_distance`` px between the outer eye corners."""
        unit = interocular_distance(observation.landmarks.xy)
        rows, columns = np.nonzero(observation.masks.face)
        height, width = observation.photo.shape
        box = np.array((columns.min(), rows.min(), columns.max(), rows.max())) + MARGIN * unit * np.array((-1, -1, 1, 1))
        left, top, right, bottom = np.clip(np.rint(box), 0, (width, height, width, height)).astype(int)
        window = np.s_[top:bottom, left:right]
        zoom = eye_distance / unit
        size = tuple(np.maximum(np.rint(np.array((right - left, bottom - top)) * zoom), 8).astype(int).tolist())
        method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        # Black before any resampling, so that nothing under the occluder can reach a pixel that is used.
        shown = np.where(observation.masks.occluded[..., None], 0, observation.photo.pixels)[window]
        pixels = cv2.resize(shown.astype(np.float32) / 255.0, size, interpolation=method)
        visible = observation.masks.visible[window].astype(np.float32)
        usable = cv2.resize(visible, size, interpolation=method) > 0.999
        usable = cv2.erode(usable.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
        return cls(pixels, usable, np.array((left, top)), zoom)


@dataclass(frozen=True)
class _Samples:
    """The P surface points whose colours are compared: corners (P, 3), barycentric (P, 3) and albedo weights (P, A)."""

    corners: torch.Tensor
    barycentric: torch.Tensor
    regions: torch.Tensor


class _FaceColours:
    """The photo's colours against the model's, over the face part of the mesh."""

    def __init__(self, head, crop):
        face = head.face
        self.head, self.crop = head, crop
        self.triangles = head.triangles[face[head.triangles].all(1)]
        self.used = np.unique(self.triangles)
        lookup = np.zeros(len(face), np.int64)
        lookup[self.used] = np.arange(len(self.used))
        self.local = torch.from_numpy(lookup[self.triangles])
        self.mean = torch.from_numpy(head.mean[self.used])
        self.basis = torch.from_numpy(head.basis[:, self.used].reshape(len(head.basis), -1))
        self.picture = torch.from_numpy(crop.pixels).permute(2, 0, 1)[None]
        self.size = torch.tensor(crop.pixels.shape[1::-1], dtype=torch.float32)

    def samples(self, coefficients, camera):
        """Find the surface points that usable pixels show."""
        head = self.head
        points = camera.cropped(self.crop.origin, self.crop.zoom).view(head.vertices(coefficients))
        index, barycentric, _ = rasterise(points, head.triangles, self.crop.usable.shape)
        on_face = np.zeros(len(head.triangles) + 1, bool)
        on_face[:-1] = np.isin(head.triangles, self.used).all(1)
        rows, columns = np.nonzero(self.crop.usable & on_face[index])
        triangles = head.triangles[index[rows, columns]]
        weights = barycentric[rows, columns]
        regions = np.einsum("apk,pk->pa", head.albedo_regions[:, triangles], weights)
        corners = np.searchsorted(self.used, triangles)
        return _Samples(*(torch.from_numpy(array) for array in (corners, weights, regions.astype(np.float32))))

    def observed_and_normals(self, samples, coefficients, turn, log_scale, shift, camera):
        """The photo's colours (P, 3) at the samples, and the samples' unit normals (P, 3) in the camera's frame."""
        vertices = self.mean + (coefficients @ self.basis).view(-1, 3)
        rotation = _rotation(turn) @ torch.from_numpy(np.asarray(camera.rotation, np.float32))
        turned = vertices @ rotation.T
        normals = vertex_normals(turned, self.local)
        at = (turned[samples.corners] * samples.barycentric[..., None]).sum(1)
        normal = torch.nn.functional.normalize((normals[samples.corners] * samples.barycentric[..., None]).sum(1), dim=-1)
        origin = torch.from_numpy(np.asarray(camera.translation - self.crop.origin, np.float32))
        pixel = camera.scale * (torch.exp(log_scale) * at[:, :2] * torch.tensor([1.0, -1.0]) + shift) + origin
        grid = (pixel * self.crop.zoom / self.size * 2.0 - 1.0)[None, None]
        colours = torch.nn.functional.grid_sample(self.picture, grid, align_corners=False, padding_mode="border")
        return colours[0, :, 0].T, normal

    def appearance(self, samples, coefficients, camera):
        """Albedo and light by robust least squares, alternating: the Appearance."""
        zero = torch.zeros(3)
        arguments = (torch.from_numpy(coefficients.astype(np.float32)), zero, zero[0], zero[:2], camera)
        with torch.no_grad():
            colours, normals = self.observed_and_normals(samples, *arguments)
        return solve_appearance(colours.numpy(), spherical_harmonics(normals).numpy(), samples.regions.numpy())


def solve_appearance(colours, harmonics, regions):
    """Split colours into regional albedo and light by iteratively reweighted least squares.

    Args:
        colours: (P, 3) in [0, 1].
        harmonics: (P, 9) spherical harmonics of the normals.
        regions: (P, A) soft albedo weights.

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
    """The rotation matrix (3, 3) of a small rotation vector (3,) rad, to second order: exact enough within a step."""
    zero = torch.zeros_like(turn[0])
    cross = torch.stack((zero, -turn[2], turn[1], turn[2], zero, -turn[0], -turn[1], turn[0], zero)).view(3, 3)
    return torch.linalg.matrix_exp(cross)


def refine(head, observation, start, settings, progress):
    """Refine a landmark fit by colours: minimise δᵀHδ/2 + w · mean |photo - model| by Adam.

    δ is the change from the landmark fit and H its Hessian, so landmarks and priors keep their say. The unknowns are
    whitened by H, so that one learning rate serves all.

    Args:
        head: HeadModel.
        observation: Observation.
        start: LandmarkFit.
        settings: FitSettings.
        progress: called with ("colours", fraction); may raise Cancelled.

    Returns:
        coefficients (K,), Camera, Appearance, and the (iterations,) history of the colour difference.
    """
    colours = _FaceColours(head, Crop.around(observation, settings.eye_distance))
    size = len(start.coefficients)
    whitening = torch.from_numpy(np.linalg.inv(np.linalg.cholesky(start.hessian)).T.astype(np.float32))
    base = torch.from_numpy(start.coefficients.astype(np.float32))
    unknown = torch.zeros(size + POSE, requires_grad=True)
    optimiser = torch.optim.Adam([unknown], lr=settings.photometric_rate)
    weight = settings.photometric_weight
    history = []
    coefficients, camera = start.coefficients, start.camera
    samples = colours.samples(coefficients, camera)
    appearance = None
    iterations = settings.photometric_iterations if weight and len(samples.corners) >= LEAST_PIXELS else 0
    for iteration in range(iterations):
        if iteration % REFRESH == 0:
            samples = colours.samples(coefficients, camera)
            appearance = colours.appearance(samples, coefficients, camera)
            albedo = samples.regions @ torch.from_numpy(appearance.albedo)
            light = torch.from_numpy(appearance.light)
        change = whitening @ unknown
        pose = change[size:]
        observed, normals = colours.observed_and_normals(
            samples, base + change[:size], pose[:3], pose[3], pose[4:], start.camera
        )
        difference = (observed - albedo * (spherical_harmonics(normals) @ light)).abs().mean()
        optimiser.zero_grad()
        (0.5 * unknown.square().sum() + weight * difference).backward()
        optimiser.step()
        history.append(float(difference.detach()))
        with torch.no_grad():
            change = (whitening @ unknown).numpy().astype(np.float64)
        coefficients, camera = start.coefficients + change[:size], moved(start.camera, change[size:])
        progress("colours", (iteration + 1) / iterations)
    samples = colours.samples(coefficients, camera)
    if len(samples.corners) >= LEAST_PIXELS:
        appearance = colours.appearance(samples, coefficients, camera)
    return coefficients, camera, appearance, np.array(history)
