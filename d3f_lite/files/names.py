"""Names that people give their files: as unique names of folders, and as captions of pictures."""

import re
import textwrap
import unicodedata
from collections.abc import Iterable
from functools import lru_cache


def folder_name(text: str, longest: int = 200) -> str:
    """A name that every file system and every URL takes, as similar to ``text`` as that allows.

    NFC; letters of any script with their marks, digits, ``.`` and ``-`` stay, and all else becomes ``_``. The name of a
    name is itself.

    Args:
        longest: bytes of UTF-8; file systems take 255, and a suffix and a temporary name must fit beside it.

    >>> folder_name("me (1) $")
    'me_1_'
    """
    kept = ""
    for character in unicodedata.normalize("NFC", text):
        if character.isalnum() or character in ".-" or (_is_mark(character) and kept[-1:] not in ("", *"._-")):
            kept += character
        elif not _is_mark(character) and kept[-1:] != "_":
            kept += "_"
    kept = _cut(kept.lstrip(".-"), longest)
    # Windows takes these for devices, whatever their case and ending.
    is_device = re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", kept, re.IGNORECASE)
    return f"photo_{kept}" if is_device else kept or "photo"


def unique_names(texts: Iterable[str]) -> list[str]:
    """A ``folder_name`` for each text; no two are equal, not even if case is ignored."""
    names, taken = [], set()
    for text in texts:
        name, number = folder_name(text), 2
        while key(name) in taken:
            ending = f"_{number}"
            name, number = folder_name(text, 200 - len(ending)).rstrip("_") + ending, number + 1
        taken.add(key(name))
        names.append(name)
    return names


def key(name):
    """Two names are the same if their keys are: normalised, without case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def readable(text: str) -> str:
    """``text`` with ``?`` in place of broken UTF-8 and of what cannot be printed (line breaks)."""
    return "".join(character if character.isprintable() else "?" for character in unicodedata.normalize("NFC", text))


def caption(text: str, width: int | None = None) -> tuple[str, dict]:
    """``text`` as matplotlib can draw it, and how: never parsed, in a font that has its glyphs.

    A character that no installed font has is transliterated.

    Args:
        text: one line.
        width: characters per line; by default there is one line.

    Returns:
        str, and a dict of arguments for a matplotlib text.
    """
    from anyascii import anyascii
    from matplotlib import rcParams

    text, families = readable(text), tuple(rcParams["font.family"])
    fonts, missing = _fonts_for(families, frozenset(text))
    replacement = {character: anyascii(character) or ("" if _is_mark(character) else "?") for character in missing}
    drawn = "".join(replacement.get(character, character) for character in text)
    if width:
        drawn = "\n".join(textwrap.wrap(drawn, width))
    return drawn, {"parse_math": False, "fontfamily": [*families, *fonts]}


@lru_cache(maxsize=256)
def _fonts_for(families, characters):
    """Names of fonts to fall back on for what ``families`` lack of ``characters``, and what none of them has."""
    from matplotlib.font_manager import FontProperties, fontManager, get_font

    missing, fonts = {character for character in characters if character.isprintable()}, []
    default = fontManager.findfont(FontProperties(family=list(families)))
    # matplotlib's font "Last Resort" has a box for everything.
    regular = [entry for entry in fontManager.ttflist if entry.style == "normal" and "Last Resort" not in entry.name]
    for path, name in [(default, None), *((entry.fname, entry.name) for entry in regular)]:
        if not missing:
            break
        try:
            font = get_font(path)
        except (OSError, RuntimeError):  # listed, but gone or damaged
            continue
        found = {character for character in missing if font.get_char_index(ord(character))}
        if found and name:
            fonts.append(name)
        missing -= found
    return fonts, frozenset(missing)


def _is_mark(character):
    """Whether a character stands on the letter before it: accents, the vowels of Hindi and Thai."""
    return unicodedata.category(character)[0] == "M"


def _cut(name, most):
    """``name`` cut to at most so many bytes of UTF-8, and without an ending that Windows drops."""
    return name.encode()[:most].decode(errors="ignore").rstrip(".-")
