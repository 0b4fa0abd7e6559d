"""What the photo's pixels show of a head, what the model says they show, and the formula that compares the two."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from d3f_lite.fitting.camera import Camera
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.observation import Observation


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
        pixels: RGB in [0, 1], black under the occluder.
        slopes: of the smoothed RGB, per px to the right and down.
        usable: visible face, far enough from the occluder for its colour and slopes.
        origin: px of the photo where the crop starts.
        zoom: crop px per photo px, along x and y (all but equal).
    """

    pixels: Float[np.ndarray, "h w 3"]
    slopes: Float[np.ndarray, "h w 3 2"]
    usable: Bool[np.ndarray, "h w"]
    origin: Shaped[np.ndarray, "2"]
    zoom: Float[np.ndarray, "2"]

    @classmethod
    def around(cls, observation: Observation, eye_distance: float, margin: float = 1.0, blur: float = 1.0) -> "Crop":
        """Cut the face out.

        Args:
            observation: of a face, some of which is visible.
            eye_distance: px between the outer eye corners in the crop.
            margin: kept around the face, in eye distances.
            blur: px of the crop, before the slopes are taken.
        """
        unit = observation.landmarks.interocular_distance
        rows, columns = np.nonzero(observation.masks.face)
        height, width = observation.photo.shape
        box = np.array((columns.min(), rows.min(), columns.max(), rows.max())) + margin * unit * np.array((-1, -1, 1, 1))
        left, top, right, bottom = np.clip(np.rint(box), 0, (width, height, width, height)).astype(int)
        window = np.s_[top:bottom, left:right]
        zoom = eye_distance / unit
        size = tuple(np.maximum(np.rint(np.array((right - left, bottom - top)) * zoom), 8).astype(int).tolist())
        zoom = np.array(size) / (right - left, bottom - top)
        method = cv2.INTER_AREA if zoom.max() < 1 else cv2.INTER_LINEAR
        # Black before any resampling, so that nothing under the occluder can reach a pixel that is used.
        shown = np.where(observation.masks.occluded[..., None], 0, observation.photo.pixels)[window]
        pixels = cv2.resize(shown.astype(np.float32) / 255.0, size, interpolation=method)
        smooth = cv2.GaussianBlur(pixels, (0, 0), blur)
        slopes = np.stack([cv2.Sobel(smooth, cv2.CV_32F, *axis, ksize=3) / 8.0 for axis in ((1, 0), (0, 1))], -1)
        visible = cv2.resize(observation.masks.visible[window].astype(np.float32), size, interpolation=method) > 0.999
        usable = cv2.erode(visible.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2, borderValue=0).astype(bool)
        return cls(pixels, slopes, usable, np.array((left, top)), zoom)


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """The surface points that P pixels of the crop show, the photo's colours there, and the model's.

    Args:
        pixels: px of the photo, the pixels' centres.
        corners: vertex numbers of the triangle that each shows.
        weights: barycentric ones.
        observed: RGB, the photo's.
        slopes: of the photo's RGB, per px to the right and down.
        regions: soft albedo weights.
        harmonics: of the normals in the camera's frame.
        appearance: the albedo and light that explain them best.
    """

    pixels: Float[np.ndarray, "P 2"]
    corners: Int[np.ndarray, "P 3"]
    weights: Float[np.ndarray, "P 3"]
    observed: Float[np.ndarray, "P 3"]
    slopes: Float[np.ndarray, "P 3 2"]
    regions: Float[np.ndarray, "P A"]
    harmonics: Float[np.ndarray, "P 9"]
    appearance: Appearance

    @property
    def albedo(self) -> Float[np.ndarray, "P 3"]:
        """The model's RGB in even light."""
        return self.regions @ self.appearance.albedo

    @property
    def residual(self) -> Float[np.ndarray, "P 3"]:
        """The photo's RGB minus the model's."""
        return self.observed - self.albedo * (self.harmonics @ self.appearance.light)

    def chosen(self, kept: Bool[np.ndarray, "P"]) -> "SurfacePoints":
        """Those of the points that are ``kept``."""
        arrays = {name: values[kept] for name, values in vars(self).items() if isinstance(values, np.ndarray)}
        return replace(self, **arrays)


