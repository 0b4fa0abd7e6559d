"""The explorer in a notebook: the view of a Reconstruction, and the same with a photo to choose and an occluder to paint."""

import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

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
    def reconstruction(self) -> Reconstruction | None:
        """The same fit with heads as the sliders stand, made in Python; None where there is nothing to see yet.

        Raises:
            SettingsError: the browser sent what no slider can.
        """
        if self._shown is None:
            return None
        number, seed = (self.state.get(name, self.data["settings"][name]) for name in ("number", "seed"))
        checked_count(number, "number", *self.data["limits"]["number"])
        checked_count(seed, "seed", *self.data["limits"]["seed"])
        tables = asdict(self._shown.settings)
        tables["diversity"] |= {name: value for name, value in self.state.items() if name in tables["diversity"]}
        settings = Settings.from_tables(tables)
        heads = complete(self._shown.fit, self._shown.head, settings.diversity, number, seed)
        return replace(self._shown, samples=heads, settings=settings)


class Explorer(ipywidgets.HBox):
    """From a photo and what hides its face to N heads that follow the sliders.

    The head is fitted here, in the background; the browser finds the heads. ``reconstruction`` has them as the sliders
    stand, None until the first fit is there (``wait()``).

    Args:
        photo: Photo, path or (H, W, 3) uint8; by default a portrait with a drawn surgical mask.
        occluded: (H, W) bool; by default it is estimated from the photo.
        head: name of a head model.
        settings: Settings to begin with.
        samples: N to begin with.
    """

    def __init__(self, photo=None, occluded=None, *, head="anny", settings=Settings(), samples=16):
        self._how = {"head": load_head(head), "settings": settings, "samples": samples}
        portrait = sample_photo("grace_hopper") if photo is None else as_photo(photo)
        self.photo, self.view = PhotoControls(portrait, occluded, self.fit), ExplorerView()
        self.export = ipywidgets.Button(description="Export", disabled=True)
        self.task, self.wait = self.photo.task, self.photo.task.wait
        self.export.on_click(lambda _: self.task.start(self._export, lambda _: self.task.say("ready to be saved")))
        choices = ipywidgets.VBox([self.photo, self.export], layout={"flex": "0 0 332px", "padding": "0 14px 0 0"})
        self.view.layout.flex, self.view.layout.min_width = "1 1 480px", "0"
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

    def fit(self):
        """Fit the head to the photo and its occluder as they stand, in the background."""
        photo, occluded, strokes = self.photo.evidence
        self.export.disabled = True

        def show(found):
            self.view.show(found)
            self.photo.show(found.observation)
            self.export.disabled = False

        work = lambda progress: reconstruct(photo, occluded, strokes=strokes, progress=progress, **self._how)
        self.task.start(work, show)

    def _export(self, progress):
        """Send meshes, pictures, a report and the settings as an archive; nothing stays on a server that others use."""
        progress("writing the files", 0.0)
        with tempfile.TemporaryDirectory() as home:
            folder = self.reconstruction.save(home)
            archive = Path(shutil.make_archive(str(folder), "zip", folder))
            self.view.send({"archive": archive.name}, buffers=[archive.read_bytes()])
