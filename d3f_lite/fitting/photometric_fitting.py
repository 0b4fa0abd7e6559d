"""The refinement of the fit by colours: Gauss-Newton on the difference between the photo and the shaded head."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.landmark_fitting import POSE, LandmarkFit, LandmarkProblem, moved, newton_step, pose_jacobian
from d3f_lite.fitting.render import rasterise, spherical_harmonics, vertex_normals
from d3f_lite.observation.landmarks import interocular_distance
from d3f_lite.observation.observation import Observation

MARGIN = 1.0  # of the eye distance, kept around the head in the crop
SLOPE_BLUR = 1.0  # px of the crop, before its slopes are taken
MOST_PIXELS = 3000  # whose colours are compared
LEAST_PIXELS = 200  # fewer visible face pixels say nothing about colour
ALBEDO_ROUNDS = 4  # alternations of robust least squares
LIGHT_RIDGE, ALBEDO_RIDGE = 1e-2, 1e-2
OUTLIER, OUTLIER_FLOOR = 4.0, 0.1  # times the median colour difference, and at least: hair, glasses and cast shadows stay out
LEAST_NOISE = 0.01  # colour difference that even a perfect model leaves
ROBUSTNESS = 3.0  # standard deviations from which on a difference counts less
ROBUST_FLOOR = 0.02  # colour difference below which L1 is treated as L2 by the robust least squares
LIGHT_SIGMA, ALBEDO_SIGMA, FIELD_SIGMA = 0.3, 0.15, 0.03  # how far light, areas and smooth field may be off the best ones
EDGE_ERROR = 2.0  # mm, how far the edge of an area may lie from where the head has it
FIELD_REACH, FIELD_BUMPS = 12.0, 90  # mm, and how many, of the smooth field's bumps
LONGEST_STEP = 1.0  # prior standard deviations, RMS over the coefficients


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
class _Points:
    """The P surface points that usable pixels show, and what the model says about their colours.

    Args:
        triangles: (P, 3) vertex numbers.
        barycentric: (P, 3) weights.
        observed: (P, 3) RGB, the photo's.
        slope: (P, 3, 2) how the photo's RGB changes per px to the right and down.
        regions: (P, A) soft albedo weights.
        harmonics: (P, 9) of the normals.
        appearance: Appearance that explains them best.
    """

    triangles: np.ndarray
    barycentric: np.ndarray
    observed: np.ndarray
    slope: np.ndarray
    regions: np.ndarray
    harmonics: np.ndarray
    steepness: np.ndarray
    appearance: Appearance

    @property
    def albedo(self):
        """(P, 3) RGB."""
        return self.regions @ self.appearance.albedo

    @property
    def residual(self):
        """(P, 3) RGB, the photo's colours minus the model's."""
        return self.observed - self.albedo * (self.harmonics @ self.appearance.light)


class _FaceColours:
    """The photo's colours against the model's, over the face part of the mesh."""

    def __init__(self, head, crop):
        self.head, self.crop = head, crop
        # One more entry: the rasteriser's -1, no triangle, is not on the face.
        self.on_face = np.append(head.face[head.triangles].all(1), False)
        smooth = cv2.GaussianBlur(crop.pixels, (0, 0), SLOPE_BLUR)
        self.slopes = np.stack([cv2.Sobel(smooth, cv2.CV_32F, *axis, ksize=3) / 8.0 for axis in ((1, 0), (0, 1))], -1)
        self.usable = cv2.erode(crop.usable.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)

    def points(self, coefficients, camera):
        """The _Points that usable pixels show now; None where they are too few."""
        head, crop = self.head, self.crop
        vertices = head.vertices(coefficients)
        shown = camera.view(vertices)
        shown[:, :2] = (shown[:, :2] - crop.origin) * crop.zoom
        index, barycentric, _ = rasterise(shown, head.triangles, self.usable.shape)
        rows, columns = np.nonzero(self.usable & self.on_face[index])
        if len(rows) < LEAST_PIXELS:
            return None
        some = np.linspace(0, len(rows) - 1, min(len(rows), MOST_PIXELS)).astype(int)
        rows, columns = rows[some], columns[some]
        triangles, weights = head.triangles[index[rows, columns]], barycentric[rows, columns]
        regions = np.einsum("apk,pk->pa", head.albedo_regions[:, triangles], weights)
        normals = self._normals(vertices) @ camera.rotation.T
        turned = np.einsum("pk,pki->pi", weights, normals[triangles])
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        harmonics = spherical_harmonics(torch.from_numpy(turned)).numpy()
        observed = crop.pixels[rows, columns].astype(float)
        appearance = solve_appearance(observed, harmonics, regions)
        steepness = self._steepness[index[rows, columns]]
        slopes = self.slopes[rows, columns] * crop.zoom
        found = _Points(triangles, weights, observed, slopes, regions, harmonics, steepness, appearance)
        error = np.abs(found.residual).max(1)
        kept = error <= max(OUTLIER * np.median(error), OUTLIER_FLOOR)
        return replace(found, **{name: value[kept] for name, value in vars(found).items() if name != "appearance"})

    @cached_property
    def _steepness(self):
        """How fast each area's weight changes over each triangle, (T, A) per mm: the largest of its three sides."""
        triangles, mean, areas = self.head.triangles, self.head.mean, self.head.albedo_regions
        sides = [(triangles[:, k], triangles[:, k - 1]) for k in range(3)]
        slopes = [(areas[:, a] - areas[:, b]) / (np.linalg.norm(mean[a] - mean[b], axis=1) + 1e-3) for a, b in sides]
        return np.choose(np.abs(slopes).argmax(0), slopes).T

    def _normals(self, vertices):
        return vertex_normals(torch.from_numpy(vertices), torch.from_numpy(self.head.triangles).long()).numpy()

    def equations(self, points, coefficients, camera, independent_pixels):
        """Normal equations of the colours over coefficients and pose: hessian (K + 6, K + 6) and gradient (K + 6,).

        Light, the areas' albedo and a smooth field of colour that no area explains (freckles, shadows, a beard) are free as
        well, within their priors, and integrated out (Schur complement): what they could explain says nothing about shape.
        """
        tone, light, field = points.albedo, points.appearance.light.astype(float), self._field(points)
        unknowns = len(coefficients) + POSE
        hessian, gradient = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
        priors = np.repeat((LIGHT_SIGMA, ALBEDO_SIGMA, FIELD_SIGMA), (9, points.regions.shape[1], field.shape[1])) ** -2.0
        for channel, shape in enumerate(self._shape_derivatives(points, coefficients, camera)):
            error, own, shade = points.residual[:, channel], tone[:, channel, None], points.harmonics @ light[:, channel, None]
            noise = max(1.4826 * np.median(np.abs(error)), LEAST_NOISE)
            edge = EDGE_ERROR * (points.steepness @ points.appearance.albedo[:, channel]) * shade[:, 0]
            weight = independent_pixels / (3 * len(error)) / (noise**2 + edge**2 + (error / ROBUSTNESS) ** 2)
            root = np.sqrt(weight)[:, None].astype(np.float32)
            other = -np.concatenate((points.harmonics * own, points.regions * shade, field * own * shade), axis=1)
            shape, other, error = root * shape, root * other.astype(np.float32), root[:, 0] * error.astype(np.float32)
            explained = cho_factor((other.T @ other).astype(float) + np.diag(priors))
            mixed = (shape.T @ other).astype(float)
            hessian += shape.T @ shape - mixed @ cho_solve(explained, mixed.T)
            gradient -= shape.T @ error - mixed @ cho_solve(explained, (other.T @ error).astype(float))
        return hessian, gradient

    def _shape_derivatives(self, points, coefficients, camera):
        """How the residual changes with coefficients and pose: (P, K + 6) for each channel.

        Where a point moves in the photo its colour changes by the photo's slope, and where its normal turns, by the light's.
        """
        vertices, rotation = self.head.vertices(coefficients), camera.rotation
        used, local = np.unique(points.triangles, return_inverse=True)
        local = local.reshape(points.triangles.shape)
        mixed = lambda values: np.einsum("pk,pki->pi", points.barycentric, values[local])
        place, normal = mixed(vertices[used]), mixed(self._normals(vertices)[used] @ rotation.T)
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        normal = normal / length
        directions = self.head.basis[:, used].transpose(1, 2, 0).reshape(3 * len(used), -1)
        bent = self._normal_directions(vertices, used).reshape(directions.shape)
        slides, moves = camera.slopes(place), pose_jacobian(place, camera)
        shine = np.einsum("phn,hc->pcn", _harmonics_slope(points.harmonics), points.appearance.light) * points.albedo[..., None]
        for channel in range(3):
            pull, turn = camera.scale * points.slope[:, channel], shine[:, channel]
            across = (turn - normal * (turn * normal).sum(1, keepdims=True)) / length
            of_coefficients = self._gather(points, local, np.einsum("pk,pki->pi", pull, slides)) @ directions
            of_coefficients -= self._gather(points, local, across @ rotation) @ bent
            of_pose = np.einsum("pi,pid->pd", pull, moves)
            of_pose[:, :3] -= np.cross(normal, turn)
            yield np.concatenate((of_coefficients, of_pose.astype(np.float32)), axis=1)

    @staticmethod
    def _gather(points, local, vectors):
        """The sparse matrix that takes motions of the U used vertices (3 U, K) to those along (P, 3) ``vectors``, (P, K)."""
        values = points.barycentric[:, :, None] * vectors[:, None]
        columns = 3 * local[:, :, None] + np.arange(3)
        starts = 9 * np.arange(len(vectors) + 1)
        shape = len(vectors), 3 * (local.max() + 1)
        return csr_array((values.ravel().astype(np.float32), columns.ravel(), starts), shape=shape)

    def _normal_directions(self, vertices, used):
        """How the unit normals of the vertices ``used`` change with each coefficient, (U, 3, K)."""
        triangles = self.head.triangles[np.isin(self.head.triangles, used).any(1)]
        corners = self.head.basis[:, triangles]
        first, second = (vertices[triangles[:, k]] - vertices[triangles[:, 0]] for k in (1, 2))
        moved = [corners[:, :, k] - corners[:, :, 0] for k in (1, 2)]
        change = (np.cross(moved[0], second) + np.cross(first, moved[1])).transpose(1, 2, 0).reshape(len(triangles), -1)
        rows, face = triangles.ravel(), np.repeat(np.arange(len(triangles)), 3)
        around = csr_array((np.ones(len(rows), np.float32), (rows, face)), shape=(len(vertices), len(triangles)))[used]
        area = around @ np.cross(first, second)
        length = np.linalg.norm(area, axis=1)[:, None, None]
        unit = area / length[..., 0]
        change = (around @ change).reshape(len(used), 3, -1)
        return (change - unit[..., None] * np.einsum("ui,uik->uk", unit, change)[:, None]) / length

    def _field(self, points):
        """Values (P, M) of the bumps whose sum is the smooth field of colour; they lie on the mean head's face."""
        at = np.einsum("pk,pki->pi", points.barycentric, self.head.mean[points.triangles])
        square = np.square(at[:, None] - self._bumps[None]).sum(-1)
        return np.exp(-0.5 * square / FIELD_REACH**2)

    @cached_property
    def _bumps(self):
        """Centres (M, 3) mm, spread evenly over the face: each is the farthest from those before it."""
        face = self.head.mean[self.head.face]
        chosen, nearest = [0], np.full(len(face), np.inf)
        for _ in range(FIELD_BUMPS - 1):
            nearest = np.minimum(nearest, np.linalg.norm(face - face[chosen[-1]], axis=1))
            chosen.append(int(nearest.argmax()))
        return face[chosen]


