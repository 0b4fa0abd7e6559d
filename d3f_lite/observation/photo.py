"""Photos and occlusion masks: files or arrays in, checked upright pixels out."""

import io
import struct
import zlib
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pi_heif
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image, ImageOps

from d3f_lite.common.quiet import native_stderr_silenced, warnings_ignored
from d3f_lite.errors import D3FError, MaskError, PhotoError
from d3f_lite.files.names import folder_name

SMALLEST_SIDE = 32  # px
LARGEST_SIDE = 16_384  # px
LARGEST_AREA = 64_000_000  # px; checked on the header, before anything is decoded

FORMATS = (
    "JPEG",
    "PNG",
    "WEBP",
    "AVIF",
    "HEIF",
    "TIFF",
    "BMP",
    "GIF",
    "PPM",
    "JPEG2000",
)  # the only decoders that may see a file
WITH_PREVIEWS = ("JPEG", "MPO", "HEIF")  # formats whose further pictures are previews, depths or bursts
PICTURES = "pictures in the file"  # where an image says how many
MASK_THRESHOLD = 127  # brighter than this is occluded, where a mask has more than two values
SOFT_EDGE = 0.1  # of a mask's pixels at most may lie between black and white
NEAR_BLACK, NEAR_WHITE = 40, 215  # of 255
FEWEST_SHADES, MANY_SHADES = 5, 32  # values of a mask: fewer than the first, but more than two, are classes and not soft edges
SHADE_NOISE, RARE = 3, 0.01  # of 255, and of the pixels: what JPEG changes in black and white
COLOURFUL, COLOURED_SHARE = 24, 0.01  # of 255 between channels, and of the pixels: more is a picture in colours
OCCLUDED, VISIBLE = 1, 2  # what strokes say
STROKE_CONTRAST = 100  # of 255: a stroke's colour stands out by more than this
SAMPLE_PHOTOS = {  # public-domain portraits, read from the packages that ship them
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
    "astronaut": ("skimage", "data/astronaut.png"),
}
# What Pillow's decoders raise on broken files.
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, IndexError, TypeError, struct.error, zlib.error)


@dataclass(frozen=True, eq=False)
class Photo:
    """One RGB image, upright and size-checked: `pixels` and a `name`, that of its results' folder.

    `note` says what else the file holds, if anything.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    name: str
    note: str = ""

    @classmethod
    def open(cls, path: Path | str) -> "Photo":
        """Read an image file of any mode: EXIF orientation applied, transparency laid on white.

        Of an animation or of several pages it is the first picture, and the `note` says so.

        Raises PhotoError if there is no such file, or it is no image, empty, truncated, too small or too large.
        """
        path = Path(path)
        image = _read(path, "white", PhotoError)
        return replace(cls.from_array(np.asarray(image), name=path.stem), note=_further_pictures(image))

    @classmethod
    def from_bytes(cls, content: bytes, name: str, largest: int = LARGEST_AREA) -> "Photo":
        """Read an image file that lies in memory, of at most `largest` px, as `open` would; `name` is its file's."""
        path = Path(folder_name(Path(name).name))
        image = _read(path, "white", PhotoError, content, largest)
        return replace(cls.from_array(np.asarray(image), name=path.stem), note=_further_pictures(image))

    @classmethod
    def from_array(cls, pixels, name: str = "photo") -> "Photo":
        """Take `pixels` (H, W, 3) uint8 RGB, copied. Raises PhotoError for another type, shape or size.

        The `name` becomes that of a folder, see `folder_name`: a photo `...png` must not be saved as `..`.
        """
        pixels = np.asarray(pixels)
        if pixels.dtype != np.uint8:
            raise PhotoError(f"{name}: pixels must be uint8 (0 to 255), not {pixels.dtype}; convert them first")
        if pixels.ndim != 3 or pixels.shape[2] != 3:
            raise PhotoError(f"{name}: pixels must be RGB of shape (H, W, 3), not {pixels.shape}")
        _check_size(pixels.shape[1], pixels.shape[0], name, PhotoError)
        return cls(np.array(pixels, order="C"), folder_name(name))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.pixels.shape[:2]


