"""Bad input of every kind, generated: what is broken, who reads it, and what must hold afterwards.

Each Kind breaks good samples, or draws values, and gives them to the one function where they enter. They must be refused
by a D3FError of one line or give a valid object; nothing else may be raised, written, deleted, started or sent.
"""

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from traitlets import TraitError

from d3f_lite.errors import D3FError

FORBIDDEN = {  # what reading a file must not do (Python's audit events)
    "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "subprocess.Popen", "socket.connect", "os.remove",
    "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree", "os.putenv",
}  # fmt: skip
JUNK = (b"", b"\0" * 64, b"<!DOCTYPE html>\n<html>please log in</html>", b"\xff" * 300, b"PK\x03\x04", b"\x93NUMPY\x01\0")
MOST_MEGABYTES = 1500  # that reading anything may take at its highest, over what was there before

_watched = {"on": False, "seen": []}


def _hook(event, arguments):
    """Note and prevent forbidden events, and files opened for writing, while a file is read."""
    if _watched["on"] and (event in FORBIDDEN or (event == "open" and _writes(*arguments[::2]))):
        _watched["seen"].append(f"{event} {arguments[0]!r:.100}")
        raise PermissionError(event)


def _writes(path, flags):
    """Whether a file is opened so that it can be changed."""
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) and path != os.devnull


sys.addaudithook(_hook)


@contextmanager
def watched():
    """Fail if what runs inside starts, sends, writes or deletes anything."""
    _watched["on"], _watched["seen"] = True, []
    try:
        yield
    finally:
        _watched["on"] = False
        assert not _watched["seen"], _watched["seen"]  # also where the reader made an error of its own of it


@dataclass
class Tally:
    """How many bad inputs of a kind were tried, and what became of them."""

    tried: int = 0
    refused: int = 0

    @property
    def harmless(self):
        """Those that gave a valid object."""
        return self.tried - self.refused


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Args:
        name: as the table says it.
        bad: strategy that draws bad inputs.
        read: function of an input and a scratch folder that reads it; may raise a D3FError.
        check: function of what was read; fails unless it is valid.
        good: an input that must be read, so that the others are refused for what is broken in them.
        examples: how many ``make test`` tries.
        refused: share of them that must be refused, at the least.
    """

    name: str
    bad: st.SearchStrategy
    read: object
    check: object
    good: object
    examples: int
    refused: float = 0.1
    tally: Tally = field(default_factory=Tally)

    def run(self, examples, chosen_seed=None):
        """Try ``examples`` inputs; a ``chosen_seed`` draws other ones than ``make test`` does."""
        folder = Path(tempfile.mkdtemp(prefix="d3f-lite-hostile-"))
        try:
            self.check(self.read(self.good, folder))  # and everything is imported and warm
            test = given(self.bad)(lambda bad: self._try(bad, folder))
            test = settings(
                max_examples=examples, deadline=None, database=None, derandomize=chosen_seed is None,
                suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink), print_blob=False,
            )(test)  # fmt: skip
            (test if chosen_seed is None else seed(chosen_seed)(test))()
        finally:
            shutil.rmtree(folder)
        return self.tally

    def _try(self, bad, folder):
        self.tally.tried += 1
        _empty(folder)
        try:
            found = self.read(bad, folder)
        except (D3FError, TraitError) as error:  # the latter is how a widget refuses
            self.tally.refused += 1
            assert str(error) and str(error).isprintable(), repr(str(error))
            return
        self.check(found)


def _empty(folder):
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def file_reader(name, read):
    """A ``Kind.read`` of bytes: they are written to ``name``, read by ``read(path)``, and nothing else may happen."""

    def read_bytes(data, folder):
        (folder / name).write_bytes(data)
        with watched():
            return read(folder / name)

    return read_bytes


def broken(samples):
    """A strategy: one of ``samples`` (bytes), broken, or something else altogether."""
    damaged = st.integers(0, len(samples) - 1).flatmap(lambda number: _damaged(Sample(samples[number])))
    return st.one_of(damaged, damaged, damaged, st.sampled_from(JUNK), st.binary(max_size=200))


class Sample(bytes):
    """Bytes that hypothesis does not write out."""

    def __repr__(self):
        return f"<{len(self)} bytes>"


@st.composite
def _damaged(draw, good):
    """Bytes cut off, flipped, overwritten or moved about."""
    how = draw(st.sampled_from(("cut", "flip", "flip", "flip", "overwrite", "delete", "repeat", "insert")))
    # Half of the damage goes to the start and the end, where formats keep what they say about themselves.
    place = st.one_of(st.integers(0, min(len(good), 300) - 1), st.integers(0, len(good) - 1),
                      st.integers(max(0, len(good) - 600), len(good) - 1))  # fmt: skip
    data, start = bytearray(good), draw(place)
    if how == "cut":
        return bytes(data[:start])
    if how == "flip":
        for _ in range(draw(st.integers(1, 8))):
            data[draw(place)] ^= 1 << draw(st.integers(0, 7))
    else:
        length = draw(st.integers(1, 40))
        if how == "delete":
            del data[start : start + length]
        elif how == "repeat":
            data[start:start] = data[start : start + length]
        else:
            drawn = draw(st.binary(min_size=length, max_size=length))
            data[start : start + (length if how == "overwrite" else 0)] = drawn
    assume(data != good)
    return bytes(data)


def finite(*arrays):
    """Fail unless all arrays hold finite numbers."""
    for array in arrays:
        assert np.isfinite(np.asarray(array, float)).all()


@contextmanager
def bounded_memory(megabytes=MOST_MEGABYTES):
    """Fail if the process takes more than so much memory above what it has; where Linux can tell."""
    counter = Path("/proc/self/clear_refs")
    if not os.access(counter, os.W_OK):
        yield
        return
    counter.write_text("5")  # the peak starts anew
    before = _megabytes("VmRSS")
    yield
    assert _megabytes("VmHWM") - before <= megabytes


def _megabytes(row):
    """A row of this process' memory, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(row)) / 1024
