"""What all commands share: printing never fails, and an error is one line."""

import functools
import io
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager

from d3f_lite.errors import D3FError


class ForgivingStream:
    """A text stream that escapes characters its encoding lacks, and stays silent once its reader has gone."""

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        """Write ``text``; the number of its characters."""
        with self._reader_may_have_gone():
            try:
                self._stream.write(text)
            except UnicodeEncodeError:  # nothing of it was written
                self._stream.write("".join(_encodable(character, self._stream.encoding) for character in text))
        return len(text)

    def flush(self):
        """Hand on what was written."""
        with self._reader_may_have_gone():
            self._stream.flush()

    @contextmanager
    def _reader_may_have_gone(self):
        try:
            yield
        except BrokenPipeError:
            # The rest of the buffer must go somewhere, or Python complains when it exits.
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())


def _encodable(character, encoding):
    """A character, or its escape where the encoding lacks it."""
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return character.encode("ascii", "backslashreplace").decode("ascii")
    return character


@contextmanager
def forgiving_output():
    """Inside, printing cannot fail, neither because of the encoding nor because the reader has gone (``| head -1``)."""
    before = sys.stdout, sys.stderr
    # A stream that was closed before the start (``2>&-``) is None: its text is dropped.
    streams = sys.stdout, sys.stderr = tuple(ForgivingStream(stream or io.StringIO()) for stream in before)
    try:
        yield
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before


def command_line(program: str) -> Callable:
    """Make a function the main one of a command: it returns the exit code and prints as in ``forgiving_output``.

    Args:
        program: name that precedes an error.

    Returns:
        A decorator. The code is what the function returns, 0 for None; 2 after a D3FError, 130 after Ctrl-C.
    """

    def decorate(main):
        @functools.wraps(main)
        def run(*arguments):
            with forgiving_output():
                try:
                    return main(*arguments) or 0
                except D3FError as error:
                    print(f"{program}: {error}", file=sys.stderr)
                    return 2
                except KeyboardInterrupt:
                    print(f"{program}: stopped; nothing half done was written", file=sys.stderr)
                    return 130

        return run

    return decorate
