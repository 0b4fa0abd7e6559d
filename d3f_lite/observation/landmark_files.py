"""68 landmarks as files: .csv with confidences, iBUG's .pts, and .npy."""

import csv
import io
from pathlib import Path

import numpy as np

from d3f_lite.common.array_files import read_array, reason_of
from d3f_lite.errors import LandmarkError
from d3f_lite.observation.landmarks import Landmarks, interocular_distance
from d3f_lite.observation.photo import Photo

LARGEST_FILE = 65_536  # bytes
FIRST_PIXEL = 0.5  # px: .pts counts from 1 at the first pixel's centre, d3f-lite from 0 at its corner
NEAREST_EYES = 4.0  # px between the outer eye corners
COLUMNS = ("x", "y", "confidence", "backend")
NAMES = {
    "x": ("x", "x_px"),
    "y": ("y", "y_px"),
    "confidence": ("confidence", "score"),
    "backend": ("backend",),
}  # in a first line
NUMBERS = ("id", "index", "landmark", "point", "")  # names there of a column that numbers them
FROM_FILE = "file"  # the backend of points that do not say where they come from


def as_landmarks(landmarks, photo: Photo) -> Landmarks:
    """Landmarks from Landmarks, a file's path, or an array (68, 2) px or (68, 3) with confidences; checked.

    Raises:
        LandmarkError: not 68 points within a photo's size around the photo.
    """
    if isinstance(landmarks, str | Path):
        return read_landmarks(landmarks, photo)
    if isinstance(landmarks, np.ndarray):
        return _checked(_from_table(landmarks, FROM_FILE, "landmarks"), photo, "landmarks")
    return _checked(landmarks, photo, "landmarks")


def read_landmarks(path: Path | str, photo: Photo) -> Landmarks:
    """Read landmarks, px of the upright photo, x right and y down from its top-left corner.

    ``.csv`` has the columns x, y and maybe confidence and backend, named in a first line or not, with a number before each
    row or not, and separated by commas, or by semicolons or tabs (then decimals may have a comma); ``.npy`` is (68, 2) or
    (68, 3); ``.pts`` is iBUG's format, where the first pixel's centre is (1, 1).

    Args:
        path: the file.
        photo: Photo that they belong to.

    Raises:
        LandmarkError: no such file, not of one of the three kinds, not 68 points, or far outside the photo.
    """
    path = Path(path)
    readers = {".csv": _read_csv, ".pts": _read_pts, ".npy": _read_npy}
    if path.suffix.lower() not in readers:
        raise LandmarkError(f"{path.name}: landmarks come as {', '.join(readers)}")
    try:
        if path.exists() and not path.is_file():
            raise LandmarkError(f"{path.name} is no ordinary file")
        if path.stat().st_size > LARGEST_FILE:
            raise LandmarkError(f"{path.name}: 68 landmarks take at most {LARGEST_FILE} bytes")
        landmarks = readers[path.suffix.lower()](path)
    except OSError as error:
        raise LandmarkError(f"cannot read the landmarks {path}: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise LandmarkError(f"{path.name} does not hold 68 landmarks: {reason_of(error)}") from error
    return _checked(landmarks, photo, path.name)


def write_landmarks(landmarks: Landmarks, path: Path | str) -> None:
    """Write Landmarks to ``path``: a .csv keeps every bit of them, a .pts (iBUG) only the points."""
    if Path(path).suffix.lower() == ".pts":
        rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in landmarks.xy + FIRST_PIXEL)
        text = f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n"
    else:
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows((x, y, sure, landmarks.backend) for (x, y), sure in zip(landmarks.xy, landmarks.confidence))
        text = stream.getvalue()
    Path(path).write_text(text, encoding="utf-8")


def _read_csv(path):
    """Landmarks from rows of text, whatever separates their cells."""
    rows = _cells(path.read_text(encoding="utf-8-sig"))
    named = [name.strip().lower() for name in rows[0]] if rows and not _is_number(rows[0][0]) else None
    rows = rows[1:] if named else rows
    if not rows or len({len(row) for row in rows}) != 1:
        raise ValueError("its rows have not all the same number of cells")
    columns = _columns(named, rows)
    rows = _ordered(rows, named)
    backends = {row[columns["backend"]].strip() for row in rows} if "backend" in columns else {FROM_FILE}
    if len(backends) != 1:
        raise ValueError("all of them must name one backend")
    numbers = [[float(row[columns[name]]) for name in COLUMNS[:3] if name in columns] for row in rows]
    return _from_table(np.array(numbers), backends.pop(), path.name)


