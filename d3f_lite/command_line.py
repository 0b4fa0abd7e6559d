"""What all commands share: printing never fails, an error is one line, and who stops them finds nothing half done."""

import functools
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager

from d3f_lite.errors import D3FError


class ForgivingStream:
    """A text stream that escapes characters its encoding lacks, and stays silent once its reader has gone or its disk is full."""

    def __init__(self, stream):
        self._stream, self.fault = stream, ""  # why not all was written, though there may be a reader

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        """Write ``text``; the number of its characters."""
        with self._silent_once_it_fails():
            try:
                self._stream.write(text)
            except UnicodeEncodeError:  # nothing of it was written
                self._stream.write("".join(_encodable(character, self._stream.encoding) for character in text))
        return len(text)

    def flush(self):
        """Hand on what was written."""
        with self._silent_once_it_fails():
            self._stream.flush()

    @contextmanager
    def _silent_once_it_fails(self):
        try:
            yield
        except OSError as error:
            self.fault = "" if isinstance(error, BrokenPipeError) else error.strerror
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
    """Inside, printing cannot fail, for its encoding or for want of a reader (``| head``); gives the two ForgivingStreams."""
    before = sys.stdout, sys.stderr
    # A stream that was closed before the start (``2>&-``) is None: its text is dropped.
    streams = sys.stdout, sys.stderr = tuple(ForgivingStream(stream or io.StringIO()) for stream in before)
    try:
        yield streams
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before


@contextmanager
def stoppable():
    """Inside, SIGTERM and SIGHUP stop the work as Ctrl-C does, so that it cleans up; gives the list of the signals that came."""
    came = []

    def stop(number, _):
        came.append(number)
        raise KeyboardInterrupt

    def unraisable(lost):
        if lost.exc_type is KeyboardInterrupt:  # Python drops it within an import's own callbacks: soon it comes again
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            sys.__unraisablehook__(lost)

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    names = (name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))  # Windows lacks the last
    before = {number: signal.getsignal(number) for number in (getattr(signal, name) for name in names)}
    before = {number: handler for number, handler in before.items() if handler not in (None, signal.SIG_IGN)}  # nohup
    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    for number in before:
        signal.signal(number, stop)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook


def command_line(program: str) -> Callable:
    """Make a function the main one of a command: it returns the exit code and prints as in ``forgiving_output``.

    Args:
        program: name that precedes an error.

    Returns:
        A decorator. The code is what the function returns, 0 for None; 2 after a D3FError, where a library cannot be loaded or
        something could not be printed; 128 and the signal's number, 130 for Ctrl-C, where it was stopped.
    """

    def decorate(main):
        @functools.wraps(main)
        def run(*arguments):
            with forgiving_output() as (stdout, _), stoppable() as signals:
                code = _code_of(program, main, arguments, signals)
            if stdout.fault and sys.stderr is not None:
                print(f"{program}: cannot print: {stdout.fault}; what is written to files is whole", file=sys.stderr)
            return code or 2 * bool(stdout.fault)

        return run

    return decorate


def _code_of(program, main, arguments, signals):
    """The exit code of a main function; says in one line what went wrong."""
    try:
        return main(*arguments) or 0
    except D3FError as error:
        code, reason = 2, str(error)
    except KeyboardInterrupt:
        code, reason = 128 + (signals or [signal.SIGINT])[0], "stopped; nothing half done was written"
    except BaseException as error:
        if signals:  # an import makes other errors of it
            code, reason = 128 + signals[0], "stopped; nothing half done was written"
        elif isinstance(error, ImportError) and not (error.name or "").startswith("d3f_lite"):
            remedy = "install it, on Debian and Ubuntu: apt-get install libgl1" if "libGL" in str(error) else "install it again"
            code, reason = 2, f"cannot start: {error}; {remedy}"
        else:
            raise
    print(f"{program}: {reason}", file=sys.stderr)
    return code
