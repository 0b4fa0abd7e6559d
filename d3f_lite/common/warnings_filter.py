"""Python's warnings ignored for a while, by any number of threads at once: their filters belong to the whole process."""

import contextlib
import threading
import warnings


class _Filters:
    """The filters of warnings; the first of several users changes them, the last gives them back."""

    def __init__(self):
        self._lock, self._users, self._kept = threading.Lock(), 0, None

    def ignore_all(self):
        """Ignore every warning."""
        with self._lock:
            if self._users == 0:
                self._kept = warnings.catch_warnings()
                self._kept.__enter__()
                warnings.simplefilter("ignore")
            self._users += 1

    def restore(self):
        """One user less; the last one gives them back."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._kept.__exit__(None, None, None)


_filters = _Filters()


@contextlib.contextmanager
def warnings_ignored():
    """Ignore Python's warnings meanwhile."""
    _filters.ignore_all()
    try:
        yield
    finally:
        _filters.restore()
