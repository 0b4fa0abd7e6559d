"""A button that brings a person's photo to the kernel: bounded, checked, and never on the kernel's disk."""

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

from d3f_lite.errors import PhotoError
from d3f_lite.observation.photo import Photo

MOST_BYTES = 9_000_000  # a larger message ends the connection: Jupyter's server takes 10 MiB
MOST_PIXELS = 24_000_000


class PhotoUpload(anywidget.AnyWidget):
    """A button to choose one photo; ``on_photo`` tells of it, and nothing of it stays here."""

    _esm = Path(__file__).with_suffix(".js")
    most = traitlets.Int(MOST_BYTES, read_only=True).tag(sync=True)

    def __init__(self):
        self._listeners = []
        super().__init__()
        self.on_msg(self._take)

    def on_photo(self, listener: Callable[[Callable[[], Photo]], None]) -> None:
        """Call ``listener(read)`` for each photo that is sent; ``read()`` gives the Photo, or raises PhotoError."""
        self._listeners.append(listener)

    def _take(self, _, content, buffers):
        """Take what a browser sent, which may be anything."""
        if isinstance(content, dict) and isinstance(content.get("name"), str) and len(buffers) == 1:
            for listener in self._listeners:
                listener(lambda: opened(bytes(buffers[0]), content["name"]))


def opened(content: bytes, name: str) -> Photo:
    """The Photo in a file of at most MOST_BYTES and MOST_PIXELS that a stranger may have sent.

    Raises:
        PhotoError: it is too large, no image, or damaged; one line says which.
    """
    if len(content) > MOST_BYTES:
        raise PhotoError(f"{len(content) / 1e6:.1f} MB is too much; a photo may have {MOST_BYTES / 1e6:.0f} MB")
    return Photo.open(name, content=content, largest=MOST_PIXELS)
