"""Quiet what has no switch for it: native libraries that write to file descriptor 2, and Python's warnings."""

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager


class Shared:
    """A context that belongs to the whole process: of several threads inside, the first opens it and the last closes it."""

    def __init__(self, opened: Callable[[], AbstractContextManager]):
        self._opened, self._lock, self._users = opened, threading.Lock(), 0

    def __enter__(self):
        with self._lock:
            if self._users == 0:
                self._context = self._opened()
                self._context.__enter__()
            self._users += 1

    def __exit__(self, *_):
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._context.__exit__(None, None, None)


@contextlib.contextmanager
def _descriptor_2_silenced() -> Iterator[None]:
    """Send file descriptor 2 to the null device; touch nothing where it is closed, or a file that was opened since."""
    if not _writable(2):
        yield
        return
    kept, void = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, 2)
    os.close(void)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def _all_warnings_ignored() -> Iterator[None]:
    """Ignore every warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _writable(descriptor):
    """Whether a file descriptor is open for writing."""
    try:
        os.write(descriptor, b"")
    except OSError:
        return False
    return True


native_stderr_silenced = Shared(_descriptor_2_silenced)  # MediaPipe's start-up notes, libtiff's complaints
warnings_ignored = Shared(_all_warnings_ignored)
