"""Photos: an image file or an array in, checked upright pixels out."""

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from d3f_lite.errors import PhotoError
from d3f_lite.files.images import LARGEST_AREA, check_size, read_image
from d3f_lite.files.names import folder_name
from d3f_lite.files.values import as_array

SAMPLE_PHOTOS = {  # public-domain portraits, read from the packages that ship them
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "astronaut": ("skimage", "data/astronaut.png"),
}


@dataclass(frozen=True, eq=False)
class Photo:
    """One RGB image, upright and of a size that can be worked with.

    Args:
        pixels: 0 to 255.
        name: that of its results' folder.
        note: what else its file holds, if anything.

    >>> import numpy as np
    >>> Photo.from_array(np.zeros((240, 320, 3), np.uint8), "a dark room.png").name
    'a_dark_room.png'
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    name: str
    note: str = ""

    @classmethod
    def open(cls, path: Path | str, *, content: bytes | Image.Image | None = None, largest: int = LARGEST_AREA) -> "Photo":
        """Read an image file: the first picture, upright by its EXIF orientation, transparency laid on white.

        Args:
            path: the file, or its name where ``content`` is given.
            content: the bytes of a file that lies in memory, or a Pillow image.
            largest: px.

        Raises:
            PhotoError: no such file, no image, empty, truncated, too small or too large.
        """
        path = Path(path) if content is None else Path(folder_name(Path(path).name))
        image, pictures = read_image(path, PhotoError, content=content, largest=largest)
        note = f"the file holds {pictures} pictures, an animation or pages: the first one is taken" if pictures > 1 else ""
        return replace(cls.from_array(np.asarray(image), path.stem), note=note)

    @classmethod
    def from_array(cls, pixels, name: str = "photo") -> "Photo":
        """Copy ``pixels`` (H, W, 3) uint8 RGB; the ``name`` becomes that of a folder: ``...png`` must not be saved as ``..``.

        Raises:
            PhotoError: another type, shape or size.
        """
        pixels = as_array(pixels, name, PhotoError)
        if pixels.dtype != np.uint8:
            raise PhotoError(f"{name}: pixels must be uint8 (0 to 255), not {pixels.dtype}; convert them first")
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise PhotoError(f"{name}: pixels must be RGB of shape (H, W, 3), not {pixels.shape}")
        check_size(pixels.shape[:2], name, PhotoError)
        return cls(np.array(pixels, order="C"), folder_name(name))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.pixels.shape[:2]


def sample_photo(name: str) -> Photo:
    """Open one of the public-domain portraits: "grace_hopper" (from matplotlib) or "astronaut" (from scikit-image).

    Raises:
        PhotoError: there is no such portrait, or the package that ships it is not installed.

    >>> sample_photo("astronaut").shape
    (512, 512)
    """
    if name not in SAMPLE_PHOTOS:
        raise PhotoError(f"no sample photo {name!r}; choose one of: {', '.join(SAMPLE_PHOTOS)}")
    package, relative = SAMPLE_PHOTOS[name]
    spec = find_spec(package)  # finds the folder without importing the package
    if spec is None or spec.origin is None:
        raise PhotoError(f"the sample photo {name!r} comes with {package}, which is not installed; install it")
    return Photo.open(Path(spec.origin).parent / relative)
