"""The fit of the visible part: switches, progress, overlay and the colour difference as it goes down."""

from dataclasses import replace

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from d3f_lite.common.plots import default_style
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.heads.model import JAW_POINTS
from d3f_lite.metrics import landmark_nme
from d3f_lite.results.pictures import face_window, mark_occluder, overlay
from d3f_lite.settings import FitSettings
from widgets.background import BackgroundTask
from widgets.figures import figure_tag
from widgets.sliders import slider


class FittingViewer(ipywidgets.VBox):
    """Fit a HeadModel to an Observation with switches for the ingredients; ``fit`` is what is drawn, None before.

    Args:
        observation: Observation.
        head: HeadModel.
        settings: FitSettings at the start.
    """

    def __init__(self, observation, head, settings=FitSettings()):
        self.observation, self.head, self.fit, self._base = observation, head, None, settings
        pixels = (0, 25, 50, 100, 200, 400, 800, 3200)
        self.controls = {
            "calibrated": ipywidgets.Checkbox(settings.calibrated, description="detector calibrated"),
            "regional": ipywidgets.Checkbox(settings.regional, description="regional bases"),
            "prior_weight": slider("prior weight λ (1)", (0.1, 0.3, 1.0, 3.0, 10.0), settings.prior_weight),
            "photometric_weight": slider("photometric weight n (px)", pixels, settings.photometric_weight),
            "photometric_iterations": slider("Gauss-Newton steps T", (0, 1, 2, 4, 6, 10), settings.photometric_iterations),
        }
        self.button = ipywidgets.Button(description="Fit", button_style="primary")
        self.task, self.readout = BackgroundTask(), ipywidgets.HTML()
        self.picture, self.losses = ipywidgets.HTML(), ipywidgets.HTML()
        self.button.on_click(lambda _: self.start())
        pictures = ipywidgets.HBox([self.picture, self.losses], layout={"flex_flow": "row wrap"})
        super().__init__([pictures, self.readout, *self.controls.values(), self.button, self.task])
        self._draw(None)
        self.add_class("d3f-fitting-viewer")

    @property
    def settings(self):
        """FitSettings as the switches stand."""
        return replace(self._base, **{name: control.value for name, control in self.controls.items()})

    def start(self):
        """Fit in the background; the colour differences are drawn as it goes."""
        settings = self.settings
        work = lambda progress: fit_visible(self.observation, self.head, settings, progress, self._draw_losses)
        self.task.start(work, self._draw)

    @default_style()
    def _draw(self, fit):
        self.fit, photo = fit, self.observation.photo
        pictures = {"photo and occluder": mark_occluder(photo.pixels, self.observation.masks.occluded)}
        if fit is not None:
            pictures["fitted head"] = overlay(photo, self.head, fit)
            self._draw_losses(fit.history)
            found = self.observation.landmarks
            used = found.reliable & (np.arange(68) >= JAW_POINTS)
            self.readout.value = (
                f"{100 * landmark_nme(fit.landmarks, found.xy, used):.2f} % of the inter-ocular distance at the "
                f"{used.sum()} reliable inner landmarks; {fit.visible.sum()} vertices visible, "
                f"{fit.occluded.sum()} occluded, {fit.unseen.sum()} unseen"
            )
        figure = Figure(figsize=(2.8 * len(pictures), 2.8), layout="constrained")
        for place, (title, pixels) in enumerate(pictures.items(), start=1):
            axes = figure.add_subplot(1, len(pictures), place, title=title)
            axes.imshow(pixels[face_window(self.observation)])
            axes.set_axis_off()
        self.picture.value = figure_tag(figure, f"{', and '.join(pictures)} of {photo.name}")

    @default_style()
    def _draw_losses(self, history):
        """Draw the mean colour differences so far."""
        figure = Figure(figsize=(3.2, 2.8))
        steps = max(self.controls["photometric_iterations"].value, 1)
        axes = figure.add_axes((0.24, 0.19, 0.7, 0.7), xlim=(0, steps), title="mean colour difference",
                               xlabel="Gauss-Newton steps", ylabel="of full brightness")  # fmt: skip
        axes.plot(history, marker="o", color="#00336f")
        last = f", down from {history[0]:.3f} to {history[-1]:.3f}" if len(history) else ""
        self.losses.value = figure_tag(figure, f"the mean colour difference after {max(len(history) - 1, 0)} steps{last}")
