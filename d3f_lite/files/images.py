"""Image files of all common formats, read within bounds: upright 8-bit pixels, or the grey levels of a mask."""

import io
import math
import re
import struct
import zlib
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import numpy as np
import pi_heif
from jaxtyping import Bool, UInt8
from PIL import Image, ImageCms, ImageOps

from d3f_lite.common.quiet import native_stderr_silenced, warnings_ignored
from d3f_lite.errors import D3FError
from d3f_lite.files.names import expanded

# The only decoders that may see a file.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
COLOUR_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # of a colour profile, and Pillow's mode for it
MOST_SCANS = 64  # of a JPEG; progressive ones have about ten
LARGEST_SIDE = 16_384  # px
LARGEST_AREA = 64_000_000  # px; checked on the header, before anything is decoded


def read_image(
    path: Path,
    error: type[D3FError],
    background: str | None = "white",
    content: bytes | Image.Image | None = None,
    largest: int = LARGEST_AREA,
) -> tuple[Image.Image, int]:
    """Read the first picture of an image file and turn it upright, as its EXIF orientation says.

    Args:
        path: the file, or only its name where its ``content`` is given.
        error: what is raised.
        background: the colour behind transparent parts; None leaves the picture's mode as it is.
        content: the file's bytes, or a Pillow image of it.
        largest: px.

    Returns:
        The picture, 8-bit RGB unless ``background`` is None, and how many the file holds, previews and depths not counted.

    Raises:
        error: no such file, no image, empty, damaged, too small or too large.
    """
    _read_heif_too()
    path = expanded(path)
    # Pillow leaves it to libtiff to complain, and libtiff to the terminal.
    with native_stderr_silenced if _is_tiff(path, content) else nullcontext():
        return _decoded(path, error, background, content, largest)


def check_size(shape: tuple[int, ...], name, error: type[D3FError], largest: int = LARGEST_AREA, smallest: int = 32) -> None:
    """Raise ``error`` unless an image of ``shape`` (H, W) has at most ``largest`` px, and at least ``smallest`` px a side."""
    if max(shape) > LARGEST_SIDE or math.prod(shape) > largest:
        raise error(_too_large(name, largest))
    if min(shape) < smallest:
        raise error(f"{name}: {shape[1]}×{shape[0]} px is too small; at least {smallest} px a side are needed")


def read_mask_levels(path: Path, error: type[D3FError], content: Image.Image | None = None) -> UInt8[np.ndarray, "H W"]:
    """Read the grey levels of an image that may be a mask: 0 and 255 where it has two colours, the opacity of a layer.

    Raises:
        error: as ``read_image`` does, and for a picture in colours.
    """
    image, _ = read_image(path, error, background=None, content=content)
    return _mask_levels(image, path.name, error)


def brighter_pixels(
    levels: UInt8[np.ndarray, "H W"], name: str, error: type[D3FError], threshold: int = 127, black: int = 40, white: int = 215
) -> Bool[np.ndarray, "H W"]:
    """Which pixels of a mask are the brighter ones; raises ``error`` where it is not plain which these are."""
    values = np.unique(levels)
    if len(values) == 1 and values[0] not in (0, 255):
        raise error(f"{name}: all of it has the value {values[0]}; 255 (white) is what hides the face, 0 (black) all else")
    if len(values) <= 2:
        return levels == values[-1] if len(values) == 2 else levels > 0
    # Black and white, but for what JPEG leaves at their border.
    if ((levels <= 3) | (levels >= 252)).all() and np.isin(levels, (0, 255)).mean() > 0.99:
        return levels > threshold
    # Few values are classes, unless those between the ends are rare, as at an edge; many are those of a JPEG or of a photo.
    low, high = (values[0], values[-1]) if len(values) < 32 else (black, white)
    between = ((levels > low) & (levels < high)).mean()
    if len(values) < 5 or values[0] > black or values[-1] < white or between > 0.1:
        listed = ", ".join(map(str, values[:8])) if len(values) <= 8 else f"{len(values)} values"
        raise error(f"{name}: {listed}: a mask has two, 255 (white) for what hides the face and 0 (black)")
    return levels > threshold


def _mask_levels(image, name, error):
    """See ``read_mask_levels``."""
    image.info.pop("icc_profile", None)  # a mask's values are no colours
    if image.has_transparency_data:
        return _opacity(np.asarray(image.convert("RGBA")), name, error)
    if _is_deep(image):  # what counts is which values there are
        deep = np.nan_to_num(np.asarray(image, np.float64))
        if len(np.unique(deep)) == 2:
            return np.uint8(255) * (deep == deep.max())
    pixels = np.asarray(to_rgb(image, "black"))
    colours = np.unique(pixels.reshape(-1, 3), axis=0)
    if len(colours) == 1 and image.mode == "P" and len(np.unique(np.asarray(image))) == 2:
        return np.asarray(image)  # a palette of one colour: its indices are the values
    if len(colours) == 2:
        darker, brighter = sorted(colours, key=lambda colour: int(colour.astype(int).sum()))
        if not _is_coloured(brighter) and _is_coloured(darker):
            raise error(f"{name}: paint on white may hide or show; paint what hides the face white, all else black")
        return np.uint8(255) * (pixels == brighter).all(2)
    if _is_coloured(pixels).mean() > 0.01:
        raise error(f"{name}: a picture in colours is no mask; paint what hides the face white, all else black")
    return pixels.max(2)


def _opacity(rgba, name, error):
    """The levels (H, W) of a layer (H, W, 4): its opacity, where something was painted on it in one colour."""
    opacity = rgba[..., 3]
    if opacity.min() == opacity.max():
        return _mask_levels(Image.fromarray(rgba[..., :3]), name, error)
    painted = rgba[opacity > 0][:, :3]
    if _is_coloured(painted.T).any():  # any channel varies over what is painted
        raise error(f"{name}: transparent, and in more than one colour; save it as white on black, without transparency")
    return opacity


