"""A brush that marks what hides a face, and what does not."""

from pathlib import Path

import anywidget
import cv2
import ipywidgets
import numpy as np
import traitlets

from d3f_lite.errors import MaskError
from d3f_lite.observation.masks import Stroke, check_mask, correct, write_mask, write_strokes
from widgets.figures import encoded

LARGEST_SIDE = 400  # px of the picture on the screen
BYTES = {"from_json": lambda value, _: bytes(value)}  # the browser sends a memoryview
KINDS = {stroke.name.lower(): int(stroke) for stroke in (Stroke.OCCLUDED, Stroke.VISIBLE)}  # in the order of mask_painter.js
STROKES_KEPT = 20  # for Undo


class BrushCanvas(anywidget.AnyWidget):
    """A picture with a ``mask`` (a byte per pixel, 1 = occluded) and ``strokes`` over it, painted in the browser."""

    _esm = Path(__file__).with_suffix(".js")
    image = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    mask = traitlets.Bytes().tag(sync=True, **BYTES)
    strokes = traitlets.Bytes().tag(sync=True, **BYTES)
    radius = traitlets.Float(12.0).tag(sync=True)
    kind = traitlets.Int(0).tag(sync=True)  # of KINDS

    @traitlets.validate("strokes")
    def _refuse_others(self, proposal):
        """What the browser sends must be strokes on this picture."""
        strokes = proposal["value"]
        if len(strokes) != self.size[0] * self.size[1] or not set(strokes) <= set(Stroke):
            raise MaskError(f"strokes must be {self.size[0]}×{self.size[1]} bytes of 0, 1 or 2")
        return strokes


class MaskPainter(ipywidgets.VBox):
    """Paint what hides the face of a Photo, or correct a mask of it.

    ``strokes`` is what was painted and ``occluded`` the mask that they correct; ``on_paint`` tells of each stroke.
    """

    def __init__(self, photo, occluded=None):
        self.canvas, self._listeners, self._before, self._quiet = BrushCanvas(), [], [], False
        self.radius = ipywidgets.FloatSlider(12.0, min=2.0, max=60.0, description="brush radius r (px)",
                                             style={"description_width": "initial"},
                                             layout={"width": "330px"})  # fmt: skip
        self.kind = ipywidgets.ToggleButtons(options=KINDS, tooltips=["paint what hides the face", "paint what does not"],
                                             style={"button_width": "80px"}, layout={"width": "180px"})  # fmt: skip
        self.undo = ipywidgets.Button(description="Undo", disabled=True)
        self.clear = ipywidgets.Button(description="Clear")
        self.set(photo, occluded)
        ipywidgets.jslink((self.radius, "value"), (self.canvas, "radius"))
        ipywidgets.jslink((self.kind, "index"), (self.canvas, "kind"))
        self.canvas.observe(self._painted, "strokes")
        self.undo.on_click(lambda _: self._undo())
        self.clear.on_click(lambda _: setattr(self.canvas, "strokes", bytes(len(self.canvas.strokes))))
        for button in (self.undo, self.clear):
            button.layout.width = "60px"
        super().__init__([self.canvas, self.radius, ipywidgets.HBox([self.kind, self.undo, self.clear])])

    def set(self, photo, occluded=None):
        """Show another Photo with its mask (H, W) bool, without strokes; None = nothing is occluded."""
        self.photo = photo
        scale = min(1.0, LARGEST_SIDE / max(photo.shape))
        self._size = tuple(max(1, round(side * scale)) for side in photo.shape[::-1])
        small = cv2.resize(photo.pixels, self._size, interpolation=cv2.INTER_AREA)
        with self.canvas.hold_sync():
            self.canvas.image, self.canvas.alt = encoded(small), f"the photo {photo.name}"
            self.canvas.size = list(self._size)
            self.correct(np.zeros(photo.shape, bool) if occluded is None else occluded)
            self._show_strokes(bytes(small.shape[0] * small.shape[1]))
        self._before, self.undo.disabled = [], True

    def correct(self, occluded):
        """Show a mask (H, W) bool below the strokes."""
        self._mask = check_mask(occluded, self.photo)
        small = cv2.resize(self._mask.astype(np.uint8), self._size, interpolation=cv2.INTER_NEAREST)
        self.canvas.mask = small.tobytes()

    @property
    def occluded(self):
        """(H, W) bool, the mask as the strokes correct it."""
        return correct(self._mask, self.strokes)

    @property
    def strokes(self):
        """(H, W) int8: 0 where nothing was painted, 1 = occluded, 2 = visible."""
        small = np.frombuffer(self.canvas.strokes, np.int8).reshape(self._size[::-1])
        return cv2.resize(small, self.photo.shape[::-1], interpolation=cv2.INTER_NEAREST)

    def on_paint(self, listener):
        """Call ``listener()`` after each change that the person makes."""
        self._listeners.append(listener)

    def save(self, path):
        """Write the mask as a PNG that ``read_mask`` and ``--mask`` read: white is occluded."""
        write_mask(self.occluded, path)

    def save_strokes(self, path):
        """Write the strokes as a PNG that ``read_strokes`` and ``--strokes`` read: red is occluded, blue visible."""
        write_strokes(self.strokes, path)

    def _show_strokes(self, strokes):
        """Show strokes without telling the listeners."""
        self._quiet = True
        self.canvas.strokes = strokes
        self._quiet = False

    def _painted(self, change):
        if not self._quiet:
            self._before = [*self._before, change["old"]][-STROKES_KEPT:]
            self._tell()

    def _undo(self):
        self._show_strokes(self._before.pop())
        self._tell()

    def _tell(self):
        self.undo.disabled = not self._before
        for listener in self._listeners:
            listener()
