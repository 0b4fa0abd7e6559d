"""What d3f-lite recognises as its own: results, and pictures that it has drawn. It replaces these, and nothing else."""

import json
import os
import re
from pathlib import Path

from d3f_lite.files.names import folder_name
from d3f_lite.files.whole import check_replaceable

PROGRAM = "d3f-lite"  # stands in every report and in every PNG
DRAWN_BY = {"Software": PROGRAM}
OF_FILE_BROWSERS = (".DS_Store", "Thumbs.db", "desktop.ini")


def result_folder(folder: Path | str, name: str) -> Path:
    """The folder of a photo's result, ``folder``/<its name>, checked before any work is done.

    Raises:
        OutputError: something other than a result is there.
    """
    path = Path(folder) / folder_name(name)
    check_replaceable(path, is_result)
    return path


def is_result(folder: Path) -> bool:
    """Whether a folder is empty, or a result as ``save`` writes it with nothing else in it."""
    return is_part_of_result(folder) and (_is_report(Path(folder) / "report.json") or not _names_in(folder))


def is_part_of_result(folder: Path) -> bool:
    """Whether a folder holds only files that results have, those of older versions included."""
    names = re.compile(
        r"(fit|sample_\d+)\.ply|(samples|heatmap|mask|strokes)\.png|samples\.npz|heads\.glb|(viewer|explorer)\.html"
        r"|report\.json|landmarks\.csv|settings\.toml"
    )
    found = _names_in(folder)
    return found is not None and all(names.fullmatch(name) for name in found)


def drawn_by_us(path: Path, start: int = 2048) -> bool:
    """Whether a file is a PNG that d3f-lite has drawn: its first ``start`` bytes say so."""
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(start)
    except OSError:
        return False
    return head.startswith(b"\x89PNG") and f"Software\0{PROGRAM}".encode() in head


def _names_in(folder):
    """The names in a folder without those that file browsers leave; None if it is no folder, or holds other folders."""
    try:
        if os.path.islink(folder):
            return None
        with os.scandir(folder) as entries:
            files = {entry.name: entry.is_file() for entry in entries if entry.name not in OF_FILE_BROWSERS}
    except OSError:
        return None
    return set(files) if all(files.values()) else None


def _is_report(path):
    """Whether a file is a report of a result."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(report, dict) and isinstance(report.get("versions"), dict) and PROGRAM in report["versions"]
