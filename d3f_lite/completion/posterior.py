"""From a fit to the heads it leaves possible: the posterior in closed form, step by step (section 3.2; notebook 04).

``posterior_of`` is the recipe. Its steps take a Gaussian over heads and give one; each keeps the most likely head unless it says
otherwise.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
import scipy
from jaxtyping import Bool, Float

from d3f_lite.fitting.result import Fit
from d3f_lite.heads.gaussian import GaussianHeads, HeadDistribution, inverse_root
from d3f_lite.heads.model import HeadModel
from d3f_lite.settings import DiversitySettings


@runtime_checkable
class Decoder(Protocol):
    """What turns latents into heads: z ~ N(0, I) are heads given the photo, z = 0 the most likely one.

    ``latent_size`` K; ``heads_of``, from latents (N, K) to heads (N, V, 3) mm; ``decode``, the same in torch and differentiable,
    on its ``device``; and ``linearised``, the Gaussian over heads that it is, or nearly is.
    """

    @property
    def latent_size(self) -> int: ...
    @property
    def device(self) -> str: ...
    def heads_of(self, latents: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N V 3"]: ...
    def decode(self, latents): ...
    def linearised(self) -> GaussianHeads: ...


@lru_cache(maxsize=1)  # the search, the page and the report ask for the same one
def decoder_for(fit: Fit, head: HeadModel, settings: DiversitySettings = DiversitySettings(), device: str = "cpu") -> Decoder:
    """The Gaussian posterior given a fit, or the mesh VAE's, as ``settings`` says; it decodes on torch's ``device``."""
    if settings.decoder == "mesh_vae":
        from d3f_lite.completion.mesh_vae import load_mesh_vae

        return load_mesh_vae(head).to(device).posterior(fit.vertices, fit.visible)
    return replace(posterior_of(fit, head, settings), device=device)


def posterior_of(fit: Fit, head: HeadModel, settings: DiversitySettings = DiversitySettings()) -> GaussianHeads:
    """The Gaussian over the heads that agree with a fit (section 3.2, in closed form)."""
    # What is known: the whole photo, through the fit's Hessian, or the fitted visible vertices, taken for true.
    if settings.given == "vertices":
        posterior = head.condition(fit.vertices, fit.visible, settings.noise)
    else:
        posterior = condition_on_photo(head, fit.coefficients, fit.hessian)
    # Who it is may differ, the expression may not.
    if settings.expression != "free":
        posterior = hold_coefficients(posterior, head.expressive)
    # Heads that differ only in size and place are the same head: the camera accounts for both.
    if settings.given != "vertices":
        posterior = fix_gauge(posterior, fit.visible)
    # The heads agree where the photo shows them, as the paper's losses on visible vertices ask; nothing after this loosens it.
    if settings.given == "photo_held":
        posterior = hold_visible(posterior, fit.visible, looser_at_border(fit, settings.noise))
    # The same people at rest.
    if settings.expression == "neutral":
        posterior = fix_to_zero(posterior, head.expressive)
    return posterior


def condition_on_photo(
    head: HeadDistribution, coefficients: Float[np.ndarray, "F"], hessian: Float[np.ndarray, "F F"]
) -> GaussianHeads:
    """The posterior N(ĉ, H⁻¹) of a fit to a photo (Laplace's approximation); its most likely head is the fit.

    Args:
        head: the prior.
        coefficients: ĉ, the first F of the head's K; the others were not fitted and keep their prior N(0, 1).
        hessian: H, the second derivatives at ĉ of minus the log posterior (data and prior ½‖c‖²).
    """
    fitted = len(coefficients)
    whole, precision = np.zeros(len(head.basis)), np.eye(len(head.basis))
    whole[:fitted] = coefficients
    precision[:fitted, :fitted] = hessian
    return head.around(whole, inverse_root(precision))


def hold_coefficients(posterior: GaussianHeads, held: Bool[np.ndarray, "K"]) -> GaussianHeads:
    """Condition on the coefficients ``held`` having their most likely values: (K,) bool. Each other one gets a latent.

    The posterior's factor must be square, as conditioning a head model leaves it.
    """
    inverse = np.linalg.inv(posterior.factor.astype(np.float64))
    precision = (inverse.T @ inverse)[np.ix_(~held, ~held)]
    factor = np.zeros((len(held), np.count_nonzero(~held)), np.float32)
    factor[~held] = inverse_root(precision)
    return replace(posterior, factor=factor)


def fix_gauge(posterior: GaussianHeads, where: Bool[np.ndarray, "V"]) -> GaussianHeads:
    """Take out of each head the rotation, shift and growth of its vertices ``where``, to first order.

    A photo cannot tell a small head nearby from a large one far away, and where the head stands is the camera's affair.
    """
    if not where.any():
        return posterior
    points = (posterior.mean - posterior.mean[where].mean(0)).astype(np.float64)
    rotations = [np.cross(axis, points) for axis in np.eye(3)]
    shifts = [np.broadcast_to(axis, points.shape) for axis in np.eye(3)]
    motions = np.stack([*rotations, *shifts, points])
    # How much of each motion a direction contains, by least squares over ``where``; it is subtracted everywhere.
    moved = posterior.basis[:, where].reshape(len(posterior.basis), -1)
    amounts = np.linalg.lstsq(motions[:, where].reshape(len(motions), -1).T, moved.T, rcond=None)[0]
    basis = posterior.basis - np.einsum("mk,mvi->kvi", amounts.astype(np.float32), motions.astype(np.float32))
    return replace(posterior, basis=basis)


def hold_visible(
    posterior: GaussianHeads,
    visible: Bool[np.ndarray, "V"],
    visible_mm: float | Float[np.ndarray, "V"] = 0.5,
    elsewhere_mm: float = 1.0,
) -> GaussianHeads:
    """Hold the visible vertices at the most likely head and keep the spread of the others.

    A fit's error is smooth over the face, so conditioning on its vertices would take them for exact and leave the
    hidden part too sure of itself. Here each sample becomes the model's most likely head that agrees with the fit where
    visible (σ ``visible_mm`` per coordinate, one number or (V,)) and with that sample elsewhere (σ ``elsewhere_mm``):
    δ′ = (I + Gᵥ + Gₕ)⁻¹ Gₕ δ, where G = Σ bᵥ bᵥᵀ / σ² runs over the visible or the hidden vertices. A smaller
    ``visible_mm`` holds tighter but lets less spread through next to the border.
    """
    tight = np.broadcast_to(visible_mm, visible.shape)[visible, None]
    held, free = _gram(posterior.basis[:, visible], tight), _gram(posterior.basis[:, ~visible], elsewhere_mm)
    blend = np.linalg.solve(np.eye(len(held)) + held + free, free)
    return replace(posterior, factor=(blend @ posterior.factor).astype(np.float32))


def looser_at_border(fit: Fit, noise_mm: float, border_mm: float = 4.0, reach_mm: float = 12.0) -> Float[np.ndarray, "V"]:
    """How tightly each visible vertex is held, (V,) mm: σ is ``noise_mm`` far from the occluder and ``border_mm`` at its border.

    Skin is smooth: were the border held as tightly as the rest, the heads could not differ just behind it either.
    ``reach_mm`` says how far the border reaches into the visible part.
    """
    if not fit.occluded.any():
        return np.full(len(fit.vertices), noise_mm)
    away, _ = scipy.spatial.cKDTree(fit.vertices[fit.occluded]).query(fit.vertices)
    return noise_mm + np.where(fit.visible, max(border_mm - noise_mm, 0.0) * np.exp(-((away / reach_mm) ** 2)), 0.0)


def fix_to_zero(posterior: GaussianHeads, fixed: Bool[np.ndarray, "K"]) -> GaussianHeads:
    """The same heads with some coefficients set to zero, such as those of expression: heads at rest. The mean moves, too."""
    moved = np.tensordot(posterior.coefficients * fixed, posterior.basis, 1)
    return replace(
        posterior,
        mean=posterior.mean - moved,
        coefficients=np.where(fixed, 0.0, posterior.coefficients).astype(np.float32),
        factor=np.where(fixed[:, None], 0.0, posterior.factor).astype(np.float32),
    )


def _gram(basis, sigma):
    """Σ bᵥ bᵥᵀ / σᵥ² (K, K) float64 over the vertices of ``basis`` (K, n, 3); σ is a number or (n, 1)."""
    scaled = (basis / np.asarray(sigma, np.float64)).reshape(len(basis), -1)
    return scaled @ scaled.T
