"""Files and folders that are whole or not there, and that replace nothing a person may want to keep."""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from d3f_lite.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file that becomes ``path`` if all goes well."""
    partial = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")  # numpy adds a suffix where there is none
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content) -> None:
    """Write ``content`` as JSON, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content), encoding="utf-8")


@contextmanager
def whole_folder(
    path: Path | str,
    is_ours: Callable[[Path], bool],
    is_remnant: Callable[[Path], bool] = lambda folder: False,
    stale: float = 3600.0,
) -> Iterator[Path]:
    """Give an empty temporary folder that becomes ``path`` if all goes well.

    Args:
        path: of the folder.
        is_ours: whether the folder that is there may be replaced.
        is_remnant: whether a folder of such a temporary name may be what a killed run left half written.
        stale: seconds without a change, after which a remnant is removed.

    Raises:
        OutputError: it cannot be written, or something else is there.
    """
    path = Path(path)
    check_replaceable(path, is_ours)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        _replace(path, temporary, is_ours)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        _remove(temporary)
    remove_remnants(path, is_remnant, stale)


def remove_remnants(path: Path, is_remnant: Callable[[Path], bool], stale: float = 0.0) -> None:
    """Remove what killed runs left of a folder half written; arguments as of ``whole_folder``."""
    pattern = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}(\.old)?")
    with suppress(OSError):
        for beside in path.parent.iterdir():
            if pattern.fullmatch(beside.name) and time.time() - beside.stat().st_mtime >= stale and is_remnant(beside):
                _remove(beside)


def check_writable(folder: Path | str) -> None:
    """Refuse a folder that nothing can be written to, before any work is done.

    Raises:
        OutputError: it is a file, or its nearest existing parent cannot be written.
    """
    folder = Path(folder)
    parent = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write results to {folder}: {parent} is not a folder that you may write to")


def check_replaceable(path: Path, is_ours: Callable[[Path], bool]) -> None:
    """Refuse a file or folder that holds what a person may want to keep.

    Args:
        path: it need not exist.
        is_ours: whether it may be replaced.

    Raises:
        OutputError: it may not.
    """
    with _turn(path.parent):
        _refuse_others(path, is_ours)


def _refuse_others(path, is_ours):
    """``check_replaceable``, in a turn that the caller has taken."""
    if os.path.lexists(path) and not is_ours(path):
        raise OutputError(f"{path} is there and is not just a result of d3f-lite: move it away, or choose another folder")


def _replace(path, temporary, is_ours):
    """Move a finished folder to its place and remove what was there; if that fails, the old one stays."""
    retired = temporary.with_name(f"{temporary.name}.old")
    with _turn(path.parent):
        _refuse_others(path, is_ours)
        try:
            if os.path.lexists(path):
                os.rename(path, retired)
            os.rename(temporary, path)
        finally:
            if os.path.lexists(path):
                _remove(retired)
            elif os.path.lexists(retired):
                os.rename(retired, path)


@contextmanager
def _turn(folder):
    """Inside, no other writer replaces what is in ``folder``; without protection where the system cannot lock folders.

    The folder itself is locked: filelock's locks are files, which would stay in a person's folder.
    """
    try:
        import fcntl

        place = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # Windows; or the folder is not there yet
        yield
        return
    try:
        with suppress(OSError):  # some network file systems
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _remove(folder):
    """Remove a folder of ours, if it is there, even if Ctrl-C comes meanwhile."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
