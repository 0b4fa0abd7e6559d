"""Some files of a zip or a tar, read one after another within bounds; nothing is unpacked to disk."""

import gzip
import lzma
import mmap
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from d3f_lite.files.arrays import MOST_MEMBERS, bounded_member, check_few_members, check_no_web_page


@dataclass(frozen=True)
class Limits:
    """Bytes that reading an archive may take at most.

    Args:
        member: of one file, unpacked.
        archive: of the whole, packed, or passed over in a tar.
        dictionary: of memory for unpacking an xz; xz's own presets take 65 MB at most.
    """

    member: int = 32 * 2**20
    archive: int = 4 * 2**30
    dictionary: int = 256 * 2**20


def read_archive(path: Path, wanted: Callable[[str], bool], limits: Limits = Limits()) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file in an archive whose path there is ``wanted``.

    Args:
        path: of a zip, or of a tar, packed with gzip, with xz, or not at all.

    Raises:
        ValueError: the archive, or one of these files, is too large or packed in an unusual way.
        Exception: what zipfile, tarfile, gzip and lzma raise when it is broken.
    """
    check_size(path.name, path.stat().st_size, limits.archive)
    with open(path, "rb") as file:
        check_no_web_page(file.read(100))
    if zipfile.is_zipfile(path):
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            check_few_members(data)
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if wanted(member.filename):
                    yield PurePosixPath(member.filename).name, bounded_member(archive, member, limits.member)
        return
    unpacked = 0
    with open(path, "rb") as packed, tarfile.open(fileobj=_Forward(packed, limits), mode="r:") as archive:
        for number, member in enumerate(archive):
            if number >= MOST_MEMBERS:
                raise ValueError(f"the archive holds more than {MOST_MEMBERS:,} files: not the one it should be")
            unpacked += member.size
            check_size(path.name, unpacked, limits.archive)
            if wanted(member.name) and member.isreg():
                check_size(member.name, member.size, limits.member)
                yield PurePosixPath(member.name).name, archive.extractfile(member).read()


def check_size(name: str, size: int, most: int) -> None:
    """Refuse, with a ValueError, a file of more than so many bytes."""
    if size > most:
        raise ValueError(f"{PurePosixPath(name).name[:40]} takes {size >> 20} MB, more than the {most >> 20} MB it may take")


class _Forward:
    """What a file unpacks to, read forwards and in small portions: tarfile believes what a long name claims to take."""

    def __init__(self, packed, limits):
        start = packed.peek(6)
        if start.startswith(b"\x1f\x8b"):
            self._read = gzip.open(packed).read
        elif start.startswith(b"\xfd7zXZ\0"):
            self._packed, self._unpacker = packed, lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.dictionary)
            self._read = self._read_xz  # lzma.open cannot bound its memory
        else:
            self._read = packed.read
        self._most, self._place = limits.member, 0

    def read(self, size):
        """The next ``size`` bytes, fewer at the end."""
        if not 0 <= size <= self._most:
            raise ValueError("the archive asks for too much memory")
        found = self._read(size)
        self._place += len(found)
        return found

    def _read_xz(self, size):
        found = bytearray()
        while len(found) < size and not self._unpacker.eof:
            portion = self._packed.read(2**20) if self._unpacker.needs_input else b""
            if self._unpacker.needs_input and not portion:
                raise EOFError("the archive is cut off")
            found += self._unpacker.decompress(portion, size - len(found))
        return bytes(found)

    def tell(self):
        """Bytes that were read."""
        return self._place

    def seek(self, place, whence=0):
        """Go on at ``place``, which lies ahead."""
        if whence or place < self._place:
            raise ValueError("this archive is read forwards only")
        while place > self._place and self.read(min(place - self._place, 2**20)):
            pass
        return self._place
