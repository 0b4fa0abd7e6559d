"""A photo and what hides its face: drawn, painted by hand, or estimated."""

import ipywidgets

from d3f_lite.occluders.drawing import OCCLUDER_KINDS, draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from widgets.background import BackgroundTask
from widgets.mask_painter import MaskPainter
from widgets.photo_upload import PhotoUpload

ESTIMATED, PAINTED = "estimated from the photo", "painted by hand"


class PhotoControls(ipywidgets.VBox):
    """Choose a photo and its occluder, and correct it with a brush; ``evidence`` is what ``observe`` takes.

    Files are read and occluders drawn in ``task``; ``on_change`` tells when that is done.

    Args:
        photo: Photo to begin with.
        occluded: its mask (H, W) bool, if there is one.
    """

    def __init__(self, photo, occluded=None):
        self.portrait, self.task, self._listeners = photo, BackgroundTask(), []
        kind = ESTIMATED if occluded is None else PAINTED
        self.occluder = ipywidgets.Dropdown(options=[ESTIMATED, PAINTED, *OCCLUDER_KINDS], value=kind,
                                            description="occluder")  # fmt: skip
        self.upload = PhotoUpload()
        self.painter = MaskPainter(photo, occluded)
        self.occluder.observe(lambda _: self._take_occluder(), "value")
        self.upload.on_photo(lambda read: self.task.start(lambda _: read(), self._take_portrait))
        self.painter.on_paint(self._tell)
        super().__init__([self.occluder, self.painter, ipywidgets.HBox([self.upload, self.task])])

    @property
    def evidence(self):
        """Photo, mask (H, W) bool or None where it is to be estimated, and strokes (H, W) int8 or None."""
        painter = self.painter
        if self.occluder.value != ESTIMATED:
            return painter.photo, painter.occluded, None
        return painter.photo, None, painter.strokes if painter.strokes.any() else None

    def on_change(self, listener):
        """Call ``listener()`` when there is another photo, occluder or stroke."""
        self._listeners.append(listener)

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
        self._tell()

    def _take_portrait(self, photo):
        """Take another photo, and estimate what hides its face."""
        self.portrait = photo
        if self.occluder.value == ESTIMATED:
            self._take_occluder()
        else:
            self.occluder.value = ESTIMATED

    def _tell(self):
        for listener in self._listeners:
            listener()
