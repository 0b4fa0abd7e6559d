"""One head in 3D, coloured by how far N heads differ where the photo is occluded."""

import threading
from dataclasses import replace

import ipywidgets

from d3f_lite.errors import SettingsError
from d3f_lite.reconstruct import complete
from d3f_lite.results.pictures import DISCLAIMER
from d3f_lite.results.viewer import empty_plot, head_mesh, look_at, recolour
from widgets.background import BackgroundTask
from widgets.sliders import steps, whole

DPP_WEIGHTS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)  # nats
MOST_HEADS = 32


class HeadViewer(ipywidgets.VBox):
    """One k3d plot of a Reconstruction with sliders for the head shown, the DPP weight w and the number of heads N.

    ``reconstruction`` always holds what is drawn.
    """

    def __init__(self, reconstruction, height=420):
        if len(reconstruction.samples.vertices) < 2:
            raise SettingsError("one head has no spread to show: reconstruct with samples=2 or more")
        self.reconstruction, self._drawing = reconstruction, threading.RLock()
        self.task, self.readout = BackgroundTask(), ipywidgets.HTML()
        self._make_sliders()
        self._make_plot(height)
        self.show(reconstruction)
        note = ipywidgets.HTML(f"<b>{DISCLAIMER}</b> Drag to turn, scroll to zoom.")
        legend = ipywidgets.HTML("Colours: spread (standard deviation) of the N heads, in mm. Grey: not occluded.")
        super().__init__([legend, self.plot, self.shown, self.weight, self.number, self.readout, self.task, note])
        self.add_class("d3f-head-viewer")

    def _make_sliders(self):
        number = len(self.reconstruction.samples.vertices)
        self.shown = whole("head shown i (0 = the fit)", 0, 0, number)
        self.weight = steps("DPP weight w (nats)", DPP_WEIGHTS, self.reconstruction.settings.diversity.dpp_weight)
        self.number = whole("number of heads N", number, 2, MOST_HEADS)
        self.shown.observe(lambda _: self._draw(), "value")
        for slider in (self.weight, self.number):
            slider.observe(lambda _: self._redraw(), "value")

    def _make_plot(self, height):
        fit, spread = self.reconstruction.fit, self.reconstruction.spread
        self._where = fit.occluded if fit.occluded.any() else ~fit.visible
        self.plot = empty_plot(height)
        self.mesh = head_mesh(fit.vertices, self.reconstruction.head.triangles, spread, where=self._where,
                              highest=spread[self._where].max(), name="spread over the occluded part (mm)")  # fmt: skip
        self.plot += self.mesh
        self.plot.colorbar_object_id = self.mesh.id
        look_at(self.plot, fit.vertices, yaw=0.35)

    def show(self, reconstruction):
        """Draw a Reconstruction of the same photo, and its numbers."""
        with self._drawing:
            self.reconstruction = reconstruction
            self.readout.value = self._numbers()
            self.shown.max = len(reconstruction.samples.vertices)
            self._draw()

    def _numbers(self):
        """What stands under the sliders."""
        found, measures = self.reconstruction, self.reconstruction.measures()
        part = "occluded" if found.fit.occluded.any() else "unseen"
        return (
            f"N = {len(found.samples.vertices)}, w = {found.settings.diversity.dpp_weight:g} nats: "
            f"the {part} part spreads {measures[f'spread_{part}_mm']:.2f} mm "
            f"(ASD {measures[f'asd_{part}_mm']:.2f} mm), the visible part {measures['spread_visible_mm']:.2f} mm"
        )

    def _draw(self):
        """Send the head shown and the heatmap to the plot."""
        with self._drawing:
            place, found = self.shown.value, self.reconstruction
            vertices = found.fit.vertices if place == 0 else found.samples.vertices[place - 1]
            recolour(self.mesh, vertices, found.spread, self._where)
            self.plot.render()

    def _redraw(self):
        """Generate heads for the sliders' places, in the background."""
        base = self.reconstruction
        diversity = replace(base.settings.diversity, form="calibrated", dpp_weight=float(self.weight.value))
        number = self.number.value

        def work(progress):
            heads = complete(base.fit, base.head, diversity, number, base.samples.seed, progress)
            return replace(base, samples=heads, settings=replace(base.settings, diversity=diversity))

        self.task.start(work, self.show)
