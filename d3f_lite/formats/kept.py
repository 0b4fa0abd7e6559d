"""Heads that were read once, kept in the cache folder: minutes of parsing become a tenth of a second."""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from d3f_lite.assets import SHIPPED, cache_folder
from d3f_lite.errors import AssetError
from d3f_lite.files.whole import whole_file
from d3f_lite.formats.head_file import read_head, write_head
from d3f_lite.heads.model import HeadModel


def kept_head(name: str, files: Sequence[Path], read: Callable[[], HeadModel]) -> HeadModel:
    """The head that ``read`` makes of some files; called only if they, or the code that reads them, have changed.

    Args:
        name: what the head is called.
        files: everything it is read from; some may not exist.
        read: what it raises is passed on, and nothing is kept.
    """
    files = [Path(os.path.abspath(file)) for file in files]
    place = _hash(files)
    path = cache_folder() / "heads" / f"{place}-{_hash([_state(file) for file in files], _readers())}.npz"
    with suppress(AssetError):  # not there yet, or damaged
        return read_head(path, name)
    head = read()
    with suppress(OSError):  # a cache folder that is full or not ours costs time, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft:
            write_head(head, draft, np.float32)
        for old in path.parent.glob(f"{place}-*.npz"):  # what the same files once were
            if old != path:
                old.unlink(missing_ok=True)
    return head


def _state(file):
    """What tells a file from an earlier one of its name: its size and when it was written; None where there is none."""
    try:
        status = file.stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _readers():
    """The bytes of what makes a head of a file: the code of this room, and the shipped head that lends its anatomy."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return b"".join(path.read_bytes() for path in (*sources, SHIPPED / "head.npz", SHIPPED / "landmark_places.npz"))


def _hash(facts, data=b""):
    """A short hash of anything with a repr, and of bytes."""
    return hashlib.sha256(repr(facts).encode() + data).hexdigest()[:16]
