"""What all commands share: printing never fails, and what is wrong is said in one line."""

import functools
import io
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager

from d3f_lite.errors import D3FError


class ForgivingStream:
    """A text stream that writes what its encoding lacks as ``\\N`` escapes, and goes on in silence when its reader has gone."""

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
            # What is still in the buffer must go somewhere, or Python complains at its exit.
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
    """Inside, nothing that is printed can fail: neither for its encoding, nor because the reader has gone (``| head -1``)."""
    before = sys.stdout, sys.stderr
    # What was closed before the start (``2>&-``) is None: then the words go nowhere.
    streams = sys.stdout, sys.stderr = tuple(ForgivingStream(stream or io.StringIO()) for stream in before)
    try:
        yield
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before


def command_line(program: str) -> Callable:
    """Make a function the main one of a command: it returns the exit code, and prints as ``forgiving_output`` does.

    Args:
        program: name that stands before what is said.

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
