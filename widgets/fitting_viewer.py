"""The fit of the visible part: switches, progress, overlay and the colour difference as it goes down."""

from dataclasses import replace

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from d3f_lite.fitting.fit import fit_visible
from d3f_lite.heads.model import JAW_POINTS
from d3f_lite.metrics import landmark_nme
from d3f_lite.results.pictures import face_window, mark_occluder, overlay
from d3f_lite.settings import FitSettings
from widgets.background import BackgroundTask
from widgets.figures import figure_tag
from widgets.sliders import steps

WEIGHTS = (0, 25, 50, 100, 200, 400, 800, 3200)  # px
ITERATIONS = (0, 1, 2, 4, 6, 10)
PRIORS = (0.1, 0.3, 1.0, 3.0, 10.0)


class FittingViewer(ipywidgets.VBox):
    """Fit a HeadModel to an Observation with switches for the ingredients; ``fit`` is what is drawn, None before.

    Args:
        observation: Observation.
        head: HeadModel.
        settings: FitSettings at the start.
    """

    def __init__(self, observation, head, settings=FitSettings()):
        self.observation, self.head, self.fit, self._base = observation, head, None, settings
        self.calibrated = ipywidgets.Checkbox(settings.calibrated, description="detector calibrated")
        self.regional = ipywidgets.Checkbox(settings.regional, description="regional bases")
        self.prior = steps("prior weight λ (1)", PRIORS, settings.prior_weight)
        self.weight = steps("photometric weight n (px)", WEIGHTS, settings.photometric_weight)
        self.iterations = steps("Gauss-Newton steps T", ITERATIONS, settings.photometric_iterations)
        self.button = ipywidgets.Button(description="Fit", button_style="primary")
        self.task, self.readout = BackgroundTask(), ipywidgets.HTML()
        self.picture, self.losses = ipywidgets.HTML(), ipywidgets.HTML()
        self.button.on_click(lambda _: self.start())
        controls = [self.calibrated, self.regional, self.prior, self.weight, self.iterations]
        pictures = ipywidgets.HBox([self.picture, self.losses], layout={"flex_flow": "row wrap"})
        super().__init__([pictures, self.readout, *controls, self.button, self.task])
        self._draw(None)
        self.add_class("d3f-fitting-viewer")

    @property
    def settings(self):
        """FitSettings as the switches stand."""
        return replace(
            self._base, calibrated=self.calibrated.value, regional=self.regional.value, prior_weight=self.prior.value,
            photometric_weight=float(self.weight.value), photometric_iterations=self.iterations.value,
        )  # fmt: skip

    def start(self):
        """Fit in the background; the colour differences are drawn as it goes."""
        settings = self.settings

        watch = lambda history: self._draw_losses(history, settings.photometric_iterations)
        self.task.start(lambda progress: fit_visible(self.observation, self.head, settings, progress, watch), self._draw)

    def _draw(self, fit):
        self.fit = fit
        photo, window = self.observation.photo, face_window(self.observation)
        figure = Figure(figsize=(5.6, 2.8), layout="constrained")
        pictures = {"photo and occluder": mark_occluder(photo.pixels, self.observation.masks.occluded)}
        if fit is not None:
            pictures["fitted head"] = overlay(photo, self.head, fit)
            self.readout.value = self._numbers(fit)
            self._draw_losses(fit.history, self.settings.photometric_iterations)
        for axis, (title, pixels) in zip(figure.subplots(1, 2), pictures.items()):
            axis.imshow(pixels[window])
            axis.set(title=title)
        for axis in figure.axes:
            axis.set_axis_off()
        self.picture.value = figure_tag(figure, f"{', and '.join(pictures)} of {photo.name}")

    def _draw_losses(self, history, iterations):
        """Draw the mean colour differences so far."""
        figure = Figure(figsize=(3.2, 2.8))
        axis = figure.subplots()
        figure.subplots_adjust(left=0.24, right=0.94, bottom=0.19, top=0.89)
        axis.plot(history, marker="o", color="#00336f")
        axis.set(title="mean colour difference", xlabel="Gauss-Newton steps", ylabel="of full brightness",
                 xlim=(0, max(iterations, 1)))  # fmt: skip
        last = f", down from {history[0]:.3f} to {history[-1]:.3f}" if len(history) else ""
        self.losses.value = figure_tag(figure, f"the mean colour difference after {max(len(history) - 1, 0)} steps{last}")

    def _numbers(self, fit):
        found = self.observation.landmarks
        used = found.reliable & (np.arange(68) >= JAW_POINTS)
        return (
            f"{100 * landmark_nme(fit.landmarks, found.xy, used):.2f} % of the inter-ocular distance at the "
            f"{used.sum()} reliable inner landmarks; {fit.visible.sum()} vertices visible, "
            f"{fit.occluded.sum()} occluded, {fit.unseen.sum()} unseen"
        )
