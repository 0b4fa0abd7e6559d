"""A photo and what hides its face: drawn, painted by hand, or estimated."""

import anywidget
import ipywidgets
import traitlets

from d3f_lite.errors import PhotoError
from d3f_lite.files.names import folder_name
from d3f_lite.observation.photo import Photo
from d3f_lite.occluders.drawing import OCCLUDER_KINDS, draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from widgets.background import BackgroundTask
from widgets.explorer import joined
from widgets.mask_painter import MaskPainter

ESTIMATED, PAINTED = "estimated from the photo", "painted by hand"
MOST_BYTES = 9_000_000  # a larger message ends the connection: Jupyter's server takes 10 MiB
MOST_PIXELS = 24_000_000
JPEG_OR_PNG = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # how their files begin; no other decoder sees what a stranger sends


def opened(content: bytes, name: str) -> Photo:
    """The Photo in a file of at most MOST_BYTES and MOST_PIXELS that a stranger may have sent.

    Raises:
        PhotoError: it is too large, neither JPEG nor PNG, or damaged; one line says which.
    """
    if len(content) > MOST_BYTES:
        raise PhotoError(f"{len(content) / 1e6:.1f} MB is too much; a photo may have {MOST_BYTES / 1e6:.0f} MB")
    if content and not content.startswith(JPEG_OR_PNG):
        raise PhotoError(f"{folder_name(name.split('/')[-1])}: not an image that can be read here: send a JPEG or a PNG")
    return Photo.open(name, content=content, largest=MOST_PIXELS)


class PhotoUpload(anywidget.AnyWidget):
    """A button that brings one photo to the kernel, and nothing of it to its disk: ``take(content, name)`` gets each."""

    _esm = joined("upload")
    most = traitlets.Int(MOST_BYTES, read_only=True).tag(sync=True)

    def __init__(self, take):
        super().__init__()

        def check(_, content, buffers):  # what a browser sent, which may be anything
            if isinstance(content, dict) and isinstance(content.get("name"), str) and len(buffers) == 1:
                take(bytes(buffers[0]), content["name"])

        self.on_msg(check)


class PhotoControls(ipywidgets.VBox):
    """Choose a photo and its occluder, and correct it with a brush; ``evidence`` is what ``observe`` takes.

    Files are read and occluders drawn in ``task``.

    Args:
        photo: Photo to begin with.
        occluded: its mask (H, W) bool, if there is one.
        changed: called when there is another photo, occluder or stroke.
    """

    def __init__(self, photo, occluded=None, changed=lambda: None):
        self.portrait, self.task, self._changed = photo, BackgroundTask(), changed
        kind = ESTIMATED if occluded is None else PAINTED
        self.occluder = ipywidgets.Dropdown(options=[ESTIMATED, PAINTED, *OCCLUDER_KINDS], value=kind,
                                            description="occluder")  # fmt: skip
        self.upload = PhotoUpload(lambda *file: self.task.start(lambda _: opened(*file), self._take_portrait))
        self.painter = MaskPainter(photo, occluded, changed)
        self.occluder.observe(lambda _: self._take_occluder(), "value")
        super().__init__([self.occluder, self.painter, ipywidgets.HBox([self.upload, self.task])])

    @property
    def evidence(self):
        """Photo, mask (H, W) bool or None where it is to be estimated, and strokes (H, W) int8 or None."""
        photo, strokes = self.painter.photo, self.painter.strokes
        if self.occluder.value != ESTIMATED:
            return photo, self.painter.occluded, None
        return photo, None, strokes if strokes.any() else None

    def show(self, observation):
        """Show the mask that was estimated for an Observation."""
        if self.occluder.value == ESTIMATED:
            self.painter.correct(observation.masks.occluded)

    def _take_occluder(self):
        kind, portrait = self.occluder.value, self.portrait
        if kind in OCCLUDER_KINDS:
            self.task.start(lambda _: draw_occluder(portrait, detect_landmarks(portrait), kind), self._take)
        else:
            self._take((portrait, None))

    def _take(self, pair):
        self.painter.set(*pair)
        self._changed()

    def _take_portrait(self, photo):
        """Take another photo, and estimate what hides its face."""
        self.portrait = photo
        if self.occluder.value == ESTIMATED:
            self._take_occluder()
        else:
            self.occluder.value = ESTIMATED