def sample_photo(name: str) -> Photo:
    """One of the public-domain portraits: "grace_hopper" (from matplotlib) or "astronaut" (from scikit-image)."""
    if name not in SAMPLE_PHOTOS:
        raise PhotoError(f"no sample photo {name!r}; choose one of: {', '.join(SAMPLE_PHOTOS)}")
    package, relative = SAMPLE_PHOTOS[name]
    spec = find_spec(package)  # finds the folder without importing the package
    if spec is None or spec.origin is None:
        raise PhotoError(f"the sample photo {name!r} comes with {package}, which is not installed; install it")
    return Photo.open(Path(spec.origin).parent / relative)


def read_mask(path: Path | str, photo: Photo) -> Bool[np.ndarray, "H W"]:
    """Read an occlusion mask (H, W) bool of `photo` from an image file: the brighter one of its two values is occluded.

    Soft edges between black and white are fine, as is one colour on a transparent ground. All black says that nothing is
    occluded. Raises MaskError if it cannot be read, is no mask, has another size than the photo, or is all one value.
    """
    path = Path(path)
    return check_mask(_mask_values(_read(path, None, MaskError), path.name), photo, path.name)


def check_mask(mask, photo: Photo, name: str = "mask") -> Bool[np.ndarray, "H W"]:
    """Return `mask` (H, W) as bool, True where occluded.

    Raises MaskError for another type (bool, or whole numbers of which the brighter are occluded) or size, for values that are
    no mask's, and where all is occluded.
    """
    mask = np.asarray(mask)
    if mask.shape != photo.shape:
        size, wanted = ("×".join(map(str, shape[::-1])) for shape in (mask.shape, photo.shape))
        raise MaskError(f"{name}: the mask is {size} px but the photo is {wanted} px; make them the same size")
    if mask.dtype == np.uint8:
        mask = _occluded(mask, name)
    if mask.dtype != bool:
        raise MaskError(f"{name}: a mask must be bool or uint8, not {mask.dtype}; convert it first")
    if mask.all():
        raise MaskError(f"{name}: the mask is all white; leave what the photo shows of the face black")
    return mask


def _mask_values(image: Image.Image, name: str) -> np.ndarray:
    """The values (H, W) uint8 of an image that may be a mask: grey levels, or 0 and 255 where it has two colours."""
    if image.has_transparency_data:
        return _painted_layer(np.asarray(image.convert("RGBA")), name)
    if image.mode.startswith("I") or image.mode == "F":  # deeper than 8 bits: what counts is which values there are
        deep = np.nan_to_num(np.asarray(image, np.float64))
        if len(np.unique(deep)) == 2:
            return np.uint8(255) * (deep == deep.max())
    values = np.asarray(_rgb(image, "black"))
    colours = np.unique(values.reshape(-1, 3), axis=0)
    if len(colours) == 1 and image.mode == "P" and len(np.unique(np.asarray(image))) == 2:
        return np.asarray(image)  # a palette of one colour: its indices are the values
    if len(colours) == 2:
        darker, brighter = sorted(colours, key=lambda colour: int(colour.astype(int).sum()))
        if np.ptp(brighter) <= COLOURFUL < np.ptp(darker):
            raise MaskError(f"{name}: paint on white may hide or show; paint what hides the face white, all else black")
        return np.uint8(255) * (values == brighter).all(2)
    if _colourful(values):
        raise MaskError(f"{name}: a picture in colours is no mask; paint what hides the face white, all else black")
    return values.max(2)


def _painted_layer(rgba, name: str) -> np.ndarray:
    """The values (H, W) of a layer (H, W, 4): its opacity, where something was painted on it in one colour."""
    opacity = rgba[..., 3]
    if opacity.min() == opacity.max():
        return _mask_values(Image.fromarray(rgba[..., :3]), name)
    if np.ptp(rgba[opacity > 0][:, :3].astype(int), axis=0).max() > COLOURFUL:
        raise MaskError(f"{name}: transparent, and in more than one colour; save it as white on black, without transparency")
    return opacity


def _colourful(values) -> bool:
    """Whether more than a few pixels (H, W, 3) are neither grey nor almost."""
    return bool((np.ptp(values.astype(np.int16), axis=2) > COLOURFUL).mean() > COLOURED_SHARE)


