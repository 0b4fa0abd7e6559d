"""A brush that marks what hides a face, and what does not."""

import anywidget
import cv2
import numpy as np
import traitlets

from d3f_lite.observation.masks import Stroke, check_mask, correct, write_mask, write_strokes
from widgets.explorer import joined
from widgets.figures import encoded

BYTES = {"from_json": lambda value, _: bytes(value)}  # the browser sends a memoryview


class MaskPainter(anywidget.AnyWidget):
    """Paint what hides the face of a Photo, or correct a mask of it.

    ``strokes`` is what was painted and ``occluded`` the mask that they correct; ``changed()`` is called after each stroke.
    What travels is a picture of at most 400 px, with a byte per pixel of ``mask`` (1 = occluded) and of what is ``painted``.
    """

    _esm = joined("painter")
    image = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    mask = traitlets.Bytes().tag(sync=True, **BYTES)
    painted = traitlets.Bytes().tag(sync=True, **BYTES)

    def __init__(self, photo, occluded=None, changed=lambda: None):
        super().__init__()
        self._changed = changed
        self.set(photo, occluded)

    @traitlets.validate("painted")
    def _refuse_others(self, proposal):
        """What the browser sends must be strokes on this picture."""
        strokes = proposal["value"]
        if len(strokes) != self.size[0] * self.size[1] or not set(strokes) <= set(Stroke):
            raise traitlets.TraitError(f"strokes must be {self.size[0]}×{self.size[1]} bytes of 0, 1 or 2")
        return strokes

    def set(self, photo, occluded=None):
        """Show another Photo with its mask (H, W) bool, without strokes; None = nothing is occluded."""
        self.photo, scale = photo, min(1.0, 400 / max(photo.shape))
        width, height = (max(1, round(side * scale)) for side in photo.shape[::-1])
        with self.hold_sync():
            self.size, self.alt = [width, height], f"the photo {photo.name}"
            self.image = encoded(cv2.resize(photo.pixels, (width, height), interpolation=cv2.INTER_AREA))
            self.correct(np.zeros(photo.shape, bool) if occluded is None else occluded)
            self.painted = bytes(width * height)

    def correct(self, occluded):
        """Show a mask (H, W) bool below the strokes."""
        self._mask = check_mask(occluded, self.photo)
        self.mask = cv2.resize(self._mask.astype(np.uint8), self.size, interpolation=cv2.INTER_NEAREST).tobytes()

    @property
    def occluded(self):
        """(H, W) bool, the mask as the strokes correct it."""
        return correct(self._mask, self.strokes)

    @property
    def strokes(self):
        """(H, W) int8: 0 where nothing was painted, 1 = occluded, 2 = visible."""
        small = np.frombuffer(self.painted, np.int8).reshape(self.size[::-1])
        return cv2.resize(small, self.photo.shape[::-1], interpolation=cv2.INTER_NEAREST)

    def set_state(self, sync_data):
        """Take what the browser sends."""
        super().set_state(sync_data)
        if "painted" in sync_data:
            self._changed()

    def save(self, path):
        """Write the mask as a PNG that ``read_mask`` and ``--mask`` read: white is occluded."""
        write_mask(self.occluded, path)

    def save_strokes(self, path):
        """Write the strokes as a PNG that ``read_strokes`` and ``--strokes`` read: red is occluded, blue visible."""
        write_strokes(self.strokes, path)