def _harmonics_slope(harmonics):
    """How the nine spherical harmonics (P, 9) change with the normal, (P, 9, 3)."""
    _, x, y, z = harmonics.T[:4]
    slope = np.zeros((len(harmonics), 9, 3))
    slope[:, 1, 0] = slope[:, 2, 1] = slope[:, 3, 2] = 1.0
    slope[:, 4, 0], slope[:, 4, 1] = y, x
    slope[:, 5, 0], slope[:, 5, 2] = z, x
    slope[:, 6, 1], slope[:, 6, 2] = z, y
    slope[:, 7, 0], slope[:, 7, 1] = 2 * x, -2 * y
    slope[:, 8, 2] = 6 * z
    return slope


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


@dataclass(frozen=True, eq=False)
class PhotometricFit:
    """A head, camera and colours from landmarks and colours together.

    Args:
        coefficients: standard units.
        appearance: None where too little skin is visible.
        hessian: of the negative log posterior over coefficients and pose.
        history: mean colour difference before each step and after the last.
    """

    coefficients: Float[np.ndarray, "K"]
    camera: Camera
    appearance: Appearance | None
    hessian: Float[np.ndarray, "D D"]
    history: Float[np.ndarray, "steps"]


def refine(
    problem: LandmarkProblem, observation: Observation, start: LandmarkFit, progress: Callable, watch: Callable
) -> PhotometricFit:
    """Go on from a landmark fit with the colours as well: Gauss-Newton steps to the maximum of the joint posterior.

    Each step linearises what every visible pixel's surface point shows: the photo's colour slides as the point moves, the
    model's as its normal turns. The colours' errors are alike over a neighbourhood, so they count for
    ``photometric_weight`` independent pixels however many there are. The landmarks lie on edges that the colours see as well, so
    they count for less (``landmark_weight``) than they do alone. The Hessian knows both, as the posterior then does.

    Args:
        problem: the landmarks' part of the posterior, with the prior.
        progress: called with ("colours", fraction); may raise Cancelled.
        watch: called with the mean colour differences so far, a list, after each step.
    """
    settings = problem.settings
    problem = replace(problem, covariance=problem.covariance / settings.landmark_weight)
    colours = _FaceColours(problem.head, Crop.around(observation, settings.eye_distance))
    coefficients, camera, hessian, size = start.coefficients, start.camera, start.hessian, len(start.coefficients)
    points, history = colours.points(coefficients, camera), []
    steps = settings.photometric_iterations if settings.photometric_weight and points is not None else 0
    for step in range(steps):
        history.append(float(np.abs(points.residual).mean()))
        watch(history)
        hessian, gradient = problem.equations(coefficients, camera)
        for mine, theirs in zip(
            (hessian, gradient), colours.equations(points, coefficients, camera, settings.photometric_weight)
        ):
            mine += theirs
        change = newton_step(hessian, gradient, coefficients, problem.head.bounds)
        change *= min(1.0, LONGEST_STEP / np.sqrt(np.mean(np.square(change[:size])) + 1e-9))
        coefficients, camera = coefficients + change[:size], moved(camera, change[size:])
        points = colours.points(coefficients, camera) or points
        progress("colours", (step + 1) / steps)
    history += [] if points is None else [float(np.abs(points.residual).mean())]
    return PhotometricFit(coefficients, camera, points and points.appearance, hessian, np.array(history))
