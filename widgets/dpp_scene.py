"""What the diversity widgets generate and measure: every number by a call of d3f_lite."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from d3f_lite.common.threads import one_thread
from d3f_lite.completion.posterior import Decoder
from d3f_lite.diversity.kernel import distances, expected_cardinality, kernel, quality, similarity
from d3f_lite.diversity.search import HeadSamples, Modes, PartialHead, ball_radius, diversify, widest_modes
from d3f_lite.heads.gaussian import GaussianHeads
from d3f_lite.metrics import asd, rms_distances, spread


@dataclass(frozen=True, eq=False)
class DppScene:
    """What heads are drawn from, and where they may differ.

    Args:
        decoder: Decoder.
        partial: PartialHead.
    """

    decoder: Decoder
    partial: PartialHead

    @classmethod
    def plane(cls, deviations=(2.0, 1.0)):
        """A toy: one hidden point in the plane with these standard deviations (mm), and one visible one that stands."""
        basis = np.zeros((2, 2, 3), np.float32)
        basis[(0, 1), 1, (0, 1)] = deviations
        zero, visible = np.zeros((2, 3), np.float32), np.array([True, False])
        return cls(GaussianHeads.prior(zero, basis), PartialHead(zero, visible, ~visible, np.array([[0, 1, 0]])))

    @one_thread()
    def generate(self, settings, number, seed, progress, show=None):
        """HeadSamples for DiversitySettings; ``show(step, vertices)`` gets the heads of the published loss on the way."""

        def report(step, steps, vertices):
            progress("samples", step / steps)
            if show is not None:
                show(step, vertices.cpu().numpy())

        return diversify(self.decoder, self.partial, settings, number=number, seed=seed, callback=report)

    def modes(self, settings) -> Modes:
        """The directions that move the free vertices most."""
        return widest_modes(self.decoder, self.partial.free, settings.dimensions)

    def kernel(self, samples: HeadSamples, settings):
        """The kernel L (N, N) of heads, Gaussian, of the width h and the quality radius R that ``settings`` says."""
        modes = self.modes(settings)
        places = torch.from_numpy(samples.latents).double() @ modes.directions
        apart = distances(torch.from_numpy(samples.vertices), torch.from_numpy(self.partial.free)).double()
        alike = similarity(apart, settings.bandwidth * modes.deviation, "gaussian")
        return kernel(alike, quality(places, ball_radius(settings.mass, len(modes.reach))))

    def ruler(self, settings):
        """A line of words: what the bandwidth h and the quality radius R come to."""
        modes = self.modes(settings)
        radius = ball_radius(settings.mass, len(modes.reach))
        return (
            f"h = {settings.bandwidth * modes.deviation:.2f} mm, "
            f"R = {radius:.2f} deviations ({100 * settings.mass:g} % of the posterior, d = {len(modes.reach)})"
        )

    def measures(self, samples, dpp_kernel):
        """Name to a number: mm, and how many different heads the set holds."""
        heads, free = samples.vertices, self.partial.free
        apart = rms_distances(heads, heads, free)
        return {
            "ASD-O (mm)": asd(heads, free),
            "ASD-V (mm)": asd(heads, self.partial.visible),
            "closest pair (mm)": float(apart[np.triu_indices(len(heads), 1)].min()),
            "largest spread (mm)": float(spread(heads)[free].max()),
            "expected cardinality": float(expected_cardinality(dpp_kernel)),
        }


def measures_table(columns):
    """HTML of {column name: measures}."""
    names = next(iter(columns.values()))
    head = "".join(f"<th style='padding: 0 10px'>{name}</th>" for name in columns)
    lines = (
        f"<tr><th style='text-align: left'>{name}</th>"
        + "".join(f"<td style='text-align: center'>{column[name]:.2f}</td>" for column in columns.values())
        + "</tr>"
        for name in names
    )
    return f"<table><tr><th></th>{head}</tr>{''.join(lines)}</table>"


def kernel_figure(dpp_kernel, others_kernel, points=None, others=None, ellipse=None):
    """A Figure: a set's kernel matrix (N, N), and its eigenvalues beside those of i.i.d. draws.

    Before them, if given, both sets in the plane: ``points`` and ``others`` (N, 2) mm, and the ``ellipse`` (2,) mm.
    """
    # Fixed places: a layout engine would take as long as all the rest.
    figure = Figure(figsize=(6.0 if points is None else 9.6, 2.7))
    axes = list(figure.subplots(1, 2 if points is None else 3))
    figure.subplots_adjust(left=0.1, right=0.98, bottom=0.24, top=0.9, wspace=0.4)
    if points is not None:
        _draw_plane(axes.pop(0), points, others, ellipse)
    picture = axes[0].imshow(dpp_kernel, vmin=0.0, vmax=1.0, cmap="cividis")
    axes[0].set(title="kernel L", xlabel="sample", ylabel="sample")
    figure.colorbar(picture, ax=axes[0], shrink=0.8)
    ranks = np.arange(len(dpp_kernel)) + 1
    axes[1].bar(ranks, np.linalg.eigvalsh(dpp_kernel)[::-1], color="#00336f", label="chosen")
    axes[1].plot(ranks, np.linalg.eigvalsh(others_kernel)[::-1], "o", mfc="none", mec="grey", ms=4, label="i.i.d.")
    axes[1].set(title="eigenvalues of L", xlabel="number", ylabel="eigenvalue", ylim=(0, None))
    axes[1].legend(fontsize=7)
    for axis in axes:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _draw_plane(axis, points, others, ellipse):
    """Both sets in the plane, with the half-axes (2,) mm of the ellipse that bounds the search."""
    angle = np.linspace(0, 2 * np.pi, 200)
    axis.plot(ellipse[0] * np.cos(angle), ellipse[1] * np.sin(angle), color="grey", lw=1, label="radius R")
    axis.scatter(*others.T, facecolors="none", edgecolors="grey", label="i.i.d.")
    axis.scatter(*points.T, color="#00336f", label="chosen")
    axis.set(title="the hidden point", xlabel="x (mm)", ylabel="y (mm)", aspect="equal")
    axis.legend(fontsize=7, ncol=3, loc="upper center", bbox_to_anchor=(0.5, -0.5))
