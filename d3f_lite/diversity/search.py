"""Diverse heads by a determinantal point process, DPP (Dey and Boddeti 2022, section 3.3).

A DPP with kernel L prefers sets of heads that are good (quality q) and unlike each other (similarity S) where the
photo leaves them free. Its expected cardinality counts, softly, how many different heads a set holds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.special import gammaincinv

from d3f_lite.common.adam import Adam
from d3f_lite.completion.posterior import Decoder
from d3f_lite.diversity.kernel import dpp_loss, expected_cardinality, kernel, quality, similarity
from d3f_lite.diversity.samples import HeadSamples, PartialHead
from d3f_lite.errors import MaskError
from d3f_lite.heads.laplacian import laplacian_tensor
from d3f_lite.settings import DiversitySettings


def diversify(
    decoder: Decoder,
    partial: PartialHead,
    settings: DiversitySettings = DiversitySettings(),
    *,
    number: int = 16,
    seed: int = 0,
    callback: Callable | None = None,
) -> HeadSamples:
    """Spread ``number`` N heads over what a photo leaves free, in the form that ``settings`` names.

    ``callback``: see ``diversify_published``, the only form whose steps have heads to show.

    Raises:
        MaskError: no vertex is free, and the form is not "iid".
    """
    if settings.form == "iid" or (settings.form == "published" and number == 1):  # one head has none to differ from
        return sample_iid(decoder, number, seed)
    if settings.form == "published":
        return diversify_published(decoder, partial, settings, number=number, seed=seed, callback=callback)
    return diversify_calibrated(decoder, partial.free, settings, number=number, seed=seed)


def sample_iid(decoder: Decoder, number: int = 16, seed: int = 0) -> HeadSamples:
    """Draw ``number`` N independent heads from a Decoder: HeadSamples without a history."""
    return _decoded(decoder, _draw_latents(decoder, number, seed), np.zeros((0, 0), np.float32), "iid", seed)


def diversify_published(
    decoder: Decoder,
    partial: PartialHead,
    settings: DiversitySettings = DiversitySettings(),
    *,
    number: int = 16,
    seed: int = 0,
    callback: Callable | None = None,
) -> HeadSamples:
    """Move N latents by Adam to minimise w_s L1(visible) + w_l Laplacian(visible) + w_dpp L_dpp (section 3.3).

    The search starts at N independent draws. Weights and weight decay are the original's: 1000, 1000 and 0.025, its L_dpp
    being twice the expected cardinality, are 1 per mm, 0.001 per mm² and the default ``published_weight`` here. Its learning
    rate of 0.01 takes 300 steps where 0.05 takes 60. The history has the columns L1, Laplacian, L_dpp.

    Args:
        callback: called with (step, steps, vertices (N, V, 3), a tensor on the decoder's device) before each step; may
            raise Cancelled to stop.

    Raises:
        MaskError: no vertex is free.
    """
    _require_some(partial.free)
    latents = _draw_latents(decoder, number, seed).requires_grad_()
    radius = ball_radius(0.9, decoder.latent_size)
    fit, visible = (torch.from_numpy(array).to(decoder.device) for array in (partial.vertices, partial.visible))
    laplacian = laplacian_tensor(partial.triangles, len(fit), decoder.device, normalised=False)
    optimiser, steps = Adam(latents, rate=0.05, decay=5e-4), settings.iterations
    history = latents.new_zeros((steps, 3))  # on the device: a copy in each step would wait for a GPU
    for step in range(steps):
        vertices = decoder.decode(latents)
        if callback is not None:
            callback(step, steps, vertices.detach())
        offset = (vertices - fit) * visible[:, None]
        distance = offset.abs().sum() / (3 * number * visible.sum())
        roughness = 3 * (laplacian @ offset.transpose(0, 1).flatten(1)).square().mean()
        losses = torch.stack([distance, roughness, dpp_loss(vertices, latents, partial.free, radius)])
        history[step] = losses.detach()
        optimiser.step(losses @ losses.new_tensor((1.0, 0.001, settings.published_weight)))
    return _decoded(decoder, latents.detach(), history.cpu().numpy(), "published", seed)


@dataclass(frozen=True, eq=False)
class Modes:
    """The few latent directions that move the free vertices most."""

    directions: Float[torch.Tensor, "K d"]  #: orthonormal columns U
    reach: Float[torch.Tensor, "d"]  #: mm, RMS displacement of the free vertices by one unit along each: √eigenvalue
    deviation: torch.Tensor  #: mm, the same by all directions together: the decoder's standard deviation there


def widest_modes(decoder: Decoder, free: Bool[np.ndarray, "V"], dimensions: int) -> Modes:
    """The top ``dimensions`` d (<= K) eigenvectors of a Decoder's covariance over the free vertices, in latent space.

    With J the decoder's Jacobian over the M free vertices, zᵀ (JᵀJ / M) z is the mean-square displacement of
    latent z, so in z = U u the distance of two heads is d² = (u − u′)ᵀ diag(λ) (u − u′): no head need be decoded.
    """
    eigenvalues, vectors = torch.linalg.eigh(torch.from_numpy(decoder.linearised().displacement_gram(free)).double())
    scales = eigenvalues.clamp(min=0.0).sqrt()
    return Modes(vectors[:, -dimensions:], scales[-dimensions:], scales.square().sum().sqrt())


def diversify_calibrated(
    decoder: Decoder,
    free: Bool[np.ndarray, "V"],
    settings: DiversitySettings = DiversitySettings(),
    *,
    number: int = 16,
    seed: int = 0,
) -> HeadSamples:
    """Spread N heads over the free part of a posterior, best one that holds the visible part, no farther than it allows.

    In z = U u, U from ``widest_modes``, ``spread_out`` moves u. Outside U each head takes the ``remainder``, a share of an
    independent draw: 1 is the posterior's own spread, which calibrated heads need, 0 the most likely value, which is nearer
    the truth on average. Head 0 is always the most likely one, and the others keep away from it: no sample of a wide
    posterior is expected to be nearer the truth. Given a photo it is the fit (up to 1e-5 mm), else it lies near the fit.

    Raises:
        MaskError: no vertex is free.
    """
    _require_some(free)
    modes = widest_modes(decoder, free, settings.dimensions)
    # On the CPU on any device: the search makes rounding grow. 1e-5 in √λ move a head by 0.3 mm among 256, 0.01 mm among 16.
    draws = _draw_latents(decoder, number, seed).double().cpu()
    start = draws @ modes.directions
    places, history = spread_out(start, modes, settings)
    remainder = draws - start @ modes.directions.T
    remainder[0] = 0.0
    latents = (places @ modes.directions.T + settings.remainder * remainder).float().to(decoder.device)
    return _decoded(decoder, latents, history, "calibrated", seed)


def spread_out(
    start: Float[torch.Tensor, "N d"], modes: Modes, settings: DiversitySettings
) -> tuple[Float[torch.Tensor, "N d"], Float[np.ndarray, "iterations 2"]]:
    """Move points u (N, d) from ``start`` by Adam to minimise Σᵢ ½‖uᵢ‖² − w · E|Y|, the first held at zero.

    Each head's minus log posterior density stands against the expected cardinality with a Gaussian kernel of **fixed** width
    h, in the deviations of the free vertices: w is how many nats one more different head is worth, and 0 leaves only the
    most likely head. ‖u‖² ≤ χ²(d) keeps the heads inside the ellipsoid of the share ``mass`` of the posterior. Beside the
    points it returns the history of mean ½‖u‖² and expected cardinality.
    """
    width, radius = settings.bandwidth * modes.deviation, ball_radius(settings.mass, len(modes.reach))
    first, others = torch.zeros_like(start[:1]), start[1:].clone().requires_grad_()
    optimiser = Adam(others, rate=0.15)
    history = np.zeros((settings.iterations, 2), np.float32)
    for step in range(settings.iterations):
        places = torch.cat([first, others])
        scaled = places * modes.reach
        alike = similarity(torch.cdist(scaled, scaled), width, "gaussian")
        cardinality = expected_cardinality(kernel(alike, quality(places, radius)))
        energy = 0.5 * places.square().sum(1).mean()
        history[step] = energy.item(), cardinality.item()
        optimiser.step(energy - settings.dpp_weight / len(places) * cardinality)
    others = others.detach()
    # The quality is a soft wall; this is the hard one.
    others *= (radius / torch.linalg.vector_norm(others, dim=1, keepdim=True)).clamp(max=1.0)
    return torch.cat([first, others]), history


def ball_radius(mass: float, dimensions: int) -> float:
    """The radius within which N(0, I) of that many dimensions has this probability: the root of χ²'s quantile."""
    return float(np.sqrt(2.0 * gammaincinv(dimensions / 2.0, mass)))


def _draw_latents(decoder, number, seed):
    """Latents (N, K) float32 of N(0, I) on the decoder's device, the same for the same seed on each."""
    latents = np.random.default_rng(seed).standard_normal((number, decoder.latent_size), np.float32)
    return torch.from_numpy(latents).to(decoder.device)


def _decoded(decoder, latents, history, method, seed):
    """HeadSamples of ``latents`` (N, K)."""
    with torch.no_grad():
        vertices = decoder.decode(latents)
    return HeadSamples(vertices.cpu().numpy(), latents.cpu().numpy(), history, method, seed)


def _require_some(free):
    if not free.any():
        raise MaskError("no vertex is free: there is nothing to diversify; mark the occluder, or use sample_iid")
