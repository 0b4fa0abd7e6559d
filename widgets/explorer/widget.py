"""The explorer in a notebook: the view of a Reconstruction, and the same with a photo to choose and an occluder to paint."""

import tempfile
from dataclasses import asdict, replace

import anywidget
import ipywidgets
import traitlets

from d3f_lite.files.values import checked_count
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.photo import sample_photo
from d3f_lite.reconstruct import as_photo, complete, reconstruct
from d3f_lite.reconstruction import Reconstruction
from d3f_lite.results.explorer_data import explorer_data
from d3f_lite.settings import Settings
from widgets.download import Download
from widgets.explorer import joined, style
from widgets.photo_controls import PhotoControls


class ExplorerView(anywidget.AnyWidget):
    """The heads of a Reconstruction and what they come to under other settings; the search runs in the browser.

    ``state`` holds what differs from how it opened, and setting it moves the view there.

    Args:
        reconstruction: Reconstruction; None = there is nothing to see yet.
        state: the settings to begin with, by the names of DiversitySettings, and ``number``, ``seed``, ``head``, ``look``, ….
    """

    _esm = joined("widget")
    _css = style()
    data = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, reconstruction=None, **state):
        super().__init__(state=state)
        self._shown = None
        if reconstruction is not None:
            self.show(reconstruction)

    def show(self, reconstruction):
        """Show another Reconstruction under the same settings."""
        self._shown, self.data = reconstruction, explorer_data(reconstruction)

    @property
    def settings(self) -> Settings:
        """Settings as the sliders stand."""
        tables = asdict(self._shown.settings)
        known = tables["diversity"]
        known |= {name: value for name, value in self.state.items() if name in known}
        return Settings.from_tables(tables)

    @property
    def samples(self) -> int:
        """N, how many heads are shown."""
        return self._counted("number", "samples", len(self._shown.samples.vertices))

    @property
    def seed(self) -> int:
        """The seed of the draws; the fit keeps the one that it was made with."""
        return self._counted("seed", "seed", self._shown.samples.seed)

    def _counted(self, name, told, first):
        """A whole number of the state, checked: it comes from a browser."""
        value = self.state.get(name, first)
        checked_count(value, told, *self.data["limits"][name])
        return int(value)

    @property
    def reconstruction(self) -> Reconstruction | None:
        """The same fit with heads as the sliders stand, made in Python; None where there is nothing to see yet."""
        if self._shown is None:
            return None
        settings, fit, head = self.settings, self._shown.fit, self._shown.head
        heads = complete(fit, head, settings.diversity, self.samples, self.seed)
        return replace(self._shown, samples=heads, settings=settings)


class Explorer(ipywidgets.HBox):
    """From a photo and what hides its face to N heads that follow the sliders.

    The head is fitted here, in the background; the browser finds the heads. ``view`` shows them and ``reconstruction``
    has them, None until the first fit is there (``wait()``).

    Args:
        photo: Photo, path or (H, W, 3) uint8; by default a portrait with a drawn surgical mask.
        occluded: (H, W) bool; by default it is estimated from the photo.
        head: name of a head model.
        settings: Settings to begin with.
        samples: N to begin with.
    """

    def __init__(self, photo=None, occluded=None, *, head="anny", settings=Settings(), samples=16):
        self.head, self._first = load_head(head), {"settings": settings, "samples": samples}
        portrait = sample_photo("grace_hopper") if photo is None else as_photo(photo)
        self.photo, self.view, self.download = PhotoControls(portrait, occluded), ExplorerView(), Download()
        self.task, self.export = self.photo.task, ipywidgets.Button(description="Export", disabled=True)
        self.photo.on_change(self.fit)
        self.export.on_click(lambda _: self._export())
        choices = ipywidgets.VBox(
            [self.photo, ipywidgets.HBox([self.export, self.download])], layout={"flex": "0 0 332px", "padding": "0 14px 0 0"}
        )
        self.view.layout.flex, self.view.layout.min_width = "1 1 560px", "0"
        super().__init__([choices, self.view], layout={"flex_flow": "row wrap"})
        self.add_class("d3f-explorer")
        if photo is None and occluded is None:
            self.photo.occluder.value = "surgical_mask"
        else:
            self.fit()

    @property
    def reconstruction(self) -> Reconstruction | None:
        """The Reconstruction as the sliders stand."""
        return self.view.reconstruction

    def wait(self, timeout=60.0):
        """Wait, at most ``timeout`` seconds, until photo and fit are there; True when they are."""
        return self.task.wait(timeout)

    def fit(self):
        """Fit the head to the photo and its occluder as they stand, in the background."""
        photo, occluded, strokes = self.photo.evidence
        self.export.disabled = True

        def work(progress):
            return reconstruct(photo, occluded, strokes=strokes, head=self.head, progress=progress, **self._first)

        def show(found):
            self.view.show(found)
            self.photo.show(found.observation)
            self.export.disabled = False

        self.task.start(work, show)

    def _export(self):
        """Offer meshes, pictures, a report and the settings as an archive; nothing stays on a server that others use."""

        def save(progress):
            progress("writing the files", 0.0)
            with tempfile.TemporaryDirectory() as folder:
                self.download.offer(self.reconstruction.save(folder))

        self.task.start(save, lambda _: self.task.say("ready to be saved"))
