"""A brush that marks what hides a face."""

from pathlib import Path

import anywidget
import cv2
import ipywidgets
import numpy as np
import traitlets

from d3f_lite.photo import check_mask
from widgets.figures import encoded

LARGEST_SIDE = 400  # px of the picture on the screen
BYTES = {"from_json": lambda value, _: bytes(value)}  # the browser sends a memoryview


class BrushCanvas(anywidget.AnyWidget):
    """A picture with a mask that is painted in the browser: ``mask`` holds one byte per pixel, 1 = occluded."""

    _esm = Path(__file__).with_suffix(".js")
    image = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    mask = traitlets.Bytes().tag(sync=True, **BYTES)
    radius = traitlets.Float(12.0).tag(sync=True)
    erasing = traitlets.Bool(False).tag(sync=True)


class MaskPainter(ipywidgets.VBox):
    """Paint the occluder of a Photo; ``occluded`` is the mask, and ``on_paint`` is called after each stroke."""

    def __init__(self, photo, occluded=None):
        height, width = photo.shape
        self._scale = min(1.0, LARGEST_SIDE / max(height, width))
        self._size = (max(1, round(width * self._scale)), max(1, round(height * self._scale)))
        self.canvas = BrushCanvas(size=list(self._size), mask=bytes(self._size[0] * self._size[1]))
        self.radius = ipywidgets.FloatSlider(12.0, min=2.0, max=60.0, description="brush radius r (px)",
                                             style={"description_width": "initial"},
                                             layout={"width": "250px"})  # fmt: skip
        self.erase = ipywidgets.ToggleButton(description="Erase")
        self.undo = ipywidgets.Button(description="Undo", disabled=True)
        self.clear = ipywidgets.Button(description="Clear")
        self._listeners, self._strokes, self._quiet = [], [], False
        self.set(photo, occluded)
        ipywidgets.jslink((self.radius, "value"), (self.canvas, "radius"))
        ipywidgets.jslink((self.erase, "value"), (self.canvas, "erasing"))
        self.canvas.observe(self._painted, "mask")
        self.undo.on_click(lambda _: self._undo())
        self.clear.on_click(lambda _: setattr(self.canvas, "mask", bytes(len(self.canvas.mask))))
        for button in (self.erase, self.undo, self.clear):
            button.layout.width = "60px"
        super().__init__([self.canvas, ipywidgets.HBox([self.radius, self.erase, self.undo, self.clear])])

    def set(self, photo, occluded=None):
        """Show another Photo of the same size and its mask (H, W) bool; None = nothing is occluded."""
        self.photo = photo
        self._occluded = np.zeros(photo.shape, bool) if occluded is None else check_mask(occluded, photo)
        small = cv2.resize(photo.pixels, self._size, interpolation=cv2.INTER_AREA)
        mask = cv2.resize(self._occluded.astype(np.uint8), self._size, interpolation=cv2.INTER_NEAREST)
        self._strokes, self.undo.disabled = [], True
        with self.canvas.hold_sync():
            self.canvas.image, self.canvas.alt = encoded(small), f"the photo {photo.name}"
            self._quietly(mask.tobytes())

    @property
    def occluded(self):
        """(H, W) bool, True where painted."""
        return self._occluded

    def on_paint(self, listener):
        """Call ``listener()`` after each change that the person makes."""
        self._listeners.append(listener)

    def _quietly(self, mask):
        """Show a mask without telling the listeners."""
        self._quiet = True
        self.canvas.mask = mask
        self._quiet = False

    def _painted(self, change):
        if not self._quiet:
            self._strokes = [*self._strokes, change["old"]][-20:]
            self._take(change["new"])

    def _undo(self):
        before = self._strokes.pop()
        self._quietly(before)
        self._take(before)

    def _take(self, mask):
        small = np.frombuffer(mask, np.uint8).reshape(self._size[::-1])
        self._occluded = cv2.resize(small, self.photo.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        self.undo.disabled = not self._strokes
        for listener in self._listeners:
            listener()
