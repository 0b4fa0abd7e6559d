"""Quiet native libraries that write to file descriptor 2 and have no switch for it."""

import contextlib
import os
import threading


class _Descriptor2:
    """File descriptor 2 of this process, which any number of threads may silence at once."""

    def __init__(self):
        self._lock, self._users, self._kept = threading.Lock(), 0, None

    def silence(self):
        """Send it to the null device, if it is open for writing; the last of several users gives it back."""
        with self._lock:
            if self._users == 0 and _writable(2):
                self._kept = os.dup(2)
                void = os.open(os.devnull, os.O_WRONLY)
                os.dup2(void, 2)
                os.close(void)
            self._users += 1

    def restore(self):
        """One user less; the last one gives it back."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._kept is not None:
                os.dup2(self._kept, 2)
                os.close(self._kept)
                self._kept = None


_descriptor = _Descriptor2()


@contextlib.contextmanager
def native_stderr_silenced():
    """Hide what native code writes to file descriptor 2 meanwhile: MediaPipe's start-up notes, libtiff's complaints.

    Where it is closed, or belongs to a file that was opened since, nothing is touched.
    """
    _descriptor.silence()
    try:
        yield
    finally:
        _descriptor.restore()


def _writable(descriptor):
    """Whether a file descriptor is open for writing."""
    try:
        os.write(descriptor, b"")
    except OSError:
        return False
    return True
