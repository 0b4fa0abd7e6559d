"""A DPP to play with: points in the plane, drawn independently and spread out, with their kernel matrix."""

from dataclasses import replace

import ipywidgets
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from d3f_lite.common.plots import default_style
from d3f_lite.diversity.kernel import distances, expected_cardinality, kernel, quality, similarity
from d3f_lite.diversity.search import PartialHead, ball_radius, diversify, widest_modes
from d3f_lite.heads.gaussian import GaussianHeads
from d3f_lite.metrics import rms_distances
from d3f_lite.settings import DiversitySettings
from widgets.figures import figure_tag
from widgets.sliders import setting, slider

LABELS = {
    "dpp_weight": "DPP weight w (nats)", "published_weight": "DPP weight w_dpp (mm)", "bandwidth": "bandwidth h (deviations)",
    "mass": "quality radius R (probability)", "iterations": "iterations T (steps)",
}  # fmt: skip
METHODS = {"calibrated DPP": "calibrated", "published DPP loss": "published", "independent (i.i.d.)": "iid"}
UNUSED = {"calibrated": {"published_weight"}, "published": {"dpp_weight", "mass"},
          "iid": {"dpp_weight", "published_weight", "mass", "iterations"}}  # fmt: skip


def points_in_the_plane(deviations=(2.0, 1.0)):
    """A toy: GaussianHeads of a visible point that stands still and a free one of these deviations (mm), and a PartialHead."""
    basis = np.zeros((2, 2, 3), np.float32)
    basis[(0, 1), 1, (0, 1)] = deviations
    zero, visible = np.zeros((2, 3), np.float32), np.array([True, False])
    return GaussianHeads.prior(zero, basis), PartialHead(zero, visible, ~visible, np.array([[0, 1, 0]]))


def dpp_kernel(decoder, samples, free, settings):
    """The kernel L (N, N) of HeadSamples: Gaussian, of the width h and the quality radius R that ``settings`` says."""
    modes = widest_modes(decoder, free, settings.dimensions)
    places = torch.from_numpy(samples.latents.astype(float) @ modes.directions)
    apart = distances(torch.from_numpy(samples.vertices), torch.from_numpy(free)).double()
    alike = similarity(apart, settings.bandwidth * modes.deviation, "gaussian")
    return kernel(alike, quality(places, ball_radius(settings.mass, len(modes.reach))))


class DppPlayground(ipywidgets.VBox):
    """Points in the plane, independent and diversified, with the kernel matrix and its eigenvalues.

    Args:
        number: N at the start.
    """

    def __init__(self, number=8):
        self.decoder, self.partial = points_in_the_plane()
        first = DiversitySettings(dimensions=2)
        self.method = ipywidgets.Dropdown(options=list(METHODS), description="method")
        self.sliders = {name: setting(name, label, first) for name, label in LABELS.items()}
        self.number = slider("number of points N", range(2, 33), number)
        self.seed = slider("seed s", range(100), 0)
        self.picture, self.readout = ipywidgets.HTML(), ipywidgets.HTML()
        controls = [self.method, *self.sliders.values(), self.number, self.seed]
        for control in controls:
            control.observe(lambda _: self._show(), "value")
        super().__init__([self.picture, self.readout, *controls])
        self.add_class("d3f-dpp-playground")
        self._show()

    @default_style()
    def _show(self):
        """Draw what the sliders stand for."""
        values, free = {name: control.value for name, control in self.sliders.items()}, self.partial.free
        settings = DiversitySettings(dimensions=2, form=METHODS[self.method.value], **values)
        for name, control in self.sliders.items():
            control.layout.display = "none" if name in UNUSED[settings.form] else None
        sets = {}
        for form in ("iid", settings.form):
            wanted = replace(settings, form=form)
            samples = diversify(self.decoder, self.partial, wanted, number=self.number.value, seed=self.seed.value)
            sets[form] = samples, dpp_kernel(self.decoder, samples, free, settings).numpy()
        self.samples, pairs = sets[settings.form][0], np.triu_indices(self.number.value, 1)
        self.readout.value = "; ".join(
            f"{name}: closest pair {rms_distances(samples.vertices, samples.vertices, free)[pairs].min():.2f} mm, "
            f"expected cardinality {expected_cardinality(torch.from_numpy(matrix)):.2f}"
            for name, (samples, matrix) in (("i.i.d.", sets["iid"]), (self.method.value, sets[settings.form]))
        )
        ellipse = widest_modes(self.decoder, free, 2).reach[::-1] * ball_radius(settings.mass, 2)
        figure = _figure(sets[settings.form], sets["iid"], free, ellipse)
        alt = f"The kernel matrix of {len(self.samples.vertices)} samples and its eigenvalues; {self.method.value}."
        self.picture.value = figure_tag(figure, alt)


def _figure(chosen, independent, free, ellipse):
    """Two sets (HeadSamples, kernel) in the plane, the ellipse (2,) mm that bounds the search, a kernel, and eigenvalues."""
    figure = Figure(figsize=(9.6, 2.7))
    plane, picture, bars = figure.subplots(1, 3)
    figure.subplots_adjust(left=0.1, right=0.98, bottom=0.24, top=0.9, wspace=0.4)
    angle = np.linspace(0, 2 * np.pi, 200)
    plane.plot(ellipse[0] * np.cos(angle), ellipse[1] * np.sin(angle), color="grey", lw=1, label="radius R")
    plane.scatter(*independent[0].vertices[:, free][:, 0, :2].T, facecolors="none", edgecolors="grey", label="i.i.d.")
    plane.scatter(*chosen[0].vertices[:, free][:, 0, :2].T, color="#00336f", label="chosen")
    plane.set(title="the hidden point", xlabel="x (mm)", ylabel="y (mm)", aspect="equal")
    plane.legend(fontsize=7, ncol=3, loc="upper center", bbox_to_anchor=(0.5, -0.5))
    figure.colorbar(picture.imshow(chosen[1], vmin=0.0, vmax=1.0, cmap="cividis"), ax=picture, shrink=0.8)
    picture.set(title="kernel L", xlabel="sample", ylabel="sample")
    ranks = np.arange(len(chosen[1])) + 1
    bars.bar(ranks, np.linalg.eigvalsh(chosen[1])[::-1], color="#00336f", label="chosen")
    bars.plot(ranks, np.linalg.eigvalsh(independent[1])[::-1], "o", mfc="none", mec="grey", ms=4, label="i.i.d.")
    bars.set(title="eigenvalues of L", xlabel="number", ylabel="eigenvalue", ylim=(0, None))
    bars.legend(fontsize=7)
    for axis in (picture.xaxis, picture.yaxis, bars.xaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    return figure
