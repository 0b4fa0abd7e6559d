"""Words in pictures: any text, in fonts that have its glyphs, drawn by Pillow and never parsed."""

import importlib.util
import textwrap
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from anyascii import anyascii
from PIL import Image, ImageDraw, ImageFont

from d3f_lite.files.names import is_mark, readable

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts", "/Library/Fonts",
                "/System/Library/Fonts", "~/Library/Fonts", "C:/Windows/Fonts")  # fmt: skip


def wrapped(text: str, size: int, width: float) -> list[str]:
    """``text`` in lines of at most about ``width`` px, if drawn in letters of ``size`` px."""
    lines = []
    for line in text.split("\n"):
        wide = sum(_font(path, size).getlength(part) for path, part in _runs(readable(line)))
        lines += textwrap.wrap(line, max(1, int(0.95 * len(line) * width / wide))) if wide > width else [line]
    return lines


def write(picture: Image.Image, place: tuple[float, float], lines: Sequence[str], size: int, centred: bool = True) -> None:
    """Write lines of text on a picture, one below the other, in black.

    Args:
        place: x and y in px of the middle of the first line's upper edge, or of its left end if not ``centred``.
        size: px of the letters; lines are 1.3 times as high.
    """
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        parts = [(_font(path, size), part) for path, part in _runs(readable(line))]
        lengths = [font.getlength(part) for font, part in parts]
        x = place[0] - sum(lengths) / 2 * centred
        for (font, part), length in zip(parts, lengths):
            draw.text((x, place[1] + size * (1.0 + 1.3 * number)), part, "black", font, "ls")
            x += length


def _runs(text):
    """A text as (path of a font, part): each part in the first font that has it, transliterated where none has."""
    missing = frozenset(character for character in text if not _has(None, character))
    fonts, chosen = [None, *_fonts_for(missing)], []
    for character in text:
        own = [path for path in fonts if _has(path, character)]
        if is_mark(character) and chosen and chosen[-1][0] in own:
            own = [chosen[-1][0]]  # a mark and its letter belong together
        replacement = anyascii(character) or ("" if is_mark(character) else "?")
        chosen.append((own[0], character) if own else (None, replacement))
    return [(path, "".join(part for _, part in run)) for path, run in groupby(chosen, lambda one: one[0])]


@lru_cache(maxsize=256)
def _fonts_for(missing):
    """Paths of installed fonts that have some of the ``missing`` characters, until all are found."""
    paths = []
    for path in (path for folder in FONT_FOLDERS for path in sorted(Path(folder).expanduser().rglob("*.[to]t[fc]"))):
        if not missing:
            break
        if "LastResort" in path.name:  # it has a box for everything
            continue
        try:
            found = {character for character in missing if _has(path, character)}
        except OSError:  # damaged, or of pictures
            continue
        if found:
            paths.append(path)
        missing -= found
    return paths


@lru_cache(maxsize=64)
def _font(path, size, layout=None):
    """A font; path None = DejaVu Sans as matplotlib brings it, or else the one that Pillow has."""
    if path is not None:
        return ImageFont.truetype(path, size, layout_engine=layout)
    home = importlib.util.find_spec("matplotlib")  # found, not imported
    usual = home and Path(home.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"
    return _font(usual, size, layout) if usual and usual.is_file() else ImageFont.load_default(size)


@lru_cache(maxsize=4096)
def _has(path, character):
    """Whether a font has a glyph of its own for a character, not the box for what is missing."""
    font = _font(path, 12, ImageFont.Layout.BASIC)
    return bytes(font.getmask(character)) != bytes(font.getmask("\U0010ffff"))
