"""Names that people give their files, as unique names of folders."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path


def expanded(path: Path | str) -> Path:
    """The path with a person's home in place of a ``~``, which no shell expands in ``flame:~/model.pkl`` or in Python."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such person
        return Path(path)


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
        if character.isalnum() or character in ".-" or (is_mark(character) and kept[-1:] not in ("", *"._-")):
            kept += character
        elif not is_mark(character) and kept[-1:] != "_":
            kept += "_"
    kept = kept.lstrip(".-").encode()[:longest].decode(errors="ignore").rstrip(".-")  # Windows drops such an ending
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


def is_mark(character):
    """Whether a character stands on the letter before it: accents, the vowels of Hindi and Thai."""
    return unicodedata.category(character)[0] == "M"
