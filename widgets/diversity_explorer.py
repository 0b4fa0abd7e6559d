"""The flagship: mark an occluder on a photo, tune the diversification, compare, export."""

import tempfile
from dataclasses import replace

import ipywidgets
import numpy as np

from d3f_lite.completion.posterior import decoder_for
from d3f_lite.diversity.search import PartialHead
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.formats.load_head import load_head
from d3f_lite.metrics import spread
from d3f_lite.observation.photo import sample_photo
from d3f_lite.observe import observe
from d3f_lite.reconstruct import as_photo
from d3f_lite.reconstruction import Reconstruction
from d3f_lite.results.pictures import DISCLAIMER
from d3f_lite.settings import DiversitySettings, Settings
from widgets.background import BackgroundTask
from widgets.diversity_controls import DiversityControls, method_name
from widgets.download import Download
from widgets.dpp_scene import DppScene, kernel_figure, measures_table
from widgets.figures import figure_tag
from widgets.head_grid import HeadGrid
from widgets.photo_controls import PhotoControls

STREAM_EVERY = 10  # steps of the published loss between two pictures


class DiversityExplorer(ipywidgets.VBox):
    """From a photo and its occluder to N heads, i.i.d. beside DPP on one colour scale.

    ``reconstruction`` holds what is drawn, None until the first heads are there (``wait()``).

    Args:
        photo: Photo, path or (H, W, 3) uint8; by default a portrait with a drawn surgical mask.
        occluded: (H, W) bool; by default it is estimated from the photo.
        head: name of a head model.
        settings: Settings at the start.
    """

    def __init__(self, photo=None, occluded=None, *, head="anny", settings=Settings()):
        self.head, self.settings, self.reconstruction = load_head(head), settings, None
        self._fitted = None  # (evidence, seed), and the Observation, Fit and DppScene that were made of them
        portrait = sample_photo("grace_hopper") if photo is None else as_photo(photo)
        self._make_controls(portrait, occluded)
        self.spreads = HeadGrid(self.head.triangles, highest=6.0, height=340)
        self.grid = HeadGrid(self.head.triangles)
        self.readout, self.kernel = ipywidgets.HTML(), ipywidgets.HTML()
        super().__init__(self._layout())
        self.add_class("d3f-explorer")
        if photo is None and occluded is None:
            self.photo.occluder.value = "surgical_mask"
        else:
            self.generate()

    def _make_controls(self, portrait, occluded):
        self.task, self.saving = BackgroundTask(), BackgroundTask()
        self.photo = PhotoControls(portrait, occluded)
        self.controls = DiversityControls(self.settings.diversity)
        self.export, self.download = ipywidgets.Button(description="Export", disabled=True), Download()
        for part in (self.photo, self.controls):
            part.on_change(self.generate)
        self.export.on_click(lambda _: self._export())

    def _layout(self):
        note = ipywidgets.HTML(f"<b>{DISCLAIMER}</b>")
        middle = ipywidgets.VBox([self.controls, self.task, self.export, self.saving, self.download])
        right = ipywidgets.VBox([self.readout, self.kernel], layout={"width": "480px"})
        top = ipywidgets.HBox([self.photo, middle, right], layout={"flex_flow": "row wrap"})
        return [note, top, self.spreads, self.grid]

    def wait(self, timeout=60.0):
        """Wait, at most ``timeout`` seconds for each, until the photo and the heads are there; True when they are."""
        return self.photo.task.wait(timeout) and self.task.wait(timeout)

    def generate(self):
        """Fit, if photo, occluder or seed changed, and generate heads for the sliders as they stand, in the background."""
        settings, number, seed = self.controls.settings, self.controls.number.value, self.controls.seed.value
        evidence, words = self.photo.evidence, self.controls.words

        def stream(step, vertices):
            if step % STREAM_EVERY == 0:
                self.grid.show(vertices, caption=f"{number} heads after {step} steps")

        def work(progress):
            observation, fit, scene = self._fit(evidence, seed, progress)
            heads = scene.generate(settings, number, seed, progress, stream)
            independent = scene.generate(DiversitySettings(form="iid"), number, seed, progress)
            whole = replace(self.settings, diversity=settings)
            return Reconstruction(observation, self.head, fit, heads, whole, {}), independent, scene, words

        self.task.start(work, self._show)

    def _fit(self, evidence, seed, progress):
        """Observation, Fit and DppScene; computed once for each photo, mask and seed, as ``reconstruct`` would."""
        if self._fitted is None or self._fitted[1] != seed or not _same(self._fitted[0], evidence):
            progress("landmarks", 0.0)
            photo, occluded, strokes = evidence
            observation = observe(photo, occluded, strokes=strokes, seed=seed)
            fit = fit_visible(observation, self.head, self.settings.fit, progress)
            decoder = decoder_for(fit, self.head, self.settings.diversity)
            scene = DppScene(decoder, PartialHead.of(fit, self.head))
            self._fitted = evidence, seed, observation, fit, scene
        return self._fitted[2:]

    def _show(self, result):
        found, independent, scene, words = result
        self.reconstruction, self.export.disabled = found, False
        self.grid.show(found.samples.vertices, caption=words)
        part = "occluded" if found.fit.occluded.any() else "unseen"
        values = np.stack([spread(samples.vertices) for samples in (independent, found.samples)])
        self.spreads.where = scene.partial.free
        self.spreads.rescale(values[:, scene.partial.free].max())
        self.spreads.show(np.stack([found.fit.vertices] * 2), values,
                          f"spread over the {part} part, mm: independent (left), chosen method (right)")  # fmt: skip
        self.photo.show(found.observation)
        self._show_numbers(found, independent, scene)

    def _show_numbers(self, found, independent, scene):
        """The measures, and the kernel matrix with its eigenvalues."""
        settings = found.settings.diversity
        method = method_name(settings)
        sets = {"i.i.d.": independent, method: found.samples}
        kernels = {name: scene.kernel(samples, settings) for name, samples in sets.items()}
        measures = {name: scene.measures(samples, kernels[name]) for name, samples in sets.items()}
        self.readout.value = measures_table(measures) + scene.ruler(settings)
        alt = f"kernel matrix of the {len(found.samples.vertices)} heads, and its eigenvalues beside those of i.i.d. heads"
        self.kernel.value = figure_tag(kernel_figure(kernels[method].numpy(), kernels["i.i.d."].numpy()), alt)

    def _export(self):
        """Offer meshes, pictures, a report and the settings as an archive; nothing stays on a server that strangers may use."""
        found = self.reconstruction

        def save(progress):
            with tempfile.TemporaryDirectory() as folder:
                self.download.offer(found.save(folder))

        self.saving.start(save, lambda _: self.saving.say("ready to be saved"))


def _same(one, other):
    """Whether two pieces of evidence, (photo, mask, strokes), are the same."""
    return one[0] is other[0] and all(np.array_equal(a, b) for a, b in zip(one[1:], other[1:]))
