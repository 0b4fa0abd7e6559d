"""Diverse heads by a determinantal point process, DPP (Dey and Boddeti 2022, section 3.3).

A DPP with kernel L prefers sets of heads that are good (quality q) and unlike each other (similarity S) where the
photo leaves them free. Its expected cardinality counts, softly, how many different heads a set holds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.common.adam import Adam
from d3f_lite.completion.posterior import Decoder
from d3f_lite.diversity.samples import HeadSamples, PartialHead, ball_radius, draw_latents, require_some
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
        from d3f_lite.diversity.published import diversify_published  # it needs torch

        return diversify_published(decoder, partial, settings, number=number, seed=seed, callback=callback)
    return diversify_calibrated(decoder, partial.free, settings, number=number, seed=seed)


def sample_iid(decoder: Decoder, number: int = 16, seed: int = 0) -> HeadSamples:
    """Draw ``number`` N independent heads from a Decoder: HeadSamples without a history."""
    return HeadSamples.of(decoder, draw_latents(decoder, number, seed), np.zeros((0, 0), np.float32), "iid", seed)


@dataclass(frozen=True, eq=False)
class Modes:
    """The few latent directions that move the free vertices most."""

    directions: Float[np.ndarray, "K d"]  #: orthonormal columns U
    reach: Float[np.ndarray, "d"]  #: mm, RMS displacement of the free vertices by one unit along each: √eigenvalue
    deviation: float  #: mm, the same by all directions together: the decoder's standard deviation there


def widest_modes(decoder: Decoder, free: Bool[np.ndarray, "V"], dimensions: int) -> Modes:
    """The top ``dimensions`` d (<= K) eigenvectors of a Decoder's covariance over the free vertices, in latent space.

    With J the decoder's Jacobian over the M free vertices, zᵀ (JᵀJ / M) z is the mean-square displacement of
    latent z, so in z = U u the distance of two heads is d² = (u − u′)ᵀ diag(λ) (u − u′): no head need be decoded.
    """
    eigenvalues, vectors = np.linalg.eigh(decoder.linearised().displacement_gram(free).astype(float))
    eigenvalues = np.maximum(eigenvalues, 0.0)
    return Modes(vectors[:, -dimensions:], np.sqrt(eigenvalues[-dimensions:]), float(np.sqrt(eigenvalues.sum())))


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
    require_some(free)
    modes = widest_modes(decoder, free, settings.dimensions)
    # In double precision: the search makes rounding grow. 1e-5 in √λ move a head by 0.3 mm among 256, 0.01 mm among 16.
    draws = draw_latents(decoder, number, seed).astype(float)
    start = draws @ modes.directions
    places, history = spread_out(start, modes, settings)
    remainder = draws - start @ modes.directions.T
    remainder[0] = 0.0
    latents = places @ modes.directions.T + settings.remainder * remainder
    return HeadSamples.of(decoder, latents.astype(np.float32), history, "calibrated", seed)


def spread_out(
    start: Float[np.ndarray, "N d"], modes: Modes, settings: DiversitySettings
) -> tuple[Float[np.ndarray, "N d"], Float[np.ndarray, "iterations 2"]]:
    """Move points u (N, d) from ``start`` by Adam to minimise Σᵢ ½‖uᵢ‖² − w · E|Y|, the first held at zero.

    Each head's minus log posterior density stands against the expected cardinality with a Gaussian kernel of **fixed** width
    h, in the deviations of the free vertices: w is how many nats one more different head is worth, and 0 leaves only the
    most likely head. ‖u‖² ≤ χ²(d) keeps the heads inside the ellipsoid of the share ``mass`` of the posterior. Beside the
    points it returns the history of mean ½‖u‖² and expected cardinality.
    """
    radius, weight = ball_radius(settings.mass, len(modes.reach)), settings.dpp_weight / len(start)
    places, optimiser = start.copy(), Adam(rate=0.15)
    places[0] = 0.0
    history = np.zeros((settings.iterations, 2), np.float32)
    for step in range(settings.iterations):
        cardinality, slopes = expected_cardinality_slopes(places, modes.reach, settings.bandwidth * modes.deviation, radius)
        history[step] = 0.5 * np.mean(np.sum(places**2, axis=1)), cardinality
        places = optimiser.step(places, places / len(places) - weight * slopes)
        places[0] = 0.0
    # The quality is a soft wall; this is the hard one.
    return places * np.minimum(1.0, radius / np.maximum(_lengths(places), 1e-12)), history


def expected_cardinality_slopes(
    places: Float[np.ndarray, "N d"], reach: Float[np.ndarray, "d"], width: float, radius: float
) -> tuple[float, Float[np.ndarray, "N d"]]:
    """E|Y| of points u, and its slopes ∂E/∂u by hand: what ``kernel`` defines, and automatic differentiation finds as well.

    Args:
        places: u, in standard deviations.
        reach: √λ, mm per unit.
        width: h, mm, of the Gaussian similarity.
        radius: R of the quality.
    """
    identity, lengths = np.eye(len(places)), _lengths(places)
    squares = np.square((places[:, None] - places[None]) * reach).sum(2)
    plausible = np.exp(-np.maximum(lengths - radius, 0.0))
    dpp_kernel = plausible * np.exp(-0.5 * squares / width**2) * plausible.T
    inverse = np.linalg.inv(dpp_kernel + identity)
    # E = tr(1 - (L + 1)⁻¹), so ∂E = Σ Mᵢⱼ ∂Lᵢⱼ with M = (L + 1)⁻²; and ∂Lᵢⱼ = Lᵢⱼ (∂log qᵢ + ∂log qⱼ - ∂d²ᵢⱼ / 2h²).
    pairs = inverse @ inverse * dpp_kernel
    all_pairs = pairs.sum(1, keepdims=True)
    apart = (reach / width) ** 2 * (all_pairs * places - pairs @ places)
    outwards = np.where(lengths > radius, places / np.maximum(lengths, 1e-12), 0.0)
    return float(np.trace(identity - inverse)), -2.0 * (apart + all_pairs * outwards)


def _lengths(places: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "N 1"]:
    return np.linalg.norm(places, axis=1, keepdims=True)
