"""How wide should the population be? ``python -m research.study.likelihood --head-files PATH``, ICT-FaceKit's folder or archive.

Identity directions of the scans are withheld from the population, which then scores people who have them: people of those
directions alone, or people of all directions, a tenth of which it does not know. Two ways to widen the population are compared:
more of anny's heads, and a smooth Gaussian process. About ten minutes.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from d3f_lite.command_line import command_line
from d3f_lite.evaluation.report import table
from d3f_lite.formats.ict import read_ict
from research.bake import embedding, population
from research.bake.head import POPULATION, SCANNED_SHARE, TRAINING_SEED, build
from research.bake.registration import register

PLACES = 250  # vertices of the face that are scored
NOISE = 0.3  # mm, of each coordinate: finer differences between heads do not count
SHARES = (0.05, 0.1, 0.2, 0.4, 0.6)  # of anny's heads
LENGTHS, SIZES = (8.0, 12.0, 20.0), (0.25, 0.5, 1.0, 1.5)  # mm: of the Gaussian process, and its RMS displacement


def expected_log_density(
    covariance: Float[np.ndarray, "D D"], true_covariance: Float[np.ndarray, "D D"], apart: Float[np.ndarray, "D"]
) -> float:
    """The mean log density, in nats, of one Gaussian under draws of another.

    Args:
        apart: from the mean of one to that of the other.
    """
    factor = cho_factor(covariance, lower=True)
    surprise = np.trace(cho_solve(factor, true_covariance)) + apart @ cho_solve(factor, apart)
    return float(-0.5 * (len(apart) * np.log(2 * np.pi) + surprise) - np.log(np.diag(factor[0])).sum())


def smooth(points: Float[np.ndarray, "P 3"], length: float, size: float) -> Float[np.ndarray, "3*P 3*P"]:
    """The covariance (mm²) of a Gaussian process: displacements of ``size`` mm RMS, correlated over ``length`` mm."""
    alike = np.exp(-0.5 * cdist(points, points, "sqeuclidean") / length**2)
    return size**2 / 3 * np.kron(alike, np.eye(3))


def held_out_score(
    modes: Float[np.ndarray, "n D"],
    folds: int,
    beside: bool,
    share: float,
    other: tuple[Float[np.ndarray, "D D"], Float[np.ndarray, "D"]],
    more: Float[np.ndarray, "D D"] | float = 0.0,
) -> float:
    """The mean log density (nats) of people under a population that lacks every ``folds``-th direction.

    Args:
        modes: mm, the identity directions of the scans.
        beside: people of the held-out directions alone, as varied as all of them; else people of all directions.
        share: of other heads in the population.
        other: their covariance (mm²), and how far the scans' mean lies from theirs (mm).
        more: covariance (mm²) that is added.
    """
    covariance, apart = other
    noise, scores = NOISE**2 * np.eye(len(apart)), []
    for first in range(folds):
        held = np.arange(len(modes)) % folds == first
        kept = modes[~held].T @ modes[~held] * (len(modes) / np.count_nonzero(~held))
        mixed = (1 - share) * kept + share * covariance + share * (1 - share) * np.outer(apart, apart)
        people = folds * modes[held].T @ modes[held] if beside else modes.T @ modes
        scores.append(expected_log_density(mixed + more + noise, people + noise, share * apart))
    return float(np.mean(scores))


@command_line("likelihood")
def main() -> None:
    """Register, score, print nats per person."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head-files", type=Path, required=True, help="ICT-FaceKit's folder or archive")
    options = parser.parse_args()
    own, _, neutral, _ = build(population.AnnyHeads.load())
    registered = register(embedding.measure(own, seed=TRAINING_SEED), read_ict(options.head_files).head_model())
    places = np.random.default_rng(TRAINING_SEED).permutation(np.flatnonzero(own.face))[:PLACES]
    modes = registered.carry(registered.scans.bases.shape)[:, places].reshape(-1, 3 * PLACES).astype(float)
    apart = (registered.vertices - own.mean)[places].ravel().astype(float)
    other = np.cov(neutral[:POPULATION, places].reshape(-1, 3 * PLACES).T.astype(float)), apart
    points, shipped = registered.vertices[places], 1.0 - SCANNED_SHARE
    kinds = ((2, True), (5, True), (10, False))
    zero = [held_out_score(modes, *kind, shipped, other) for kind in kinds]
    tried = [(f"{share:.2f} anny's", share, np.zeros_like(other[0])) for share in SHARES]
    tried += [
        (f"{shipped:.2f} anny's, process of {size} mm over {length:.0f} mm", shipped, smooth(points, length, size))
        for length in LENGTHS for size in SIZES
    ]  # fmt: skip
    rows = []
    for name, share, more in tried:
        gained = [held_out_score(modes, *kind, share, other, more) - base for kind, base in zip(kinds, zero)]
        rows.append((name, *(f"{nats:+.0f}" for nats in gained)))
    print(table(("nats against the shipped population", "beside a half", "beside four fifths", "nine tenths known"), rows))


if __name__ == "__main__":
    sys.exit(main())
