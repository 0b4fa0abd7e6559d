"""Heads that were read once, kept in the cache folder: minutes of parsing become a tenth of a second."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from d3f_lite.assets import SHIPPED, cache_folder
from d3f_lite.errors import AssetError
from d3f_lite.formats.head_file import read_head, write_head
from d3f_lite.heads.model import HeadModel

FOLDER = "heads"  # in the cache folder
DIGITS = 16  # of a hash in a file's name


def kept_head(name: str, files: Sequence[Path], read: Callable[[], HeadModel]) -> HeadModel:
    """The head that ``read`` makes of some files; it is called only when they, or what reads them, have changed.

    Args:
        name: what the head is called.
        files: all that it is read from; those that do not exist count as missing.
        read: whatever it raises passes through, and nothing is kept.
    """
    files = [Path(os.path.abspath(file)) for file in files]
    path = cache_folder() / FOLDER / f"{_hash(files)}-{_hash([_state(file) for file in files], _readers())}.npz"
    with contextlib.suppress(AssetError):  # not there yet, or damaged
        return read_head(path, name)
    head = read()
    with contextlib.suppress(OSError):  # a cache folder that is full or not ours costs time, nothing else
        _write(head, path)
    return head


def _write(head, path):
    """Write a head to ``path``, whole at every moment, in place of what the same files once were."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        write_head(head, draft, np.float32)
        os.replace(draft, path)
    for old in path.parent.glob(f"{path.name[:DIGITS]}-*.npz"):
        if old != path:
            old.unlink(missing_ok=True)


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
    return hashlib.sha256(repr(facts).encode() + data).hexdigest()[:DIGITS]