def _occluded(values, name: str) -> np.ndarray:
    """Which of the pixels (H, W) uint8 are the mask's brighter ones; raises MaskError where that is not plain."""
    shades = np.unique(values)
    if len(shades) == 1:
        if shades[0] not in (0, 255):
            raise MaskError(
                f"{name}: all of it has the value {shades[0]}; 255 (white) is what hides the face, 0 (black) all else"
            )
        return values > 0
    if len(shades) == 2:
        return values == shades[1]
    if ((values <= SHADE_NOISE) | (values >= 255 - SHADE_NOISE)).all() and np.isin(values, (0, 255)).mean() > 1 - RARE:
        return values > MASK_THRESHOLD  # black and white, but for what JPEG leaves at their border
    # Few values are classes, unless those between the ends are rare, as at an edge; many are those of a JPEG or of a photo.
    low, high = (shades[0], shades[-1]) if len(shades) < MANY_SHADES else (NEAR_BLACK, NEAR_WHITE)
    between = ((values > low) & (values < high)).mean()
    if len(shades) < FEWEST_SHADES or shades[0] > NEAR_BLACK or shades[-1] < NEAR_WHITE or between > SOFT_EDGE:
        listed = ", ".join(map(str, shades[:8])) if len(shades) <= 8 else f"{len(shades)} values"
        raise MaskError(f"{name}: {listed}: a mask has two, 255 (white) for what hides the face and 0 (black)")
    return values > MASK_THRESHOLD


def read_probability(path: Path | str, photo: Photo) -> Float[np.ndarray, "H W"]:
    """Read how likely each pixel of `photo` is hidden, (H, W) in [0, 1], from a grey picture, as `write_probability` writes it.

    Raises MaskError if it cannot be read, is not grey, or has another size than the photo.
    """
    path = Path(path)
    image = _read(path, None, MaskError)
    if image.mode != "L":
        raise MaskError(f"{path.name}: a probability is a grey picture of 8 bits; take probability.png of a result")
    if image.size != photo.shape[::-1]:
        raise MaskError(f"{path.name}: {image.size[0]}×{image.size[1]} px, but the photo is {photo.shape[1]}×{photo.shape[0]} px")
    return np.asarray(image) / np.float32(255)


def write_probability(probability: Float[np.ndarray, "H W"], path: Path | str) -> None:
    """Write probabilities (H, W) as a grey PNG that `read_probability` reads, to 1/255."""
    Image.fromarray((255 * probability).round().astype(np.uint8)).save(path, "png")


def read_strokes(path: Path | str, photo: Photo) -> Int[np.ndarray, "H W"]:
    """Read strokes of a brush (H, W) int8 on `photo` from an image file: red is occluded, green or blue is visible.

    Whatever is neither (black, white, grey, transparent) says nothing. Raises MaskError if it cannot be read, has
    another size than the photo, or holds no stroke.
    """
    path = Path(path)
    red, green, blue = np.moveaxis(np.asarray(_read(path, "black", MaskError), np.int16), 2, 0)
    strokes = np.zeros(red.shape, np.int8)
    strokes[red - np.maximum(green, blue) > STROKE_CONTRAST] = OCCLUDED
    strokes[np.maximum(green, blue) - red > STROKE_CONTRAST] = VISIBLE
    if not strokes.any():
        raise MaskError(f"{path.name}: no strokes; paint red what is occluded, green or blue what is visible")
    return check_strokes(strokes, photo, path.name)


def write_mask(mask: Bool[np.ndarray, "H W"], path: Path | str) -> None:
    """Write a mask (H, W) bool as a PNG that `read_mask` reads."""
    Image.fromarray(np.uint8(255) * mask).save(path, "png")


def write_strokes(strokes: Int[np.ndarray, "H W"], path: Path | str) -> None:
    """Write strokes (H, W) int8 as a PNG that `read_strokes` reads: red is occluded, blue visible, black says nothing."""
    Image.fromarray(np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)], np.uint8)[strokes]).save(path, "png")


def check_strokes(strokes, photo: Photo, name: str = "strokes") -> Int[np.ndarray, "H W"]:
    """Return `strokes` (H, W) as int8: 0 where there is none, 1 = occluded, 2 = visible.

    Raises MaskError for another type (whole numbers), size or value.
    """
    strokes = np.asarray(strokes)
    if strokes.dtype.kind not in "iu" or not np.isin(strokes, (0, OCCLUDED, VISIBLE)).all():
        raise MaskError(f"{name}: strokes must be 0 (none), 1 (occluded) or 2 (visible); convert them first")
    if strokes.shape != photo.shape:
        size, wanted = ("×".join(map(str, shape[::-1])) for shape in (strokes.shape, photo.shape))
        raise MaskError(f"{name}: the strokes are on {size} px but the photo is {wanted} px; make them the same size")
    return strokes.astype(np.int8)


