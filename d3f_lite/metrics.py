"""How diverse the heads are, how near the truth, and how well calibrated (Dey and Boddeti 2022, section 4).

Distances between heads are RMS over vertices, in mm; everything is computed in float64. A measure "over occluded
vertices" (ASD-O, CSE-O) or "over visible ones" (ASD-V) is the same function with another ``where``.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.distance import cdist
from scipy.special import fdtri, gammaln

OUTER_EYE_CORNERS = (36, 45)  # of the 68 landmarks, counted from 0


def rms_distances(
    heads: Float[np.ndarray, "N V 3"], others: Float[np.ndarray, "M V 3"], where: Bool[np.ndarray, "V"] | None = None
) -> Float[np.ndarray, "N M"]:
    """RMS vertex distance between every pair of heads.

    Args:
        heads: mm.
        others: mm.
        where: the vertices that count; all by default.

    Returns:
        mm.
    """
    where = np.ones(heads.shape[1], bool) if where is None else where
    heads, others = (points[:, where].reshape(len(points), -1).astype(np.float64) for points in (heads, others))
    return cdist(heads, others) / np.sqrt(np.count_nonzero(where))


def asd(vertices: Float[np.ndarray, "N V 3"], where: Bool[np.ndarray, "V"] | None = None) -> float:
    """Average self distance: the mean over heads of the distance to the nearest other head.

    Args:
        vertices: mm, N >= 2 heads.
        where: the vertices that count (occluded ones: ASD-O; visible ones: ASD-V); all by default.

    Returns:
        mm.
    """
    distances = rms_distances(vertices, vertices, where)
    np.fill_diagonal(distances, np.inf)
    return float(distances.min(1).mean())


def closest_sample_error(
    vertices: Float[np.ndarray, "N V 3"], truth: Float[np.ndarray, "V 3"], where: Bool[np.ndarray, "V"] | None = None
) -> float:
    """CSE, mm: from the **true** head (V, 3) to the nearest of the heads (N, V, 3); CSE-O over occluded ``where``."""
    return float(rms_distances(vertices, truth[None], where).min())


def mean_sample_error(
    vertices: Float[np.ndarray, "N V 3"], truth: Float[np.ndarray, "V 3"], where: Bool[np.ndarray, "V"] | None = None
) -> float:
    """The mean distance (mm) from the true head (V, 3) to the heads (N, V, 3)."""
    return float(rms_distances(vertices, truth[None], where).mean())


def energy_score(
    vertices: Float[np.ndarray, "N V 3"], truth: Float[np.ndarray, "V 3"], where: Bool[np.ndarray, "V"] | None = None
) -> float:
    """The energy score of N heads, mm: E‖X − x‖ − ½ E‖X − X′‖ (Gneiting and Raftery 2007).

    It is least for the truth's own distribution. The second mean runs over pairs of different heads, so that their number does
    not shift the score.

    Args:
        vertices: mm, N >= 2 heads X.
        truth: mm, x.
        where: the vertices that count; all by default.

    Returns:
        mm.
    """
    number = len(vertices)
    apart = rms_distances(vertices, vertices, where).sum() / (number * (number - 1))
    return mean_sample_error(vertices, truth, where) - 0.5 * float(apart)


def closest_sample_error_curve(
    vertices: Float[np.ndarray, "N V 3"],
    truth: Float[np.ndarray, "V 3"],
    where: Bool[np.ndarray, "V"] | None = None,
    sizes: Sequence[int] = (1, 2, 4, 8, 16),
) -> Float[np.ndarray, "n"]:
    """The expected CSE of n heads picked at random from N, exactly.

    Of all C(N, n) subsets, the i-th nearest head (counted from 0) is the nearest in C(N − i − 1, n − 1).

    Args:
        vertices: mm.
        truth: mm.
        where: the vertices that count; all by default.
        sizes: the values of n, each between 1 and N.

    Returns:
        (len(sizes),) mm.
    """
    errors = np.sort(rms_distances(vertices, truth[None], where).ravel())
    return np.array([_nearest_weights(len(errors), size) @ errors for size in sizes])


def _nearest_weights(number, size):
    """(N,) probability that the i-th nearest of N is the nearest in a random subset of ``size``."""
    farther = number - 1 - np.arange(number)
    possible = farther >= size - 1
    log_choose = gammaln(farther[possible] + 1) - gammaln(size) - gammaln(farther[possible] - size + 2)
    log_subsets = gammaln(number + 1) - gammaln(size + 1) - gammaln(number - size + 1)
    weights = np.zeros(number)
    weights[possible] = np.exp(log_choose - log_subsets)
    return weights


def spread(vertices: Float[np.ndarray, "N V 3"]) -> Float[np.ndarray, "V"]:
    """Standard deviation of each vertex over the heads (N, V, 3): (V,) mm, the root of its mean-square displacement."""
    return np.sqrt(np.var(vertices, axis=0, ddof=1, dtype=np.float64).sum(-1))


def coverage(
    vertices: Float[np.ndarray, "N V 3"],
    truth: Float[np.ndarray, "V 3"],
    where: Bool[np.ndarray, "V"] | None = None,
    level: float = 0.9,
) -> float:
    """The share of vertices whose true place lies in the heads' central region; near ``level`` is calibrated.

    A vertex counts when its squared Mahalanobis distance to the heads' mean, with their own 3×3 covariance, is at most
    3 (N² − 1) / (N (N − 3)) · F₀.₉(3, N − 3) (Hotelling's prediction ellipsoid). That allows for a mean and covariance
    estimated from few heads: N exact draws of the truth's own Gaussian cover it with probability ``level`` for any N.

    Args:
        vertices: mm, N >= 4 heads.
        truth: mm.
        where: the vertices that count; all by default.
        level: the region's nominal probability.

    Returns:
        Between 0 and 1.
    """
    where = slice(None) if where is None else where
    heads, number = vertices[:, where].astype(np.float64), len(vertices)
    centred = heads - heads.mean(0)
    covariance = np.einsum("nvi,nvj->vij", centred, centred) / (number - 1)
    # A hair of width keeps heads that agree exactly (held vertices) from a singular covariance.
    covariance += 1e-12 * np.eye(3)
    offset = truth[where] - heads.mean(0)
    mahalanobis = np.einsum("vi,vi->v", offset, np.linalg.solve(covariance, offset[..., None])[..., 0])
    quantile = fdtri(3, number - 3, level)
    return float(np.mean(mahalanobis <= 3 * (number**2 - 1) / (number * (number - 3)) * quantile))


def landmark_nme(
    landmarks: Float[np.ndarray, "68 2"], truth: Float[np.ndarray, "68 2"], where: Bool[np.ndarray, "68"] | None = None
) -> float:
    """Mean landmark error as a share of the inter-ocular distance (outer eye corners, as in 300-W).

    Args:
        landmarks: px.
        truth: px; its points 36 and 45 give the distance.
        where: the landmarks that count; all by default.

    Returns:
        A ratio (0.02 is 2 %).
    """
    where = slice(None) if where is None else where
    right, left = OUTER_EYE_CORNERS
    errors = np.linalg.norm(np.asarray(landmarks, np.float64) - truth, axis=-1)[where]
    return float(errors.mean() / np.linalg.norm(np.asarray(truth[left], np.float64) - truth[right]))
