"""One head in 3D, coloured by how far N heads differ where the photo is occluded."""

import threading
from dataclasses import replace

import ipywidgets

from d3f_lite.errors import SettingsError
from d3f_lite.reconstruct import complete
from d3f_lite.results.pictures import heatmap_shares
from d3f_lite.results.sheet_of_samples import DISCLAIMER
from widgets.background import BackgroundTask
from widgets.plots import add_scaled, empty_plot, head_mesh, look_at, recolour
from widgets.sliders import WIDE, setting, slider


class HeadViewer(ipywidgets.VBox):
    """One k3d plot of a Reconstruction with sliders for the head shown, the DPP weight w and the number of heads N.

    ``reconstruction`` always holds what is drawn.
    """

    def __init__(self, reconstruction, height=420):
        fit, spread, number = reconstruction.fit, reconstruction.spread, len(reconstruction.samples.vertices)
        if number < 2:
            raise SettingsError("one head has no spread to show: reconstruct with samples=2 or more")
        self.task, self.readout, self._drawing = BackgroundTask(), ipywidgets.HTML(), threading.RLock()
        self.shown = ipywidgets.IntSlider(0, 0, number, description="head shown i (0 = the fit)", **WIDE)
        self.weight = setting("dpp_weight", "DPP weight w (nats)", reconstruction.settings.diversity)
        self.number = slider("number of heads N", range(2, 33), number)
        self._shares = heatmap_shares(fit, reconstruction.head)
        highest = spread[self._shares[0] > 0].max(initial=0.0)
        self.plot = empty_plot(height)
        self.mesh = head_mesh(fit.vertices, reconstruction.head.triangles, spread, highest=highest, name="spread (mm)")
        add_scaled(self.plot, self.mesh, "spread")
        look_at(self.plot, fit.vertices, yaw=0.35)
        self.show(reconstruction)
        self.shown.observe(lambda _: self._draw(), "value")
        for control in (self.weight, self.number):
            control.observe(lambda _: self._generate(), "value")
        note = ipywidgets.HTML(f"<b>{DISCLAIMER}</b> Drag to turn, scroll to zoom.")
        legend = ipywidgets.HTML(
            "Colours: spread (standard deviation) of the N heads, in mm. Light: the photo shows it; grey: never seen."
        )
        super().__init__([legend, self.plot, self.shown, self.weight, self.number, self.readout, self.task, note])
        self.add_class("d3f-head-viewer")

    def show(self, reconstruction):
        """Draw a Reconstruction of the same photo, and its numbers."""
        measures, number = reconstruction.measures(), len(reconstruction.samples.vertices)
        part = "occluded" if reconstruction.fit.occluded.any() else "unseen"
        with self._drawing:
            self.reconstruction, self.shown.max = reconstruction, number
            self.readout.value = (
                f"N = {number}, w = {reconstruction.settings.diversity.dpp_weight:g} nats: "
                f"the {part} part spreads {measures[f'spread_{part}_mm']:.2f} mm "
                f"(ASD {measures[f'asd_{part}_mm']:.2f} mm), the visible part {measures['spread_visible_mm']:.2f} mm"
            )
            self._draw()

    def _draw(self):
        """Send the head shown and the heatmap to the plot."""
        with self._drawing:
            place, found = self.shown.value, self.reconstruction
            recolour(self.mesh, [found.fit.vertices, *found.samples.vertices][place], found.spread, *self._shares)
            self.plot.render()

    def _generate(self):
        """Generate heads for the sliders' places, in the background."""
        base, number = self.reconstruction, self.number.value
        diversity = replace(base.settings.diversity, form="calibrated", dpp_weight=float(self.weight.value))

        def work(progress):
            heads = complete(base.fit, base.head, diversity, number, base.samples.seed, progress)
            return replace(base, samples=heads, settings=replace(base.settings, diversity=diversity))

        self.task.start(work, self.show)
