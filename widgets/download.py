"""A link that brings a folder from the kernel's machine to the person's own."""

import tempfile
from pathlib import Path
from shutil import make_archive

import anywidget
import traitlets


class Download(anywidget.AnyWidget):
    """A link that saves ``content`` as the file ``name``; nothing while there is no content."""

    _esm = Path(__file__).with_suffix(".js")
    name = traitlets.Unicode().tag(sync=True)
    content = traitlets.Bytes().tag(sync=True)

    def offer(self, folder):
        """Offer a folder as a zip archive."""
        folder = Path(folder)
        with tempfile.TemporaryDirectory() as temporary:
            archive = make_archive(Path(temporary) / folder.name, "zip", folder)
            with self.hold_sync():
                self.name, self.content = Path(archive).name, Path(archive).read_bytes()
