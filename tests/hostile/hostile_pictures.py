"""Pictures as bytes, whole and hostile, and what must hold of those that are read."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from hostile_values import HEIGHT, PHOTO, RANDOM, WIDTH
from hypothesis import strategies as st
from PIL import Image


def picture(kind, mode, **options):
    """A picture of one kind and mode."""
    stream, image = io.BytesIO(), Image.fromarray(PHOTO.pixels)
    image = Image.fromarray(RANDOM.integers(0, 65536, (HEIGHT, WIDTH), np.uint16)) if mode == "I;16" else image.convert(mode)
    image.save(stream, kind, **options)
    return stream.getvalue()


def pictures():
    """Pictures of every kind that is read, in the modes that cameras, scanners and painting programs write."""
    exif = Image.Exif()
    exif[0x0112] = 8
    return [
        picture("PNG", "RGB"), picture("PNG", "RGBA"), picture("PNG", "I;16"), picture("PNG", "P"), picture("PNG", "1"),
        picture("PNG", "LA"), picture("JPEG", "RGB", exif=exif), picture("JPEG", "CMYK"), picture("JPEG", "L"),
        picture("JPEG", "RGB", progressive=True), picture("WEBP", "RGBA"), picture("TIFF", "CMYK"), picture("TIFF", "I;16"),
        picture("TIFF", "RGB", compression="tiff_lzw"), picture("TIFF", "RGB", compression="tiff_adobe_deflate"),
        picture("BMP", "RGB"), picture("GIF", "P"), picture("PPM", "RGB"), picture("JPEG2000", "RGB"), picture("AVIF", "RGB"),
    ]  # fmt: skip


def png(width, height, depth=8, colour=2, data=b""):
    """A PNG that claims any size; its checksums are right."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    packed = (struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def sized(width, height, mode="L"):
    """A real picture of one size."""
    stream = io.BytesIO()
    Image.new(mode, (width, height)).save(stream, "PNG")
    return stream.getvalue()


SIDES = st.one_of(st.sampled_from((0, 1, 31, 32, 40, 16_384, 16_385, 20_000, 2**31 - 1, 2**32 - 1)), st.integers(0, 2**32 - 1))
SIZES = st.one_of(
    st.builds(
        png, SIDES, SIDES, st.sampled_from((1, 2, 4, 8, 16, 3)), st.sampled_from((0, 2, 3, 4, 6, 7)), st.binary(max_size=99)
    ),
    st.sampled_from([(1, 1), (1, 500), (31, 31), (20_000, 40), (40, 20_000), (20_000, 1)]).map(lambda size: sized(*size)),
)


def check_photo(photo):
    height, width, channels = photo.pixels.shape
    assert photo.pixels.dtype == np.uint8 and channels == 3 and 32 <= min(height, width) <= max(height, width) <= 16_384
    assert photo.name not in ("", ".", "..") and Path(photo.name).name == photo.name


def check_shape(mask):
    assert mask.shape == PHOTO.shape and mask.dtype in (bool, np.int8)


def masks():
    """A mask of the photo's size, as PNG, as TIFF, and as a transparent layer."""
    hidden = np.zeros((HEIGHT, WIDTH), np.uint8)
    hidden[5:20, 5:20] = 255
    layer = Image.merge("RGBA", [Image.fromarray(hidden)] * 4)
    return [_bytes(Image.fromarray(hidden), "PNG"), _bytes(Image.fromarray(hidden), "TIFF"), _bytes(layer, "PNG")]


def painted():
    """Strokes of the photo's size, as PNG and TIFF."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[5:20, 5:20], image[30:40, 5:20] = (255, 0, 0), (0, 255, 255)
    return [_bytes(Image.fromarray(image), kind) for kind in ("PNG", "TIFF")]


def _bytes(image, kind):
    """A picture as a file's bytes."""
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()
