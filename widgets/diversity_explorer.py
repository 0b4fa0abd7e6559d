"""The flagship: mark an occluder on a photo, tune the diversification, compare, export."""

from dataclasses import replace
from pathlib import Path

import ipywidgets
import numpy as np

from d3f_lite.fitting import fit_visible
from d3f_lite.heads import load_head
from d3f_lite.landmarks import detect_landmarks
from d3f_lite.metrics import spread
from d3f_lite.occluders import OCCLUDERS, draw_occluder
from d3f_lite.occlusion import observe
from d3f_lite.photo import sample_photo
from d3f_lite.pictures import DISCLAIMER
from d3f_lite.pipeline import Reconstruction, as_photo, decoder_for
from d3f_lite.settings import DiversitySettings, Settings
from widgets.background import BackgroundTask
from widgets.diversity_controls import DiversityControls
from widgets.dpp_scene import DppScene, kernel_figure, measures_table
from widgets.figures import figure_tag
from widgets.head_grid import HeadGrid
from widgets.mask_painter import MaskPainter

PAINTED = "painted by hand"
STREAM_EVERY = 10  # steps of the published loss between two pictures


class DiversityExplorer(ipywidgets.VBox):
    """From a photo and its occluder to N heads, i.i.d. beside DPP on one colour scale.

    ``reconstruction`` holds what is drawn, None until the first heads are there (``task.wait()``).

    Args:
        photo: Photo, path or (H, W, 3) uint8; by default a portrait.
        occluded: (H, W) bool; by default a drawn occluder.
        head: name of a head model.
        settings: Settings at the start.
    """

    def __init__(self, photo=None, occluded=None, *, head="anny", settings=Settings()):
        self.portrait = sample_photo("grace_hopper") if photo is None else as_photo(photo)
        self.head, self.settings, self.reconstruction = load_head(head), settings, None
        self._fitted = None  # (photo, mask, Observation, Fit, DppScene) of the last fit
        self._make_controls(occluded)
        self.spreads = HeadGrid(self.head.triangles, highest=6.0, height=340)
        self.grid = HeadGrid(self.head.triangles, height=340)
        self.readout, self.kernel = ipywidgets.HTML(), ipywidgets.HTML()
        super().__init__(self._layout())
        self.add_class("d3f-explorer")
        if occluded is None:
            self.occluder.value = "surgical_mask"
        else:
            self.generate()

    def _make_controls(self, occluded):
        self.painter, self.controls = MaskPainter(self.portrait, occluded), DiversityControls(self.settings.diversity)
        self.occluder = ipywidgets.Dropdown(options=[PAINTED, *OCCLUDERS], value=PAINTED, description="occluder")
        self.folder = ipywidgets.Text("results", description="folder")
        self.export = ipywidgets.Button(description="Export", disabled=True)
        self.task, self.saving = BackgroundTask(), BackgroundTask()
        self.controls.on_change(self.generate)
        self.controls.bandwidth.observe(lambda _: self.generate(), "value")
        self.painter.on_paint(self._painted)
        self.occluder.observe(lambda _: self._draw_occluder(), "value")
        self.export.on_click(lambda _: self._export())

    def _layout(self):
        note = ipywidgets.HTML(f"<b>{DISCLAIMER}</b>")
        left = ipywidgets.VBox([self.occluder, self.painter])
        right = ipywidgets.VBox([self.controls, self.task, ipywidgets.HBox([self.folder, self.export]), self.saving])
        top = ipywidgets.HBox([left, right], layout={"flex_flow": "row wrap"})
        return [note, top, self.readout, self.spreads, self.grid, self.kernel]

    def _draw_occluder(self):
        """Draw the chosen occluder on the portrait, then fit; "painted" starts from nothing."""
        kind = self.occluder.value
        if kind == PAINTED:
            self.painter.set(self.portrait)
        else:
            portrait = self.portrait
            self.task.start(lambda _: draw_occluder(portrait, detect_landmarks(portrait), kind), self._occlude)

    def _occlude(self, drawn):
        self.painter.set(*drawn)
        self.generate()

    def _painted(self):
        if self.painter.occluded.any():
            self.generate()

    def generate(self):
        """Fit, if the occluder changed, and generate heads for the sliders as they stand, in the background."""
        settings, number, seed = self.controls.settings, self.controls.number.value, self.controls.seed.value
        photo, occluded, width = self.painter.photo, self.painter.occluded, self.controls.bandwidth.value

        def stream(step, vertices):
            if step % STREAM_EVERY == 0:
                self.grid.show(vertices, caption=f"{number} heads after {step} steps")

        def work(progress):
            observation, fit, scene = self._fit(photo, occluded, progress)
            heads = scene.generate(settings, number, seed, progress, stream)
            independent = scene.generate(DiversitySettings(form="iid"), number, seed, progress)
            whole = replace(self.settings, diversity=settings)
            found = Reconstruction(observation, self.head, fit, heads, whole, {})
            kernels = [scene.kernel(samples, settings, width) for samples in (heads, independent)]
            return found, independent, scene, *kernels

        self.task.start(work, self._show)

    def _fit(self, photo, occluded, progress):
        """Observation, Fit and DppScene of a photo and its mask; computed once for each."""
        if self._fitted is None or self._fitted[0] is not photo or self._fitted[1] is not occluded:
            progress("landmarks", 0.0)
            observation = observe(photo, occluded if occluded.any() else None)
            fit = fit_visible(observation, self.head, self.settings.fit, progress)
            free = fit.occluded if fit.occluded.any() else ~fit.visible
            decoder = decoder_for(fit, self.head, self.settings.diversity)
            scene = DppScene(decoder, fit.vertices, fit.visible, free, self.head.triangles)
            self._fitted = photo, occluded, observation, fit, scene
        return self._fitted[2:]

    def _show(self, result):
        found, independent, scene, dpp_kernel, independent_kernel = result
        self.reconstruction, self.export.disabled = found, False
        method, where = self.controls.form.value, scene.free
        values = np.stack([spread(samples.vertices) for samples in (independent, found.samples)])
        self.spreads.where = where
        self.spreads.rescale(values[:, where].max())
        self.spreads.show(np.stack([found.fit.vertices] * 2), values,
                          f"spread over the occluded part, mm: independent (left), {method} (right)")  # fmt: skip
        self.grid.show(found.samples.vertices, caption=f"{len(found.samples.vertices)} heads, {method}")
        rows = {"i.i.d.": scene.measures(independent, independent_kernel)}
        self.readout.value = measures_table(rows | {method: scene.measures(found.samples, dpp_kernel)})
        alt = f"kernel matrix of the {len(dpp_kernel)} heads and its eigenvalues"
        self.kernel.value = figure_tag(kernel_figure(dpp_kernel.numpy()), alt)

    def _export(self):
        """Write meshes, pictures, a report and the settings."""
        found, folder = self.reconstruction, self.folder.value

        def work(progress):
            path = Path(found.save(folder))
            (path / "settings.toml").write_text(found.settings.to_toml(), encoding="utf-8")
            return path

        self.saving.start(work, lambda path: self.saving.say(f"written to {path}"))
