"""What the photo's colours say about a head and its pose: their normal equations, light and albedo integrated out."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cho_factor, cho_solve

from d3f_lite.fitting.camera import POSE, Camera
from d3f_lite.fitting.colour_derivatives import colour_slopes
from d3f_lite.fitting.colours import Crop, SurfacePoints, interpolated, solve_appearance, weighted_median
from d3f_lite.fitting.rendering import depth_buffer, front_areas, spherical_harmonics, unit, vertex_normals
from d3f_lite.heads.model import HeadModel


@dataclass(frozen=True)
class ColourModel:
    """Which colours are compared, how far they may be off the model's, and how far one step may go."""

    least_area: float = 250.0  # mm²: less says nothing about colour
    hidden_depth: float = 2.0  # mm behind another part at which a point starts to be hidden; at twice as much it is
    edge_reach: float = 1.5  # px of the crop, over which it fades at the edge of that part
    outlier: float = 4.0  # times the median difference, from which on a point fades: hair, shadows, an occluder's rim ...
    outlier_floor: float = 0.1  # ... and at least; at twice as much it is out
    noise_floor: float = 0.01  # difference that even a perfect model leaves
    robustness: float = 3.0  # standard deviations from which on a difference counts less
    light_sigma: float = 0.3  # how far the light may be off the best one,
    albedo_sigma: float = 0.15  # the albedo of an area,
    field_sigma: float = 0.03  # and each bump of a smooth field of colour
    field_reach: float = 12.0  # mm, of the bumps
    field_bumps: int = 90
    edge_error: float = 2.0  # mm, how far the edge of an area may lie from where the head has it
    longest_step: float = 1.0  # prior standard deviations, RMS over the coefficients