def _further_pictures(image: Image.Image) -> str:
    """What to say of a file's further pictures; empty if there are none. Those of a JPEG are its own preview or depth."""
    number = image.info.get(PICTURES, 1)
    return f"the file holds {number} pictures, an animation or pages: the first one is taken" if number > 1 else ""


@cache
def _read_heif_too() -> None:
    """Have Pillow read HEIF files, as phones write them (.heic)."""
    pi_heif.register_heif_opener()


def _read(
    path: Path, background: str | None, error: type[D3FError], content: bytes | None = None, largest: int = LARGEST_AREA
) -> Image.Image:
    """The upright image in a file: 8-bit RGB, transparent parts laid on `background`, or as it is where that is None.

    Where the file's `content` is given, it is read and `path` is but its name; the image has at most `largest` px.
    """
    _read_heif_too()
    # Pillow leaves it to libtiff to complain, and libtiff to the terminal.
    with native_stderr_silenced if _is_tiff(path, content) else nullcontext():
        return _decoded(path, background, error, content, largest)


def _is_tiff(path: Path, content: bytes | None) -> bool:
    """Whether a file starts as TIFF files do."""
    if content is not None:
        return content[:2] in (b"II", b"MM")
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with open(path, "rb") as stream:
            return stream.read(2) in (b"II", b"MM")
    except (OSError, ValueError):
        return False  # what is wrong is said when it is decoded


def _decoded(path: Path, background: str | None, error: type[D3FError], content: bytes | None, largest: int) -> Image.Image:
    """See `_read`."""
    try:
        if content is None and not path.exists():
            raise error(f"{path}: no such file; check the path")
        if content is None and not path.is_file():
            raise error(f"{path}: not a file; give the path of one image")
        if (path.stat().st_size if content is None else len(content)) == 0:
            raise error(f"{path}: the file is empty; save the image again")
        source = path if content is None else io.BytesIO(content)
        with warnings_ignored, Image.open(source, formats=FORMATS) as image:  # Pillow's notes: sizes are checked here
            _check_size(*image.size, path, error, largest)
            pictures = 1 if image.format in WITH_PREVIEWS else getattr(image, "n_frames", 1)
            upright = ImageOps.exif_transpose(image)
            upright.load()
            shown = upright if background is None else _rgb(upright, background)
            shown.info[PICTURES] = pictures
            return shown
    except Image.DecompressionBombError:
        raise error(_too_large(path, largest)) from None
    except Image.UnidentifiedImageError:
        raise error(f"{path}: not an image that can be read; convert it to JPEG or PNG") from None
    except PermissionError:
        raise error(f"{path}: no permission to read the file; change its permissions") from None
    except _DECODE_ERRORS as reason:
        if getattr(reason, "errno", None):  # the system's fault, not the file's
            raise error(f"{path}: cannot be read: {reason.strerror}; try again") from None
        detail = " ".join(str(reason).split())
        raise error(f"{path}: the image is damaged or cut short ({detail}); save it again") from None


def _check_size(width: int, height: int, name, error: type[D3FError], largest: int = LARGEST_AREA) -> None:
    """Raise unless an image of this size (px) can be worked with."""
    if max(width, height) > LARGEST_SIDE or width * height > largest:
        raise error(_too_large(name, largest))
    if min(width, height) < SMALLEST_SIDE:
        raise error(f"{name}: {width}×{height} px is too small; at least {SMALLEST_SIDE} px a side are needed")


def _too_large(name, largest: int) -> str:
    limit = f"{largest // 1_000_000} megapixels or {LARGEST_SIDE} px a side"
    return f"{name}: the image is larger than {limit}; scale it down"


def _rgb(image: Image.Image, background: str) -> Image.Image:
    """Any Pillow image as 8-bit RGB."""
    if image.mode.startswith("I") or image.mode == "F":  # deeper than 8 bits, which `convert` would clip
        values = np.nan_to_num(np.asarray(image, np.float64))
        full = 65_535 if image.mode.startswith("I") else 1 if values.max() <= 1 else 255
        image = Image.fromarray((values / full * 255).round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    return image.convert("RGB")
