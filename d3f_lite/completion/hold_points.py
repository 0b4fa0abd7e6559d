"""What if some points of the face were elsewhere? The posterior conditioned on points that a person drags in the explorer."""

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import eigh
from scipy.special import gammaincc, gammaincinv

from d3f_lite.heads.gaussian import GaussianHeads


def hold_points(
    posterior: GaussianHeads,
    points: Int[np.ndarray, "P"],
    places: Float[np.ndarray, "P 3"],
    noise_mm: float = 1.0,
    mass: float = 0.9999,
) -> tuple[GaussianHeads, float]:
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
        The conditioned posterior, and the share of all heads that have these points farther out than they are held.
    """
    moved = (posterior.factor.T @ posterior.basis[:, points].reshape(len(posterior.basis), -1)).T.astype(np.float64)
    gap = (places - posterior.mean[points]).ravel().astype(np.float64)
    values, axes = eigh(moved @ moved.T + noise_mm**2 * np.eye(len(gap)))
    distance = np.sqrt(np.sum((axes.T @ gap) ** 2 / values))
    radius = np.sqrt(2.0 * gammaincinv(len(gap) / 2.0, mass))
    pull = moved.T @ (axes / values) @ axes.T @ gap * (radius / max(distance, radius))
    shrink = (axes / (values + noise_mm * np.sqrt(values))) @ axes.T
    factor = posterior.factor - posterior.factor @ moved.T @ shrink @ moved
    farther = float(gammaincc(len(gap) / 2.0, min(distance, radius) ** 2 / 2.0))
    return posterior.around(posterior.coefficients + posterior.factor @ pull, factor), farther
