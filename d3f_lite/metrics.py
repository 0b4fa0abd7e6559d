"""How diverse the heads are, how near the truth, and how well calibrated (Dey and Boddeti 2022, section 4).

Heads are (N, V, 3) mm, a true head is (V, 3) mm; distances between heads are RMS over vertices, in mm and in float64. ``where``
(V,) chooses the vertices that count, all by default: over occluded ones ASD is ASD-O and CSE is CSE-O, over visible ones ASD-V.
"""

from collections.abc import Sequence

import numpy as np
import scipy
from jaxtyping import Bool, Float

Heads = Float[np.ndarray, "N V 3"]
Truth = Float[np.ndarray, "V 3"]
Where = Bool[np.ndarray, "V"] | None
Points = Float[np.ndarray, "68 2"]


def rms_distances(heads: Heads, others: Float[np.ndarray, "M V 3"], where: Where = None) -> Float[np.ndarray, "N M"]:
    """RMS vertex distance between every two heads, (N, M) mm.

    >>> rms_distances(np.zeros((1, 2, 3)), np.array([[[3.0, 0, 0], [0, 4, 0]]]))  # the root of (9 + 16) / 2
    array([[3.53553391]])
    """
    where = slice(None) if where is None else where
    heads, others = (points[:, where].reshape(len(points), -1).astype(np.float64) for points in (heads, others))
    return scipy.spatial.distance.cdist(heads, others) / np.sqrt(heads.shape[1] / 3)


def asd(vertices: Heads, where: Where = None) -> float:
    """Average self distance of N >= 2 heads, mm: the mean over heads of the distance to the nearest other head.

    >>> asd(np.array([[[0.0, 0, 0]], [[1, 0, 0]], [[5, 0, 0]]]))  # 1, 1 and 4
    2.0
    """
    return float(np.sort(rms_distances(vertices, vertices, where))[:, 1].mean())  # [:, 0]: zero, to itself


def closest_sample_error(vertices: Heads, truth: Truth, where: Where = None) -> float:
    """CSE, mm: from the **true** head to the nearest of the heads.

    >>> closest_sample_error(np.array([[[4.0, 0, 0]], [[0, 3, 0]]]), np.zeros((1, 3)))
    3.0
    """
    return float(rms_distances(vertices, truth[None], where).min())


def mean_sample_error(vertices: Heads, truth: Truth, where: Where = None) -> float:
    """The mean distance from the true head to the heads, mm.

    >>> mean_sample_error(np.array([[[4.0, 0, 0]], [[0, 3, 0]]]), np.zeros((1, 3)))
    3.5
    """
    return float(rms_distances(vertices, truth[None], where).mean())


def energy_score(vertices: Heads, truth: Truth, where: Where = None) -> float:
    """The energy score of N >= 2 heads X, mm: E‖X − x‖ − ½ E‖X − X′‖ with the true head x (Gneiting and Raftery 2007).

    It is least for the truth's own distribution; the second mean runs over different heads, so N does not shift the score.

    >>> energy_score(np.array([[[4.0, 0, 0]], [[0, 3, 0]]]), np.zeros((1, 3)))  # 3.5 − 5 / 2
    1.0
    """
    apart = rms_distances(vertices, vertices, where).sum() / (len(vertices) * (len(vertices) - 1))
    return mean_sample_error(vertices, truth, where) - 0.5 * float(apart)


def closest_sample_error_curve(
    vertices: Heads, truth: Truth, where: Where = None, sizes: Sequence[int] = (1, 2, 4, 8, 16)
) -> Float[np.ndarray, "n"]:
    """The expected CSE (mm) of n heads picked at random from N, exactly, for each n of ``sizes``, 1 to N.

    Of all C(N, n) subsets, the i-th nearest head (counted from 0) is the nearest in C(N − i − 1, n − 1).

    >>> closest_sample_error_curve(np.array([[[4.0, 0, 0]], [[0, 3, 0]]]), np.zeros((1, 3)), sizes=(1, 2))
    array([3.5, 3. ])
    """
    errors = np.sort(rms_distances(vertices, truth[None], where).ravel())
    farther = np.arange(len(errors))[::-1]
    return np.array([scipy.special.comb(farther, size - 1) @ errors / scipy.special.comb(len(errors), size) for size in sizes])


def spread(vertices: Heads) -> Float[np.ndarray, "V"]:
    """Standard deviation of each vertex over N >= 2 heads, (V,) mm: the root of its mean-square displacement.

    >>> spread(np.array([[[0.0, 0, 0]], [[2, 0, 0]]]))
    array([1.41421356])
    """
    return np.sqrt(np.var(vertices, axis=0, ddof=1, dtype=np.float64).sum(-1))


def coverage(vertices: Heads, truth: Truth, where: Where = None, level: float = 0.9) -> float:
    """The share of vertices whose true place lies in the central region of N >= 4 heads; near ``level`` is calibrated.

    A vertex counts within Hotelling's prediction ellipsoid, which N draws of the truth's own Gaussian leave with probability
    1 − ``level`` for any N: squared Mahalanobis distance at most 3 (N² − 1) / (N (N − 3)) · F₀.₉(3, N − 3).

    >>> draws = np.random.default_rng(0).standard_normal((17, 2000, 3))
    >>> bool(abs(coverage(draws[1:], draws[0]) - 0.9) < 0.02)
    True
    """
    where = slice(None) if where is None else where
    heads, number = vertices[:, where].astype(np.float64), len(vertices)
    centred, offset = heads - heads.mean(0), truth[where] - heads.mean(0)
    covariance = np.einsum("nvi,nvj->vij", centred, centred) / (number - 1) + 1e-12 * np.eye(3)  # held vertices agree
    mahalanobis = np.einsum("vi,vi->v", offset, np.linalg.solve(covariance, offset[..., None])[..., 0])
    return float(
        np.mean(mahalanobis <= 3 * (number**2 - 1) / (number * (number - 3)) * scipy.special.fdtri(3, number - 3, level))
    )


def landmark_nme(landmarks: Points, truth: Points, where: Bool[np.ndarray, "68"] | None = None) -> float:
    """Mean landmark error (px) as a share of the distance between the outer eye corners, points 36 and 45, as in 300-W.

    >>> truth = np.zeros((68, 2)); truth[45] = 100.0, 0.0
    >>> landmark_nme(truth + [3.0, 4.0], truth)
    0.05
    """
    where, landmarks, truth = slice(None) if where is None else where, landmarks.astype(np.float64), truth.astype(np.float64)
    return float(np.linalg.norm(landmarks - truth, axis=1)[where].mean() / np.linalg.norm(truth[45] - truth[36]))
