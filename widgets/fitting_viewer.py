"""The fit of the visible part: switches, progress, overlay and the colour difference it went down."""

from dataclasses import replace

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from d3f_lite.fitting import fit_visible
from d3f_lite.landmark_fitting import reliable_landmarks
from d3f_lite.metrics import landmark_nme
from d3f_lite.pictures import face_window, mark_occluder, overlay
from d3f_lite.pipeline import INNER
from d3f_lite.settings import FitSettings
from widgets.background import BackgroundTask
from widgets.figures import figure_tag
from widgets.sliders import steps

WEIGHTS = (0, 10, 20, 40, 80, 160, 320)  # px
ITERATIONS = (0, 15, 30, 60, 120, 200)
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
        self.prior = steps("prior weight (1)", PRIORS, settings.prior_weight)
        self.weight = steps("photometric weight n (px)", WEIGHTS, settings.photometric_weight)
        self.iterations = steps("iterations", ITERATIONS, settings.photometric_iterations)
        self.button = ipywidgets.Button(description="Fit", button_style="primary")
        self.task, self.picture, self.readout = BackgroundTask(), ipywidgets.HTML(), ipywidgets.HTML()
        self.button.on_click(lambda _: self.start())
        controls = [self.calibrated, self.regional, self.prior, self.weight, self.iterations]
        super().__init__([self.picture, self.readout, *controls, self.button, self.task])
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
        """Fit in the background."""
        settings = self.settings
        self.task.start(lambda progress: fit_visible(self.observation, self.head, settings, progress), self._draw)

    def _draw(self, fit):
        self.fit = fit
        photo, window = self.observation.photo, face_window(self.observation)
        figure = Figure(figsize=(8.4, 2.8), layout="constrained")
        axes = figure.subplots(1, 3)
        axes[0].imshow(mark_occluder(photo.pixels, self.observation.masks.occluded)[window])
        axes[0].set_title("photo and occluder")
        if fit is not None:
            axes[1].imshow(overlay(photo, self.head, fit)[window])
            axes[1].set_title("fitted head")
            axes[2].plot(np.arange(len(fit.history)) + 1, fit.history, color="#00336f")
            axes[2].set(title="mean colour difference", xlabel="iteration", ylabel="of full brightness")
            self.readout.value = self._numbers(fit)
        for axis in axes[: 2 if fit is not None else 3]:
            axis.set_axis_off()
        alt = "the photo with its occluder, the fitted head laid over it, and the colour difference by iteration"
        self.picture.value = figure_tag(figure, alt)

    def _numbers(self, fit):
        found = self.observation.landmarks
        used = reliable_landmarks(found) & (np.arange(68) >= INNER.start)
        return (
            f"{100 * landmark_nme(fit.landmarks, found.xy, used):.2f} % of the inter-ocular distance at the "
            f"{used.sum()} reliable inner landmarks; {fit.visible.sum()} vertices visible, "
            f"{fit.occluded.sum()} occluded, {fit.unseen.sum()} unseen"
        )
