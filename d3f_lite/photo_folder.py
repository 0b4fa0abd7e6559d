"""What a batch takes from a folder: its photos, the mask beside each, a name for each result; and what it leaves."""

import os
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from d3f_lite.errors import D3FError, PhotoError
from d3f_lite.files.names import key, readable, unique_names
from d3f_lite.observation.photo import Photo
from d3f_lite.results.provenance import OF_FILE_BROWSERS, drawn_by_us, is_result

SUFFIXES = ".jpg .jpeg .jpe .jfif .mpo .png .webp .avif .heic .heif .hif .tif .tiff .bmp .gif .ppm .jp2".split()
ROWS = ".rows"  # in a batch's folder: the folder of the finished photos' rows and strips
MASK_NAME = re.compile(r"(.+)[-_. ](mask|occlusion|occluder)", re.IGNORECASE)  # the stem of a photo's mask, and the photo's


@dataclass(frozen=True)
class Job:
    """One photo of a folder.

    Args:
        photo: its path.
        mask: path of its occlusion mask, or None.
        name: of its results.
    """

    photo: Path
    mask: Path | None
    name: str


def jobs_in(folder: Path | str) -> list[Job]:
    """The photos of a folder by name, each with the mask beside it: ``x_mask.png`` or ``x-occlusion.png`` belongs to ``x``.

    Every picture in colour is a photo, whatever its name, except those that d3f-lite has drawn.

    Raises:
        PhotoError: no such folder, no photo in it, or it is a result.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PhotoError(f"{folder}: no such folder; give a folder with photos")
    if any(folder.iterdir()) and is_result(folder):
        raise PhotoError(f"{folder}: a result of d3f-lite; give a folder with photos")
    images = [path for path in _visible(folder) if path.suffix.lower() in SUFFIXES and path.is_file() and not drawn_by_us(path)]
    masks = _masks_among(images)
    photos = [path for path in images if path not in masks]
    if not photos:
        raise PhotoError(f"{folder}: no photo there; it must hold files that end in {', '.join(SUFFIXES)}")
    beside = {_owner(path): path for path in masks}
    stems = [key(path.stem) for path in photos]
    names = unique_names(
        path.stem if stems.count(stem) == 1 else path.name.replace(".", "_") for path, stem in zip(photos, stems)
    )
    return [Job(path, beside.get(_normal(path.stem)), name) for path, name in zip(photos, names)]


def left_in(folder: Path | str, jobs: list[Job], out: Path | str) -> list[str]:
    """The names of what a folder holds besides photos and masks of ``jobs``, hidden files, and what is ours."""
    taken = {path for job in jobs for path in (job.photo, job.mask)}
    results = Path(os.path.realpath(out))  # resolve() gives up on a link to itself
    ours = lambda path: path in taken or results.is_relative_to(os.path.realpath(path)) or _ours(path)
    return [readable(path.name) for path in _visible(folder) if not ours(path)]


def ignored_line(left: list[str], most: int = 8) -> str:
    """A line that names up to ``most`` of what ``left_in`` found."""
    named = ", ".join(left[:most]) + (f" and {len(left) - most} more" if len(left) > most else "")
    rule = "; the mask of x.jpg is x_mask.png beside it" if any(re.search("mask|occlu", name, re.I) for name in left) else ""
    return f"ignored {len(left)} other files: {named}; convert pictures to JPEG or PNG{rule}"


def table_is_ours(path: Path) -> bool:
    """Whether a file is a batch's table."""
    beginning = b"photo,result,error,"
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(beginning)) == beginning
    except OSError:
        return False


def _visible(folder):
    """What is in a folder, by name, but for hidden files."""
    return [path for path in sorted(Path(folder).iterdir()) if path.name[0] != "." and path.name not in OF_FILE_BROWSERS]


def _masks_among(images):
    """The masks: grey or drawn pictures named as one, one for each photo, preferably a PNG; and drawn ones without a photo."""
    groups = defaultdict(list)
    for path in images:
        if MASK_NAME.fullmatch(path.stem):
            groups[_owner(path)].append(path)
    stems = {_normal(path.stem) for path in images}
    masks = []
    for owner, named in groups.items():
        fits = _may_be_a_mask if owner in stems else _is_drawn
        masks += sorted((path for path in named if fits(_pixels(path))), key=lambda path: path.suffix.lower() == ".png")
    return masks


def _owner(path):
    """The stem of the photo that a mask belongs to."""
    return _normal(MASK_NAME.sub(r"\1", path.stem))


def _normal(stem):
    return unicodedata.normalize("NFC", stem)


def _may_be_a_mask(pixels):
    """Whether a picture is grey, or drawn; or cannot be read, which the reader of masks will then say.

    Channels of a grey pixel that was saved as a JPEG differ by less than 24 of 255; up to 1 % of the pixels may differ by more.
    """
    return pixels is None or (np.ptp(pixels, axis=2) > 24).mean() < 0.01 or _is_drawn(pixels)


def _is_drawn(pixels):
    """Whether a picture can be read, and two colours, in eight steps a channel, cover 95 % of its pixels."""
    if pixels is None:
        return False
    counts = np.bincount((pixels.astype(np.int64) // 32 @ (64, 8, 1)).ravel())
    return np.sort(counts)[-2:].sum() >= 0.95 * counts.sum()


def _pixels(path, enough=1000):
    """A picture's pixels (H, W, 3) uint8, at most about ``enough`` a side; None if it cannot be read."""
    try:
        pixels = Photo.open(path).pixels
    except D3FError:
        return None
    step = 1 + max(pixels.shape) // enough
    return pixels[::step, ::step]


def _ours(path):
    """Whether d3f-lite wrote a file or folder: a result, a batch, a picture, a batch's table."""
    if path.is_dir():
        return (path / ROWS).is_dir() or is_result(path)
    return drawn_by_us(path) or table_is_ours(path)