def _cells(text):
    """The rows of a table as lists of cells, parted by semicolons, tabs, commas or blanks; a comma in a cell is a decimal one."""
    lines = [line for line in text.splitlines() if line.strip()]
    separator = next((mark for mark in ";\t," if lines and all(mark in line for line in lines)), None)
    rows = list(csv.reader(lines, delimiter=separator)) if separator else [line.split() for line in lines]
    return [[cell.replace(",", ".") if _is_number(cell.replace(",", ".")) else cell for cell in row] for row in rows]


def _columns(named, rows):
    """Where x, y and what else is known stand: name to column, from the first line's names or from what the columns hold."""
    if named:
        found = {name: named.index(other) for name, others in NAMES.items() for other in others if other in named}
        if "x" not in found or "y" not in found:
            raise ValueError(f"its first line names {', '.join(named)[:80]}, not x and y")
        if len(named) != len(rows[0]):
            raise ValueError(f"its first line names {len(named)} columns, the others have {len(rows[0])}")
        return found
    first = [row[0].strip() for row in rows]
    counted = any(first == [str(start + number) for number in range(len(rows))] for start in (0, 1))
    if len(rows[0]) == 4 and not counted and all(cell.strip().isdecimal() for row in rows for cell in row):
        raise ValueError("its commas part the numbers and stand in them, too: save it with semicolons")
    columns = list(range(len(rows[0])))[1 if counted and len(rows[0]) >= 3 else 0 :]
    return dict(zip(COLUMNS, columns))


def _ordered(rows, named):
    """The rows by their numbers, where a column is named for them: from 0 or from 1, each once."""
    column = next((at for at, name in enumerate(named or ()) if name in NUMBERS), None)
    if column is None:
        return rows
    numbers = [float(row[column]) for row in rows]
    if sorted(numbers) not in (list(range(68)), list(range(1, 69))):
        raise ValueError(f"its column {named[column]!r} does not count from 0 to 67 or from 1 to 68, each once")
    return [row for _, row in sorted(zip(numbers, rows))]


def _is_number(text):
    """Whether a cell holds a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_pts(path):
    """Landmarks from iBUG's text format."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if "{" not in lines or "}" not in lines:
        raise ValueError("a .pts file has its points between { and }")
    points = lines[lines.index("{") + 1 : lines.index("}")]
    return _from_table(np.array([[float(cell) for cell in line.split()] for line in points]) - FIRST_PIXEL, FROM_FILE, path.name)


def _read_npy(path):
    """Landmarks from an array file."""
    return _from_table(read_array(path, LandmarkError), FROM_FILE, path.name)


def _from_table(table, backend, name):
    """Landmarks from an array (68, 2) or (68, 3)."""
    if table.shape not in ((68, 2), (68, 3)) or table.dtype.kind not in "fiu":
        raise LandmarkError(f"{name}: landmarks are 68 rows of x, y and maybe a confidence, not {table.shape}")
    confidence = table[:, 2] if table.shape[1] == 3 else np.ones(68)
    try:
        return Landmarks(table[:, :2].astype(np.float32), confidence.astype(np.float32), backend, 1)
    except LandmarkError as error:
        raise LandmarkError(f"{name}: {error}") from error


def _checked(landmarks, photo, name):
    """Refuse points that cannot be those of a face in this photo."""
    size = np.array(photo.shape[::-1])
    if (landmarks.xy < -size).any() or (landmarks.xy > 2 * size).any():
        raise LandmarkError(f"{name}: landmarks lie far outside the photo of {size[0]}×{size[1]} px; are they in its px?")
    if interocular_distance(landmarks.xy) < NEAREST_EYES:
        raise LandmarkError(f"{name}: the outer eye corners are less than {NEAREST_EYES:g} px apart: no face to fit")
    return landmarks
