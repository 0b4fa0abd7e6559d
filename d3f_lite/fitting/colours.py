"""What the photo's pixels show of a head, what the model says they show, and the formula that compares the two."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int, Shaped

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
    """The visible face at working size: the photo's own pixels, or means of k × k of them.

    So a landmark that moves by a fraction of a pixel moves nothing here; only k and the blur follow the size of the face.

    Args:
        pixels: RGB in [0, 1], black under the occluder.
        slopes: of the smoothed RGB, per px of the photo to the right and down.
        usable: 1 where the face is visible, fading to 0 before the occluder is near enough to touch colours or slopes.
        origin: px of the photo where the crop starts.
        step: k, photo px per crop px.
    """

    pixels: Float[np.ndarray, "h w 3"]
    slopes: Float[np.ndarray, "h w 3 2"]
    usable: Float[np.ndarray, "h w"]
    origin: Shaped[np.ndarray, "2"]
    step: int

    @classmethod
    def around(cls, observation: Observation, eye_distance: float, margin: float = 1.0, blur: float = 1.0) -> "Crop":
        """Cut the face out.

        Args:
            observation: of a face, some of which is visible.
            eye_distance: px between the outer eye corners, as fine as colours are compared.
            margin: kept around the face, in distances between the eye corners.
            blur: such px, before the slopes are taken.
        """
        unit = observation.landmarks.interocular_distance
        step = max(int(unit / eye_distance), 1)
        fine = unit / eye_distance / step
        rows, columns = np.nonzero(observation.masks.face)
        sides = np.array((columns.min(), rows.min(), columns.max(), rows.max())) + margin * unit * np.array((-1, -1, 1, 1))
        height, width = (length // step for length in observation.photo.shape)
        left, top, right, bottom = np.clip(np.rint(sides / step).astype(int), 0, (width - 2, height - 2, width, height))
        window, size = np.s_[top * step : bottom * step, left * step : right * step], (int(right - left), int(bottom - top))
        smaller = lambda picture: cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        # Black before any resampling, so that nothing under the occluder can reach a pixel that is used.
        shown = np.where(observation.masks.occluded[window][..., None], 0, observation.photo.pixels[window])
        pixels = smaller(shown) / 255.0
        smooth = cv2.GaussianBlur(pixels, (0, 0), blur * fine)
        slopes = np.stack([cv2.Sobel(smooth, cv2.CV_32F, *axis, ksize=3) / (8.0 * step) for axis in ((1, 0), (0, 1))], -1)
        pixels = cv2.GaussianBlur(pixels, (0, 0), max(0.5 * np.sqrt(max(fine**2 - 1.0, 0.0)), 0.1))
        visible = (smaller(observation.masks.occluded[window]) < 0.001).astype(np.uint8)
        visible[[0, -1]] = visible[:, [0, -1]] = 0
        away = cv2.distanceTransform(visible, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / fine
        usable = np.clip((away - 3.0) / 2.0, 0.0, 1.0) * cv2.blur(smaller(observation.masks.face[window]), (9, 9))
        return cls(pixels, slopes, usable, step * np.array((left, top)), step)

    def places(self, pixels: Float[np.ndarray, "*N 2"]) -> Float[np.ndarray, "*N 2"]:
        """Where ``pixels`` (…, 2) px of the photo lie in the crop, px."""
        return (pixels - self.origin) / self.step


def interpolated(picture: Float[np.ndarray, "h w ..."], places: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, "P C"]:
    """The C values of a picture at ``places`` px, bilinear between the centres of its pixels; 0 off the picture."""
    height, width = picture.shape[:2]
    picture = picture.reshape(height, width, -1)
    corner = np.floor(places - 0.5).astype(int)
    right, down = (places - 0.5 - corner).T[..., None]
    inside = ((corner >= 0) & (corner < (width - 1, height - 1))).all(1, keepdims=True)
    x, y = np.clip(corner, 0, (width - 2, height - 2)).T
    above = (1.0 - right) * picture[y, x] + right * picture[y, x + 1]
    below = (1.0 - right) * picture[y + 1, x] + right * picture[y + 1, x + 1]
    return ((1.0 - down) * above + down * below) * inside


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """The middles of P triangles of a head: the photo's colours there, and the model's.

    Args:
        pixels: px of the photo, where they lie.
        corners: vertex numbers of the triangles.
        share: mm², how much each counts.
        observed: RGB, the photo's.
        slopes: of the photo's RGB, per px to the right and down.
        regions: soft albedo weights.
        harmonics: of the triangles' normals in the camera's frame.
        appearance: the albedo and light that explain them best.
    """

    pixels: Float[np.ndarray, "P 2"]
    corners: Int[np.ndarray, "P 3"]
    share: Float[np.ndarray, "P"]
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

    @property
    def difference(self) -> float:
        """The mean difference between the photo's colours and the model's."""
        return float(np.average(np.abs(self.residual).mean(1), weights=self.share))


def colour_residual(unknowns, head: HeadModel, camera: Camera, points: SurfacePoints):
    """The photo's colours minus the model's, as a formula: turn the head, project it, shade it, compare.

    Dey and Boddeti 2022, section 3.1. ``torch.func`` differentiates it; ``colour_slopes`` has its derivatives by hand.

    Args:
        unknowns: (K + 7,) torch: coefficients, within their bounds, then a pose step (see ``Camera.moved``).
        head: with K directions.
        camera: that the pose step starts from.
        points: which triangles are compared, and with what colours.

    Returns:
        (P, 3) RGB, torch.
    """
    import torch
    from torch.nn.functional import normalize

    tensor = lambda array: torch.as_tensor(array, dtype=unknowns.dtype)
    coefficients, (x, y, z), growth, shift, nearer = unknowns.split((len(unknowns) - 7, 3, 1, 2, 1))
    # The head S, and its normals: a vertex has those of the triangles around it, weighted by their areas.
    vertices = tensor(head.mean) + torch.tensordot(coefficients, tensor(head.basis), 1)
    triangles, corners = torch.from_numpy(head.triangles).long(), torch.from_numpy(points.corners).long()
    a, b, c = vertices[triangles].unbind(1)
    areas = torch.linalg.cross(b - a, c - a).repeat_interleave(3, 0)
    normals = normalize(torch.zeros_like(vertices).index_add(0, triangles.flatten(), areas), dim=1)
    # Turn the middles of the triangles, R' = exp([ω]×) R.
    o = torch.zeros_like(x)
    rotation = torch.linalg.matrix_exp(torch.stack((o, -z, y, z, o, -x, -y, x, o)).view(3, 3)) @ tensor(camera.rotation)
    place, normal = vertices[corners].mean(1) @ rotation.T, normals[corners].mean(1) @ rotation.T
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
    share: Float[np.ndarray, "P"],
    rounds: int = 4,
    darkest: float = 0.01,
) -> Appearance:
    """Split colours into regional albedo and light by iteratively reweighted least squares.

    Args:
        colours: in [0, 1].
        harmonics: spherical harmonics of the normals.
        regions: soft albedo weights.
        share: how much each point counts.
        rounds: in which light and albedo are solved for in turn.
        darkest: albedo that is expected at least: in light of one colour others show nothing.

    Returns:
        Appearance; its albedo keeps the photo's overall brightness, its light is 1 on average.
    """
    albedo, light = np.zeros((regions.shape[1], 3)), np.zeros((9, 3))
    for channel, observed in enumerate(colours.T):
        prior = np.full(len(albedo), max(weighted_median(observed, share), darkest))
        tones, flat = prior, np.eye(9)[0]
        lit = flat
        for _ in range(rounds):
            lit = _robust(harmonics * (regions @ tones)[:, None], observed, share, lit, flat)
            tones = _robust(regions * (harmonics @ lit)[:, None], observed, share, tones, prior)
        albedo[:, channel], light[:, channel] = tones, lit
    return Appearance(np.clip(albedo, 0.0, 1.5).astype(np.float32), light.astype(np.float32))


def _robust(
    design: Float[np.ndarray, "P n"],
    target: Float[np.ndarray, "P"],
    share: Float[np.ndarray, "P"],
    now: Float[np.ndarray, "n"],
    prior: Float[np.ndarray, "n"],
    floor: float = 0.02,
    ridge: float = 1e-2,
) -> Float[np.ndarray, "n"]:
    """A step from ``now`` towards least absolute differences, from a difference of ``floor`` on.

    It is pulled towards ``prior`` with a strength ``ridge``, relative to the data's.
    """
    weight = share / np.maximum(np.abs(target - design @ now), floor)
    normal = design.T @ (design * weight[:, None])
    pull = ridge * np.trace(normal) / len(prior)
    return np.linalg.solve(normal + pull * np.eye(len(prior)), design.T @ (weight * target) + pull * prior)


def weighted_median(values: Float[np.ndarray, "P"], share: Float[np.ndarray, "P"]) -> float:
    """The value that half of all ``share`` lies below, interpolated: it changes no faster than the values."""
    order = np.argsort(values)
    below = np.cumsum(share[order]) - 0.5 * share[order]
    return float(np.interp(0.5 * share.sum(), below, values[order]))
