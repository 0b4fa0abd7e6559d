"""Files of arrays (npz, npy), read within bounds: every array is checked as it is read, and nothing is ever executed."""

import io
import lzma
import math
import mmap
import pickle
import re
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from tokenize import TokenError

import numpy as np
from jaxtyping import Int32

from d3f_lite.errors import D3FError
from d3f_lite.files.names import expanded

LARGEST_FILE = 256 * 2**20  # bytes, on disk, unpacked, or of one array; FLAME takes 53 MB
MOST_MEMBERS = 20_000  # of an archive; ICT-FaceKit's has about 600
LARGEST_NUMBER = 1e6  # of any length (m, mm), weight or variance that a file may hold
UNREADABLE = (  # what the libraries raise over broken files
    OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError, OverflowError,
    MemoryError, RecursionError, AssertionError, NotImplementedError, RuntimeError, SyntaxError, TokenError,
    pickle.UnpicklingError, struct.error, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ArrayTable:
    """The named arrays of one file.

    Args:
        file: its name, for messages.
        values: name to array, or to a function that gives it.
        error: the D3FError that is raised when an array is not as expected.
    """

    file: str
    values: dict
    error: type[D3FError]

    def array(self, name: str, shape: Sequence, dtype: type = np.float64) -> np.ndarray:
        """One array of finite numbers.

        Args:
            name: its key.
            shape: the expected shape, None where any length will do.
            dtype: of what is returned; an integer type takes only integers that fit it.

        Raises:
            the table's error: it is missing, of another shape, not of numbers, or holds NaN, infinite or huge ones.
        """
        array, dtype = self._value(name), np.dtype(dtype)
        if not isinstance(array, np.ndarray) or array.ndim != len(shape):
            raise self.error(f"{name!r} in {self.file} is not an array of {len(shape)} dimensions")
        if any(wanted not in (None, length) for wanted, length in zip(shape, array.shape)) or array.size == 0:
            raise self.error(f"{name!r} in {self.file} has shape {array.shape}, expected {shape}")
        if array.size * dtype.itemsize > LARGEST_FILE:
            raise self.error(f"{name!r} in {self.file} takes more than {LARGEST_FILE >> 20} MB")
        if array.dtype.kind not in ("iu" if dtype.kind in "iu" else "fiu"):
            raise self.error(f"{name!r} in {self.file} does not hold {'integers' if dtype.kind in 'iu' else 'numbers'}")
        limit = np.iinfo(str(dtype)).max if dtype.kind in "iu" else LARGEST_NUMBER
        if not (array.min().item() >= -limit and array.max().item() <= limit):  # false for NaN, too
            raise self.error(f"{name!r} in {self.file} holds NaN, infinite or huge numbers")
        return array.astype(dtype)

    def indices(self, name: str, shape: Sequence, count: int) -> Int32[np.ndarray, "..."]:
        """An array of numbers from 0 to ``count`` - 1; arguments and errors as of ``array``."""
        numbers = self.array(name, shape, np.int64)
        if numbers.min() < 0 or numbers.max() >= count:
            raise self.error(f"{name!r} in {self.file} points beyond the {count} there are")
        return numbers.astype(np.int32)

    def texts(self, name: str, shape: Sequence) -> np.ndarray:
        """An array of strings; arguments and errors as of ``array``."""
        value = self._value(name)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "U" or value.ndim != len(shape):
            raise self.error(f"{name!r} in {self.file} does not hold text")
        if any(wanted not in (None, length) for wanted, length in zip(shape, value.shape)):
            raise self.error(f"{name!r} in {self.file} has shape {value.shape}, expected {shape}")
        if np.frombuffer(value.tobytes(), np.uint32).max(initial=0) > sys.maxunicode:
            raise self.error(f"{name!r} in {self.file} holds characters that do not exist")
        return value

    def _value(self, name):
        """The value of a name."""
        try:
            value = self.values[name]
            return value() if callable(value) else value
        except UNREADABLE as reason:
            raise self.error(f"{self.file} has no readable {name!r}: {reason_of(reason)}") from reason


def read_arrays(
    path: Path | str, error: type[D3FError], unpickle: Callable | None = None, inside: Sequence[str] = ()
) -> ArrayTable:
    """Read a file of named arrays.

    Args:
        path: an npz; with ``unpickle`` also a pickled dict, or an npy that holds one.
        error: D3FError to raise when it is not such a file.
        unpickle: function of bytes that returns the table's ``values``; None refuses pickles.
        inside: names of files; the first of them that is in a zip, as downloaded, is read.

    Raises:
        ``error``: the file is missing, too large, broken, of another kind, or holds objects instead of numbers.
    """
    name, values = _read(Path(path), error, unpickle or _no_pickle, inside)
    if not isinstance(values, dict):
        raise error(f"{name} holds no named arrays: is it the right file?")
    return ArrayTable(name, values, error)


def read_array(path: Path | str, error: type[D3FError]) -> np.ndarray:
    """Read the one array of numbers in an npy; raises ``error`` as ``read_arrays`` does."""
    _, value = _read(Path(path), error, _no_pickle)
    if not isinstance(value, np.ndarray):
        raise error(f"{Path(path).name} holds several arrays: save the one as .npy")
    return value


def bounded_bytes(path: Path | str, error: type[D3FError], most: int = LARGEST_FILE) -> bytes:
    """The bytes of a regular file, at most ``most``.

    Raises:
        ``error``: there is no such file, it cannot be read, it is not a regular one, or it is larger.
    """
    path = expanded(path)
    try:
        if not path.exists():
            raise error(f"cannot read {path}: no such file")
        if not path.is_file():
            raise error(f"{path.name} is not a regular file")
        if path.stat().st_size > most:
            raise error(f"{path.name} has more than {most:,} bytes: not the file it should be")
        return path.read_bytes()
    except (OSError, ValueError) as reason:  # ValueError: a name with a null character
        raise error(f"cannot read {path}: {reason_of(reason)}") from reason


def _read(path, error, unpickle, inside=()):
    """The name and content of a file, or of the wanted one inside it; raises ``error``."""
    whole = bounded_bytes(path, error)
    try:
        check_no_web_page(whole)
        check_few_members(whole)
        name, data = _taken_out(whole, inside) or (path.name, whole)
        if data.startswith(b"PK\x03\x04"):
            return name, _read_npz(data, unpickle)
        return name, _read_npy(data, unpickle) if data.startswith(b"\x93NUMPY") else unpickle(data)
    except UNREADABLE as reason:
        raise error(f"cannot read {path.name}: {reason_of(reason)}") from reason


def reason_of(error: BaseException) -> str:
    """What went wrong, on one line of at most 120 characters."""
    return (" ".join(str(error).split()) or type(error).__name__)[:120]


def numbers(raw: bytes | memoryview, code: str, shape: Sequence, fortran: bool) -> np.ndarray:
    """An array of plain numbers or text from its bytes, whose length must match the shape.

    Args:
        code: of the type, as numpy writes it: ``<f4``.
        fortran: whether the first index runs fastest.

    Raises:
        ValueError: the length does not match, or the type is neither a number's nor text.
    """
    if not re.fullmatch(r"[<>|=]?([biuf][1248]|U\d{1,6})", code):
        raise ValueError(f"arrays of type {code!r} are not numbers")
    dtype, shape = np.dtype(code), tuple(int(length) for length in shape)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError("an array's length does not match its shape: the file is cut off or changed")
    array = np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def bounded_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """The bytes of one member of a zip, at most ``limit``.

    Raises:
        ValueError: it is larger, or packed in a way that cannot be unpacked bit by bit.
    """
    if member.file_size > limit:
        raise ValueError(f"{Path(member.filename).name[:40]} unpacks to {member.file_size >> 20} MB: too large")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("the archive is packed in an unusual way: pack it with ordinary zip")
    with archive.open(member) as stream:  # archive.read would first unpack all, however much it says it is
        return stream.read(member.file_size)


def check_few_members(data: bytes | mmap.mmap) -> None:
    """Refuse, with a ValueError, a zip that lists more than MOST_MEMBERS files, before the list is read."""
    if sum(1 for _ in islice(re.finditer(b"PK\x01\x02", data), MOST_MEMBERS + 1)) > MOST_MEMBERS:
        raise ValueError(f"the archive lists more than {MOST_MEMBERS:,} files: not the one it should be")


def check_no_web_page(data: bytes) -> None:
    """Refuse, with a ValueError, what starts as a web page does."""
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|\?xml)", data, re.IGNORECASE):
        raise ValueError("it is a web page, such as sites send to whoever is not logged in: download the file again")


def _taken_out(data, names):
    """Name and bytes of the first of these files that a zip holds; None if it is not a zip, or holds none of them."""
    if not names or not data.startswith(b"PK\x03\x04"):
        return None
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {PurePosixPath(member.filename).name: member for member in archive.infolist()}
        found = next((name for name in names if name in members), None)
        return found and (found, bounded_member(archive, members[found], LARGEST_FILE))


def _read_npz(data, unpickle):
    """The arrays of an npz, by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        if not members:
            raise ValueError("this archive holds no arrays: unpack it first and give the file inside it")
        if sum(member.file_size for member in members) > LARGEST_FILE:
            raise ValueError(f"it unpacks to more than {LARGEST_FILE >> 20} MB: not the file it should be")
        return {member.filename[:-4]: _read_npy(bounded_member(archive, member, LARGEST_FILE), unpickle) for member in members}


def _read_npy(data, unpickle):
    """The array of an npy file, or what is pickled in it."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(stream)
    rest = memoryview(data)[stream.tell() :]
    return unpickle(bytes(rest)) if dtype.hasobject else numbers(rest, dtype.str, shape, fortran)


def _no_pickle(_):
    """Refuse what is neither npz nor plain npy."""
    raise ValueError("it is not an npz or npy of plain numbers")
