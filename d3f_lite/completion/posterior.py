"""The Gaussian posterior of a linear head model in closed form, given visible vertices or given a photo's fit.

The model is ``vertices = mean + coefficients · basis`` with coefficients ~ N(0, I). Conditioning it on what is seen is
Gaussian-process regression on the mesh (Lüthi et al. 2018, posterior shape models), done in the K coefficients.

Where a head model has bounds (an expression that runs one way), this Gaussian is that of the coefficients before they are
bent: a head is decoded from what lies within the bounds, so that a coefficient whose most likely value is its bound stands
there in half of the heads. Conditioning takes such a coefficient for one that acts on both sides; the fit's own, which it
starts from, lie within.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from scipy.linalg import cho_factor, cho_solve, eigh, solve_triangular
from scipy.spatial import cKDTree
from scipy.special import gammaincc, gammaincinv

from d3f_lite.common.device import CPU


@dataclass(frozen=True, eq=False)
class GaussianPosterior:
    """Heads given an observation: coefficients ~ N(ĉ, R Rᵀ); a decoder whose latents z ~ N(0, I) are its samples.

    Args:
        mean: mm, the most likely head.
        basis: mm per unit coefficient, that of the head model.
        coefficients: ĉ, the most likely coefficients.
        factor: R, a square root of the covariance; L⁻ᵀ where the precision is Λ = L Lᵀ.
        device: torch's, where it decodes.
        bounds: of the coefficients, as a HeadModel has them; ĉ lies within.
    """

    mean: Float[np.ndarray, "V 3"]
    basis: Float[np.ndarray, "K V 3"]
    coefficients: Float[np.ndarray, "K"]
    factor: Float[np.ndarray, "K Z"]
    device: torch.device = CPU
    bounds: Float[np.ndarray, "K 2"] | None = None

    @property
    def latent_size(self) -> int:
        """Z, the size of a latent."""
        return self.factor.shape[1]

    def decode(self, latents: Float[torch.Tensor, "N Z"]) -> Float[torch.Tensor, "N V 3"]:
        """Heads of ``latents`` (N, Z): (N, V, 3) mm, differentiable within the bounds; zero gives the most likely head."""
        mean, basis, factor = (torch.from_numpy(a).to(latents) for a in (self.mean, self.basis, self.factor))
        offsets = latents @ factor.T
        if self.bounds is not None:
            offsets = offsets.clamp(*torch.from_numpy(self.bounds.T - self.coefficients).to(latents))
        return mean + (offsets @ basis.flatten(1)).unflatten(1, mean.shape)

    def sample(self, number: int, seed: int) -> Float[np.ndarray, "N V 3"]:
        """Draw ``number`` N independent heads: (N, V, 3) float32 mm."""
        latents = np.random.default_rng(seed).standard_normal((number, self.latent_size), np.float32)
        return self.decode(torch.from_numpy(latents)).numpy()

    def spread(self) -> Float[np.ndarray, "V"]:
        """Exact standard deviation of each vertex, (V,) mm: the root of its mean-square displacement; bounds left out."""
        displacements = self.factor.T @ self.basis.reshape(len(self.basis), -1)
        return np.sqrt(np.square(displacements).sum(0).reshape(-1, 3).sum(1))

    def displacement_gram(self, where: Bool[np.ndarray, "V"]) -> Float[np.ndarray, "Z Z"]:
        """G (Z, Z) mm²: zᵀ G z is the mean-square displacement that latent z gives the vertices ``where``; bounds left out."""
        moved = self.basis[:, where].reshape(len(self.basis), -1)
        return self.factor.T @ (moved @ moved.T / max(np.count_nonzero(where), 1)) @ self.factor


def condition_on_vertices(
    mean: Float[np.ndarray, "V 3"],
    basis: Float[np.ndarray, "K V 3"],
    vertices: Float[np.ndarray, "V 3"],
    visible: Bool[np.ndarray, "V"],
    noise_mm: float | Float[np.ndarray, "V"],
    bounds: Float[np.ndarray, "K 2"] | None = None,
) -> GaussianPosterior:
    """The exact posterior given noisy visible vertices.

    Its precision is Λ = I + Σ bᵥ bᵥᵀ / σᵥ², its most likely coefficients ĉ = Λ⁻¹ Σ bᵥ (xᵥ − meanᵥ) / σᵥ².

    Args:
        mean: mm, the model's mean head.
        basis: mm per unit coefficient.
        vertices: mm; only the visible ones are read.
        noise_mm: σ, independent noise of each coordinate: one number or (V,) mm.
        bounds: the model's, of the coefficients.
    """
    noise = np.broadcast_to(np.asarray(noise_mm, np.float64), visible.shape)[visible, None]
    residual = ((vertices[visible] - mean[visible]) / noise**2).ravel()
    precision = np.eye(len(basis)) + _gram(basis[:, visible], noise)
    pull = basis[:, visible].reshape(len(basis), -1) @ residual
    coefficients = cho_solve(cho_factor(precision, lower=True), pull)
    return _posterior(mean, basis, coefficients, precision, bounds)


def condition_on_photo(
    mean: Float[np.ndarray, "V 3"],
    basis: Float[np.ndarray, "K V 3"],
    coefficients: Float[np.ndarray, "F"],
    hessian: Float[np.ndarray, "F F"],
    fitted: Sequence[int] | Shaped[np.ndarray, "..."] | None = None,
    bounds: Float[np.ndarray, "K 2"] | None = None,
) -> GaussianPosterior:
    """The posterior N(ĉ, H⁻¹) of a fit to a photo; coefficients that were not fitted keep their prior N(0, 1).

    Args:
        mean: mm, the model's mean head.
        basis: mm per unit coefficient.
        coefficients: ĉ, the fitted coefficients.
        hessian: H, the second derivatives at ĉ of minus the log posterior (data and prior ½‖c‖²).
        fitted: which of the K coefficients they are; the first F by default.
        bounds: the model's, of the coefficients.
    """
    fitted = np.arange(len(coefficients)) if fitted is None else np.asarray(fitted)
    precision, whole = np.eye(len(basis)), np.zeros(len(basis))
    precision[np.ix_(fitted, fitted)] = hessian
    whole[fitted] = coefficients
    return _posterior(mean, basis, whole, precision, bounds)


def hold_coefficients(posterior: GaussianPosterior, held: Bool[np.ndarray, "K"]) -> GaussianPosterior:
    """Condition on some coefficients having their most likely values.

    Args:
        posterior: with a square factor, as conditioning gives it.
        held: the coefficients.

    Returns:
        GaussianPosterior with the same most likely head, and a latent for each other coefficient.
    """
    inverse = np.linalg.inv(posterior.factor.astype(np.float64))
    precision = (inverse.T @ inverse)[np.ix_(~held, ~held)]
    factor = np.zeros((len(held), np.count_nonzero(~held)), np.float32)
    factor[~held] = solve_triangular(np.linalg.cholesky(precision), np.eye(len(precision)), lower=True).T
    return replace(posterior, factor=factor)


def without(posterior: GaussianPosterior, gone: Bool[np.ndarray, "K"]) -> GaussianPosterior:
    """The same heads with some coefficients set to zero, such as those of expression: heads at rest."""
    moved = np.tensordot(posterior.coefficients * gone, posterior.basis, 1)
    return replace(
        posterior,
        mean=posterior.mean - moved,
        coefficients=np.where(gone, 0.0, posterior.coefficients).astype(np.float32),
        factor=np.where(gone[:, None], 0.0, posterior.factor).astype(np.float32),
    )


def hold_visible(
    posterior: GaussianPosterior,
    visible: Bool[np.ndarray, "V"],
    visible_mm: float | Float[np.ndarray, "V"] = 0.5,
    elsewhere_mm: float = 1.0,
) -> GaussianPosterior:
    """Hold the visible vertices at the fit and keep the spread of the others.

    A fit's error is smooth over the face, so conditioning on its vertices would take them for exact and leave the
    hidden part too sure of itself. Here each sample becomes the model's most likely head that agrees with the fit where
    visible and with that sample elsewhere: δ′ = (I + Gᵥ + Gₕ)⁻¹ Gₕ δ, where G = Σ bᵥ bᵥᵀ / σ² runs over the visible or
    the hidden vertices.

    Args:
        posterior: best one given the photo.
        visible_mm: σ of the agreement with the fit, per coordinate: one number or (V,), see ``looser_at_border``.
        elsewhere_mm: σ of the agreement with the sample, per coordinate.

    Returns:
        GaussianPosterior with the same most likely head. Smaller ``visible_mm`` holds tighter but lets less spread
        through next to the border.
    """
    tight = np.broadcast_to(visible_mm, visible.shape)[visible, None]
    held, free = _gram(posterior.basis[:, visible], tight), _gram(posterior.basis[:, ~visible], elsewhere_mm)
    blend = np.linalg.solve(np.eye(len(held)) + held + free, free)
    return replace(posterior, factor=(blend @ posterior.factor).astype(np.float32))


def hold_points(
    posterior: GaussianPosterior,
    points: Int[np.ndarray, "P"],
    places: Float[np.ndarray, "P 3"],
    noise_mm: float = 1.0,
    mass: float = 0.9999,
) -> tuple[GaussianPosterior, float]:
    """Condition on where some vertices are, and let each head answer in its own manner.

    With A (3P, Z) how the latents move the points, d (3P,) how far ``places`` are from the most likely ones, and
    S = AAᵀ + σ²I, the latents become N(AᵀS⁻¹d, I − AᵀS⁻¹A). Of that covariance I − AᵀMA with M = (S + σ√S)⁻¹ is the
    symmetric root (Andrews 1968), so z goes to AᵀS⁻¹d + (I − AᵀMA) z: draws become draws of the conditioned posterior,
    and a head changes only along what the points have to do with it.

    Args:
        points: vertices.
        places: mm.
        noise_mm: σ, how exactly a place is meant, per coordinate.
        mass: places farther out than those of this share of all heads are drawn nearer, to where that share ends.

    Returns:
        GaussianPosterior, and the share of all heads that have these points farther out than they are held.
    """
    moved = (posterior.factor.T @ posterior.basis[:, points].reshape(len(posterior.basis), -1)).T.astype(np.float64)
    gap = (places - posterior.mean[points]).ravel().astype(np.float64)
    values, axes = eigh(moved @ moved.T + noise_mm**2 * np.eye(len(gap)))
    distance = np.sqrt(np.sum((axes.T @ gap) ** 2 / values))
    radius = np.sqrt(2.0 * gammaincinv(len(gap) / 2.0, mass))
    pull = moved.T @ (axes / values) @ axes.T @ gap * (radius / max(distance, radius))
    shrink = (axes / (values + noise_mm * np.sqrt(values))) @ axes.T
    factor = posterior.factor - posterior.factor @ moved.T @ shrink @ moved
    coefficients = posterior.coefficients + posterior.factor @ pull
    if posterior.bounds is not None:
        coefficients = np.clip(coefficients, *posterior.bounds.T)
    mean = posterior.mean + np.tensordot(coefficients - posterior.coefficients, posterior.basis, 1)
    head, coefficients, factor = (array.astype(np.float32) for array in (mean, coefficients, factor))
    farther = float(gammaincc(len(gap) / 2.0, min(distance, radius) ** 2 / 2.0))
    return replace(posterior, mean=head, coefficients=coefficients, factor=factor), farther


def looser_at_border(
    vertices: Float[np.ndarray, "V 3"],
    visible: Bool[np.ndarray, "V"],
    occluded: Bool[np.ndarray, "V"],
    noise_mm: float,
    border_mm: float = 4.0,
    reach_mm: float = 12.0,
) -> Float[np.ndarray, "V"]:
    """How tightly each visible vertex is held: by ``noise_mm``, and less tightly next to the occluder.

    Skin is smooth: were the border held as tightly as the rest, the heads could not differ just behind it either.

    Args:
        vertices: mm.
        noise_mm: σ far from the occluder, mm.
        border_mm: σ at its border, mm.
        reach_mm: how far the border reaches into the visible part.

    Returns:
        mm.
    """
    if not occluded.any():
        return np.full(len(vertices), noise_mm)
    away, _ = cKDTree(vertices[occluded]).query(vertices)
    return noise_mm + np.where(visible, max(border_mm - noise_mm, 0.0) * np.exp(-((away / reach_mm) ** 2)), 0.0)


def register(posterior: GaussianPosterior, where: Bool[np.ndarray, "V"]) -> GaussianPosterior:
    """Take out of each sample the turn, shift and growth of its vertices ``where``, to first order.

    A photo cannot tell a small head nearby from a large one far away, and where the head stands is the camera's
    affair; heads that differ in nothing else count as the same.

    Args:
        where: the vertices that are registered to the most likely head's (the visible ones).

    Returns:
        GaussianPosterior with the same most likely head.
    """
    points = (posterior.mean - posterior.mean[where].mean(0)).astype(np.float64)
    turns = [np.cross(axis, points) for axis in np.eye(3)]
    shifts = [np.broadcast_to(axis, points.shape) for axis in np.eye(3)]
    motions = np.stack([*turns, *shifts, points])
    moved = posterior.basis[:, where].reshape(len(posterior.basis), -1)
    amounts = np.linalg.lstsq(motions[:, where].reshape(len(motions), -1).T, moved.T, rcond=None)[0]
    basis = posterior.basis - np.einsum("mk,mvi->kvi", amounts.astype(np.float32), motions.astype(np.float32))
    return replace(posterior, basis=basis)


def _gram(basis, sigma):
    """Σ bᵥ bᵥᵀ / σᵥ² (K, K) float64 over the vertices of ``basis`` (K, n, 3); σ is a number or (n, 1)."""
    scaled = (basis / np.asarray(sigma, np.float64)).reshape(len(basis), -1)
    return scaled @ scaled.T


def _posterior(mean, basis, coefficients, precision, bounds):
    """The posterior N(ĉ, Λ⁻¹) from ĉ (K,), which is moved into the bounds, and Λ (K, K), both float64."""
    coefficients = coefficients if bounds is None else np.clip(coefficients, *bounds.T)
    cholesky = np.linalg.cholesky(precision)
    factor = solve_triangular(cholesky, np.eye(len(cholesky)), lower=True).T
    head = mean + (coefficients @ basis.reshape(len(basis), -1)).reshape(mean.shape)
    return GaussianPosterior(*(np.ascontiguousarray(a, np.float32) for a in (head, basis, coefficients, factor)), bounds=bounds)
