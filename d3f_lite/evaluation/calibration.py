"""Is a posterior as sure as it should be? Ranks of the truth among draws, and TARP's expected coverage.

Both are uniform over many cases if the posterior is right. They are simulation-based calibration (Talts et al. 2018) and
tests of accuracy with random points (Lemos et al. 2023).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from scipy import stats

from d3f_lite.common.plots import default_style


def ranks(draws: Float[np.ndarray, "N P"], truth: Float[np.ndarray, "P"]) -> Int[np.ndarray, "P"]:
    """How many of N draws lie below the truth in each of P quantities: 0 … N, each as likely as the others if calibrated."""
    return (draws < truth).sum(0)


def tarp(draws: Float[np.ndarray, "N P"], truth: Float[np.ndarray, "P"], reference: Float[np.ndarray, "P"]) -> float:
    """The share of draws that are nearer to a reference than the truth is: uniform in [0, 1] if calibrated.

    Args:
        reference: a point chosen without looking at the truth, such as a draw of the prior.
    """
    return float((np.linalg.norm(draws - reference, axis=1) < np.linalg.norm(truth - reference)).mean())


def narrowed(draws: Float[np.ndarray, "N P"], times: float) -> Float[np.ndarray, "N P"]:
    """The same draws, ``times`` as far from their mean: a posterior made wrong on purpose, which the tests must catch."""
    return draws.mean(0) + times * (draws - draws.mean(0))


def uniform_p(shares: Float[np.ndarray, "C"]) -> float:
    """The Kolmogorov-Smirnov p-value of C independent shares being uniform in [0, 1]."""
    return float(stats.kstest(shares, "uniform").pvalue)


@dataclass(frozen=True, eq=False)
class CalibrationCheck:
    """What the figure shows of one posterior over C cases.

    Args:
        name: in the legend.
        ranks: of P quantities in each case, as shares of the number of draws.
        shares: ``tarp`` of each case.
    """

    name: str
    ranks: Float[np.ndarray, "C P"]
    shares: Float[np.ndarray, "C"]


@default_style()
def calibration_figure(
    posteriors: list[CalibrationCheck], bins: int = 9, colours: tuple[str, ...] = ("#00204d", "#d95f02", "#1b9e77", "#7570b3")
) -> Figure:
    """Rank histograms, one per posterior, and the TARP curves of all in one plot, each with what chance alone allows."""
    figure = Figure(figsize=(3.2 * (len(posteriors) + 1.3), 3.2), layout="constrained")
    axes = figure.subplots(1, len(posteriors) + 1, width_ratios=[1] * len(posteriors) + [1.3])
    for axis, colour, check in zip(axes, colours, posteriors):
        axis.hist(check.ranks.ravel(), bins, range=(0, 1), density=True, color=colour, alpha=0.8)
        # Quantities of one case hang together: chance is that of C cases, which is the widest that it can be.
        low, high = (stats.binom.ppf(p, len(check.ranks), 1 / bins) * bins / len(check.ranks) for p in (0.025, 0.975))
        axis.axhspan(low, high, color="grey", alpha=0.25, lw=0, zorder=0)
        axis.set(title=f"{check.name}\nranks of the truth", xlabel="rank / number of draws", ylim=(0, None), xlim=(0, 1))
    axes[0].set_ylabel("density")
    level = np.linspace(0, 1, 101)
    axis, cases = axes[-1], min(len(check.shares) for check in posteriors)
    axis.fill_between(level, *(stats.binom.ppf(p, cases, level) / cases for p in (0.025, 0.975)), color="grey", alpha=0.25, lw=0)
    for colour, check in zip(colours, posteriors):
        axis.plot(level, (check.shares[:, None] <= level).mean(0), color=colour, label=check.name)
    axis.plot((0, 1), (0, 1), "k:", lw=0.8)
    axis.set(title="TARP: expected coverage", xlabel="level", ylabel="share of cases", xlim=(0, 1), ylim=(0, 1))
    axis.legend(fontsize=7, loc="lower right")
    return figure