def _is_coloured(values, least: int = 24):
    """Whether values (..., C) uint8 differ along their last axis by more than ``least`` of 255: neither grey nor almost."""
    return np.ptp(values.astype(np.int16), axis=-1) > least


@cache
def _read_heif_too() -> None:
    """Have Pillow read HEIF files, as phones write them (.heic)."""
    pi_heif.register_heif_opener()


def _is_tiff(path, content):
    """Whether a file starts as TIFF files do."""
    if isinstance(content, Image.Image):
        return content.format == "TIFF"
    if content is not None:
        return content[:2] in (b"II", b"MM")
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with open(path, "rb") as stream:
            return stream.read(2) in (b"II", b"MM")
    except (OSError, ValueError):
        return False  # what is wrong is said when it is decoded


def _decoded(path, error, background, content, largest):
    """See ``read_image``."""
    try:
        if content is None and not path.exists():
            raise error(f"{path}: no such file; check the path")
        if content is None and not path.is_file():
            raise error(f"{path}: not a file; give the path of one image")
        if content == b"" or content is None and path.stat().st_size == 0:
            raise error(f"{path}: the file is empty; save the image again")
        with warnings_ignored, _image(path, content) as image:  # Pillow's notes: sizes are checked here
            check_size(image.size[::-1], path, error, largest)
            if image.format in ("JPEG", "MPO") and _has_too_many_scans(image):
                raise error(f"{path}: a JPEG of more than {MOST_SCANS} scans, which takes hours to read; save it again")
            pictures = 1 if image.format in ("JPEG", "MPO", "HEIF") else getattr(image, "n_frames", 1)
            upright = ImageOps.exif_transpose(image)
            upright.load()
            return upright if background is None else to_rgb(upright, background), pictures
    except Image.DecompressionBombError:
        raise error(_too_large(path, largest)) from None
    except Image.UnidentifiedImageError:
        raise error(f"{path}: not an image that can be read; convert it to JPEG or PNG") from None
    except PermissionError:
        raise error(f"{path}: no permission to read the file; change its permissions") from None
    # What Pillow's decoders raise on broken files.
    except (OSError, SyntaxError, ValueError, RuntimeError, EOFError, IndexError, TypeError, struct.error, zlib.error) as reason:
        if getattr(reason, "errno", None):  # the system's fault, not the file's
            raise error(f"{path}: cannot be read: {reason.strerror}; try again") from None
        detail = " ".join(str(reason).split())
        raise error(f"{path}: the image is damaged or cut short ({detail}); save it again") from None


def _image(path, content):
    """A context with the Pillow image, yet to be decoded, of a file, of its bytes, or with one that stays open."""
    if isinstance(content, Image.Image):
        return nullcontext(content)
    return Image.open(path if content is None else io.BytesIO(content), formats=FORMATS)


def _has_too_many_scans(image):
    """Whether a JPEG not yet decoded has more than MOST_SCANS, each of which is a pass over the whole picture."""
    if (stream := getattr(image, "fp", None)) is None:  # it is decoded
        return False
    start, scans, place = stream.tell(), 0, 2
    stream.seek(0)
    data = stream.read()
    stream.seek(start)
    while marker := re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]").search(data, place):  # in a scan, 0 follows 255
        if marker[0] == b"\xff\xd9":  # the end of the picture; a film may follow
            break
        scans += marker[0] == b"\xff\xda"
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return scans > MOST_SCANS


def _too_large(name, largest):
    """What to say of an image that is."""
    limit = f"{largest // 1_000_000} megapixels or {LARGEST_SIDE} px a side"
    return f"{name}: the image is larger than {limit}; scale it down"


def _is_deep(image):
    """Whether a Pillow image has more than 8 bits a channel, which ``convert`` would clip."""
    return image.mode.startswith("I") or image.mode == "F"


def to_rgb(image: Image.Image, background: str) -> Image.Image:
    """Any Pillow image as 8-bit sRGB; the ``background``, a colour, shows through transparent parts."""
    if _is_deep(image):
        values = np.nan_to_num(np.asarray(image, np.float64))
        whole = next((bits for bits in (8, 10, 12) if values.max() < 2**bits), 16)  # of a camera, stored in 16
        full = 2**whole - 1 if image.mode.startswith("I") else 1 if values.max() <= 1 else 255
        image = Image.fromarray((values / full * 255).round().clip(0, 255).astype(np.uint8))
    colours = _in_srgb(image)
    if not image.has_transparency_data:
        return colours
    layer = colours.convert("RGBA")
    layer.putalpha(image.convert("RGBA").getchannel("A"))
    return Image.alpha_composite(Image.new("RGBA", image.size, background), layer).convert("RGB")


def _in_srgb(image):
    """The RGB colours of an image, by its colour profile where that can be read and is another than sRGB's."""
    content = image.info.get("icc_profile")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content)) if content else None
        space = profile.profile.xcolor_space.strip() if profile else ""
        if space not in COLOUR_SPACES or "srgb" in ImageCms.getProfileDescription(profile).lower():
            return image.convert("RGB")
        kind = COLOUR_SPACES[space]
        if (image.mode == "CMYK") != (kind == "CMYK") or (kind == "L" and image.mode not in ("1", "L", "LA")):
            return image.convert("RGB")
        return ImageCms.profileToProfile(image.convert(kind), profile, ImageCms.createProfile("sRGB"), outputMode="RGB",
                                         renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)  # fmt: skip
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):  # a broken profile leaves the colours as they are
        return image.convert("RGB")
