"""Sheets of pictures with words above them: laid out by arithmetic, drawn by Pillow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from d3f_lite.files.lettering import wrapped, write
from d3f_lite.results.provenance import DRAWN_BY


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture and the words above it.

    Args:
        row, column: of its first cell in the sheet's grid.
        cells: how many it takes in width and in height.
    """

    picture: UInt8[np.ndarray, "H W 3"]
    words: str
    row: int
    column: int
    cells: int = 1


def tile_sheet(
    tiles: Sequence[Tile], title: str, cell: tuple[int, int], letters: int = 12, gap: int = 8, centred: bool = True
) -> Image.Image:
    """Tiles in a grid under a title; pictures that are larger than their cells are made smaller.

    Args:
        cell: width and height in px.
        letters: px of the words; the title's are larger.
        gap: px between cells.
        centred: the words stand over the middle of their picture, else over its left edge.
    """
    (wide, high), leading = cell, 1.3 * letters
    rows, columns = (max(end) for end in zip(*((tile.row + tile.cells, tile.column + tile.cells) for tile in tiles)))
    width = columns * (wide + gap) + gap
    head = wrapped(title, letters + 4, 0.95 * width)
    words = [wrapped(tile.words, letters, tile.cells * wide) for tile in tiles]
    above = np.zeros(rows)
    for tile, lines in zip(tiles, words):
        above[tile.row] = max(above[tile.row], leading * len(lines) + gap)
    tops = (1.3 * (letters + 4) * len(head) + gap + np.cumsum(above) + np.arange(rows) * (high + gap)).round().astype(int)
    sheet = Image.new("RGB", (width, int(tops[-1]) + high + gap), "white")
    write(sheet, (width / 2, gap / 2), head, letters + 4)
    for tile, lines in zip(tiles, words):
        left, top, side = gap + tile.column * (wide + gap), int(tops[tile.row]), tile.cells * (wide + gap) - gap
        tall = int(tops[tile.row + tile.cells - 1]) + high - top
        picture = Image.fromarray(tile.picture)
        picture.thumbnail((side, tall), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left + (side - picture.width) // 2, top))
        write(sheet, (left + side / 2 * centred, top - leading * len(lines) - gap / 2), lines, letters, centred)
    return sheet


def save_picture(picture: Image.Image, path: Path | str) -> None:
    """Write a PNG that says who drew it."""
    drawn_by = PngInfo()
    for name, value in DRAWN_BY.items():
        drawn_by.add_text(name, value)
    picture.save(path, "PNG", pnginfo=drawn_by, compress_level=2)
