"""Figures that look the same for everybody."""

import os
import sys
from contextlib import contextmanager, suppress


@contextmanager
def default_style():
    """Draw as matplotlib does by default, whatever the user's ``matplotlibrc`` and MPLBACKEND say; also a decorator."""
    if "matplotlib" not in sys.modules:
        _import_with_any_backend()
    import matplotlib.style

    with matplotlib.style.context("default"):
        yield


def _import_with_any_backend():
    """Import matplotlib, which would fail where MPLBACKEND names none of its backends. Files need none."""
    backend = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if backend is not None:
        os.environ["MPLBACKEND"] = backend
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