def colour_residual(unknowns, head: HeadModel, camera: Camera, points: SurfacePoints):
    """The photo's colours minus the model's, as a formula: turn the head, project it, shade it, compare.

    Dey and Boddeti 2022, section 3.1. ``torch.func`` differentiates it; ``colour_slopes`` has its derivatives by hand.

    Args:
        unknowns: (K + 7,) torch: coefficients, within their bounds, then a pose step (see ``Camera.moved``).
        head: with K directions.
        camera: that the pose step starts from.
        points: which points of the surface are compared, and with what colours.

    Returns:
        (P, 3) RGB, torch.
    """
    import torch
    from torch.nn.functional import normalize

    tensor = lambda array: torch.as_tensor(array, dtype=unknowns.dtype)
    coefficients, (x, y, z), growth, shift, nearer = unknowns.split((len(unknowns) - 7, 3, 1, 2, 1))
    # The head S, and its normals: a vertex has those of the triangles around it, weighted by their areas.
    vertices = tensor(head.mean) + torch.tensordot(coefficients, tensor(head.basis), 1)
    triangles = torch.from_numpy(head.triangles).long()
    a, b, c = vertices[triangles].unbind(1)
    areas = torch.linalg.cross(b - a, c - a).repeat_interleave(3, 0)
    normals = normalize(torch.zeros_like(vertices).index_add(0, triangles.flatten(), areas), dim=1)
    # Turn, R' = exp([ω]×) R; a pixel shows a point between the three corners of a triangle.
    o, corners = torch.zeros_like(x), torch.from_numpy(points.corners).long()
    rotation = torch.linalg.matrix_exp(torch.stack((o, -z, y, z, o, -x, -y, x, o)).view(3, 3)) @ tensor(camera.rotation)
    place = torch.einsum("pk,pki->pi", tensor(points.weights), vertices[corners]) @ rotation.T
    normal = torch.einsum("pk,pki->pi", tensor(points.weights), normals[corners]) @ rotation.T
    # Project by a pinhole camera.
    magnified = torch.exp(growth) / (1 - (camera.nearness + nearer / 1000) * place[:, 2:])
    flat = magnified * place[:, :2] * tensor((1, -1)) + shift
    flat = camera.scale * flat + tensor(camera.translation)
    # Shade: albedo times light, which is linear in nine harmonics of the unit normal.
    x, y, z = normalize(normal, dim=1).T
    harmonics = torch.stack((torch.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1), 1)
    model = tensor(points.albedo) * (harmonics @ tensor(points.appearance.light))
    # Compare: near a pixel the photo's colour changes by its slopes.
    photo = tensor(points.observed) + torch.einsum("pcd,pd->pc", tensor(points.slopes), flat - tensor(points.pixels))
    return photo - model


def solve_appearance(
    colours: Float[np.ndarray, "P 3"],
    harmonics: Float[np.ndarray, "P 9"],
    regions: Float[np.ndarray, "P A"],
    rounds: int = 4,
    ridge: float = 1e-2,
) -> Appearance:
    """Split colours into regional albedo and light by iteratively reweighted least squares.

    Args:
        colours: in [0, 1].
        harmonics: spherical harmonics of the normals.
        regions: soft albedo weights.
        rounds: in which light and albedo are solved for in turn.
        ridge: strength of both priors, relative to the data's.

    Returns:
        Appearance; its albedo keeps the photo's overall brightness, its light is 1 on average.
    """
    typical = np.median(colours, axis=0)
    albedo = np.tile(typical, (regions.shape[1], 1))
    light = np.zeros((9, 3))
    light[0] = 1.0
    flat = light.copy()
    for _ in range(rounds):
        for channel in range(3):
            tone = regions @ albedo[:, channel]
            weight = _robust_weights(colours[:, channel] - tone * (harmonics @ light[:, channel]))
            light[:, channel] = _ridge(harmonics * tone[:, None], colours[:, channel], weight, flat[:, channel], ridge)
            shade = harmonics @ light[:, channel]
            weight = _robust_weights(colours[:, channel] - tone * shade)
            prior = np.full(regions.shape[1], typical[channel])
            albedo[:, channel] = _ridge(regions * shade[:, None], colours[:, channel], weight, prior, ridge)
    return Appearance(np.clip(albedo, 0.0, 1.5).astype(np.float32), light.astype(np.float32))


def _robust_weights(residual: Float[np.ndarray, "P"], floor: float = 0.02) -> Float[np.ndarray, "P"]:
    """Weights that turn least squares into least absolute differences, from a difference of ``floor`` on."""
    return 1.0 / np.maximum(np.abs(residual), floor)


def _ridge(
    design: Float[np.ndarray, "P n"],
    target: Float[np.ndarray, "P"],
    weight: Float[np.ndarray, "P"],
    prior: Float[np.ndarray, "n"],
    strength: float,
) -> Float[np.ndarray, "n"]:
    """Weighted least squares pulled towards ``prior`` with a strength relative to the data's."""
    normal = design.T @ (design * weight[:, None])
    pull = strength * np.trace(normal) / len(prior)
    return np.linalg.solve(normal + pull * np.eye(len(prior)), design.T @ (weight * target) + pull * prior)