@dataclass(frozen=True, eq=False)
class ColourEquations:
    """The least-squares problem that one photo's colours pose."""

    head: HeadModel
    crop: Crop
    model: ColourModel = ColourModel()

    def points(self, vertices: Float[np.ndarray, "V 3"], camera: Camera) -> SurfacePoints | None:
        """What the photo shows in the middle of each triangle of a face, mm; None where too little of it can be used."""
        crop, head = self.crop, self.head
        corners = head.triangles[head.face[head.triangles].all(1)]
        share = self._seen_areas(vertices, corners, camera)
        if share.sum() < self.model.least_area:
            return None
        corners, share = corners[share > 0.0], share[share > 0.0]
        pixels = camera.project(vertices[corners].mean(1))
        places = crop.places(pixels)
        observed, slopes = interpolated(crop.pixels, places), interpolated(crop.slopes, places).reshape(-1, 3, 2)
        regions = head.albedo_regions[:, corners].mean(2).T
        normals = vertex_normals(vertices, head.triangles)[corners].mean(1)
        harmonics = spherical_harmonics(unit(normals) @ camera.rotation.T)
        appearance = solve_appearance(observed, harmonics, regions, share)
        points = SurfacePoints(pixels, corners, share, observed, slopes, regions, harmonics, appearance)
        error = np.abs(points.residual).max(1)
        limit = max(self.model.outlier * weighted_median(error, share), self.model.outlier_floor)
        return replace(points, share=share * np.clip(2.0 - error / limit, 0.0, 1.0))

    def _seen_areas(
        self, vertices: Float[np.ndarray, "V 3"], corners: Int[np.ndarray, "T 3"], camera: Camera
    ) -> Float[np.ndarray, "T"]:
        """How much of each triangle the photo shows, mm²: its area in the picture, where no part and no occluder hides it.

        It fades before the edge of what hides it, so that no small motion lets a point come or go.
        """
        crop, model = self.crop, self.model
        shown = camera.view(vertices)
        shown[:, :2] = crop.places(shown[:, :2])
        area = np.maximum(front_areas(shown, corners), 0.0) * (crop.step / camera.scale) ** 2
        places = crop.places(camera.project(vertices[corners].mean(1)))
        depth = np.maximum(depth_buffer(shown, self.head.triangles, crop.usable.shape), shown[:, 2].min())
        around = model.edge_reach * np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)])
        nearest = interpolated(depth, (places + around[:, None]).reshape(-1, 2)).reshape(len(around), -1)
        behind = nearest - shown[corners, 2].mean(1)
        seen = np.clip(2.0 - behind / model.hidden_depth, 0.0, 1.0).mean(0)
        return area * seen * interpolated(crop.usable, places)[:, 0]

    def normal_equations(
        self, points: SurfacePoints, vertices: Float[np.ndarray, "V 3"], camera: Camera, independent_pixels: float
    ) -> tuple[Float[np.ndarray, "D D"], Float[np.ndarray, "D"]]:
        """Hessian and downhill gradient over D = K + 7 coefficients and pose.

        The light, the areas' albedo and a smooth field of colour that no area explains (freckles, shadows, a beard) are free as
        well, within their priors, and integrated out: what they could explain says nothing about shape.

        Args:
            points: of the head and camera now.
            vertices: mm.
            camera: now.
            independent_pixels: how many the colours count for: their errors are alike over a neighbourhood.
        """
        model, tone, light = self.model, points.albedo, points.appearance.light.astype(float)
        field, edges = self._field(points), self._edges(points)
        sigmas = (model.light_sigma, model.albedo_sigma, model.field_sigma)
        precision = np.diag(np.repeat(sigmas, (9, points.regions.shape[1], field.shape[1])) ** -2.0)
        unknowns = len(self.head.basis) + POSE
        hessian, gradient = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
        for channel, slopes in enumerate(colour_slopes(self.head, vertices, camera, points)):
            error, own, shade = points.residual[:, channel], tone[:, channel, None], points.harmonics @ light[:, channel, None]
            # Each point's weight is one over its variance: noise, edges of areas, and Cauchy's robust share.
            noise = max(1.4826 * weighted_median(np.abs(error), points.share), model.noise_floor)
            edge = model.edge_error * (edges @ points.appearance.albedo[:, channel]) * shade[:, 0]
            variance = noise**2 + edge**2 + (error / model.robustness) ** 2
            root = np.sqrt(independent_pixels / 3.0 * points.share / points.share.sum() / variance)
            # Slopes of the residual with shape and pose, and with light, albedo and field, which enter times each other; and r.
            rows = np.column_stack((slopes, -points.harmonics * own, -points.regions * shade, -field * own * shade, error))
            rows = (root[:, None] * rows).astype(np.float32)
            products = rows.T @ rows
            # Schur complement: JᵀJ - Jᵀo (oᵀo + Λ)⁻¹ oᵀJ, and likewise -Jᵀr.
            other = np.s_[unknowns:-1]
            mixed = products[:, other].astype(float)
            products = products - mixed @ cho_solve(cho_factor(mixed[other] + precision), mixed.T)
            hessian += products[:unknowns, :unknowns]
            gradient -= products[:unknowns, -1]
        return hessian, gradient

    def _edges(self, points: SurfacePoints) -> Float[np.ndarray, "P A"]:
        """How fast each area's weight changes over the points' triangles, per mm: the largest of their three sides."""
        mean, areas = self.head.mean, self.head.albedo_regions.T
        slopes = []
        for corner in range(3):
            a, b = points.corners[:, corner], points.corners[:, corner - 1]
            slopes.append((areas[a] - areas[b]) / (np.linalg.norm(mean[a] - mean[b], axis=1, keepdims=True) + 1e-3))
        return np.choose(np.abs(slopes).argmax(0), slopes)

    def _field(self, points: SurfacePoints) -> Float[np.ndarray, "P M"]:
        """The bumps whose sum is the smooth field of colour; they lie on the mean head's face."""
        at = self.head.mean[points.corners].mean(1)
        square = np.square(at).sum(1)[:, None] + np.square(self._bumps).sum(1) - 2.0 * at @ self._bumps.T
        # Numbers too small for single precision's full accuracy would make all products with them slow.
        return np.exp(-np.minimum(0.5 * square / self.model.field_reach**2, 30.0))

    @cached_property
    def _bumps(self) -> Float[np.ndarray, "M 3"]:
        """The bumps' centres, mm, spread evenly over the face: each is the farthest from those before it."""
        face = self.head.mean[self.head.face]
        chosen, nearest = [0], np.full(len(face), np.inf)
        for _ in range(self.model.field_bumps - 1):
            nearest = np.minimum(nearest, np.linalg.norm(face - face[chosen[-1]], axis=1))
            chosen.append(int(nearest.argmax()))
        return face[chosen]
