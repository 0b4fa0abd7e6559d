"""Quiet native libraries that write to file descriptor 2 and have no switch for it."""

import contextlib
import os


@contextlib.contextmanager
def native_stderr_silenced():
    """Hide what native code writes to file descriptor 2 meanwhile: MediaPipe's start-up notes, libtiff's complaints."""
    kept, void = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(void, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(void)
