"""Landmarks as files: .csv with confidences, iBUG's .pts, and .npy; 68 of iBUG's order, WFLW's 98 or MediaPipe's 478."""

import csv
import io
from itertools import chain
from pathlib import Path

import numpy as np

from d3f_lite.errors import LandmarkError
from d3f_lite.files.arrays import bounded_bytes, read_array, reason_of
from d3f_lite.files.values import as_array
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import to_68

FIRST_PIXEL = 0.5  # px: .pts counts from 1 at the first pixel's centre, d3f-lite from 0 at its corner
FROM_FILE = "file"  # the backend of points that do not say where they come from
COLUMNS = ("x", "y", "confidence", "backend")


def as_landmarks(landmarks, photo: Photo) -> Landmarks:
    """Landmarks from Landmarks, a file's path, or an array (68, 2) px or (68, 3) with confidences, checked; or 98 or 478 points.

    Raises:
        LandmarkError: another number of points, or some far outside the photo.
    """
    if isinstance(landmarks, str | Path):
        return read_landmarks(landmarks, photo)
    if not isinstance(landmarks, Landmarks):
        landmarks = _from_table(as_array(landmarks, "landmarks", LandmarkError), FROM_FILE, "landmarks", photo)
    return _checked(landmarks, photo, "landmarks")


def read_landmarks(path: Path | str, photo: Photo) -> Landmarks:
    """Read landmarks, px of the upright photo, x right and y down from its top-left corner.

    Of the 98 points of WFLW, and of MediaPipe's 468 or 478 (px, or parts of the photo's sides), the 68 are taken.

    ``.csv`` has the columns x, y and maybe confidence and backend, with or without names in a first line and a number before
    each row, separated by commas, or by semicolons or tabs (then decimals may have a comma); ``.npy`` is (68, 2) or
    (68, 3); ``.pts`` is iBUG's format, where the first pixel's centre is (1, 1). A third column holds confidences (or
    flags) from 0 to 1, or z where some of it is negative: that says nothing.

    Args:
        path: the file.
        photo: Photo that they belong to.

    Raises:
        LandmarkError: no such file, not of one of the three kinds, another number of points, or far outside the photo.
    """
    path = Path(path)
    kind, kinds = path.suffix.lower(), (".csv", ".pts", ".npy")
    if kind not in kinds:
        raise LandmarkError(f"{path.name}: landmarks come as {', '.join(kinds)}")
    content = bounded_bytes(path, LandmarkError, 65_536)
    try:
        if kind == ".npy":
            table, backend = read_array(path, LandmarkError), FROM_FILE
        else:
            table, backend = (_csv if kind == ".csv" else _pts)(content.decode("utf-8-sig"))
    except (ValueError, csv.Error) as error:
        raise LandmarkError(f"{path.name} does not hold 68 landmarks: {reason_of(error)}") from error
    return _checked(_from_table(table, backend, path.name, photo), photo, path.name)


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


def _csv(text):
    """The numbers of a table, whatever separates its cells, and the backend that it names."""
    rows = _cells(text)
    named = [name.strip().lower() for name in rows[0]] if rows and not _is_number(rows[0][0]) else None
    rows = rows[1:] if named else rows
    if len({len(row) for row in rows}) != 1:
        raise ValueError("its rows do not all have the same number of cells")
    columns = _columns(named, rows)
    rows = _ordered(rows, named)
    backends = {row[columns["backend"]].strip() for row in rows} if "backend" in columns else {FROM_FILE}
    if len(backends) != 1:
        raise ValueError("all of them must name one backend")
    numbers = [[float(row[columns[name]]) for name in COLUMNS[:3] if name in columns] for row in rows]
    return np.array(numbers), backends.pop()


def _cells(text):
    """The rows of a table as lists of cells, parted by semicolons, tabs, commas or blanks; a comma in a cell is a decimal one."""
    lines = [line for line in text.splitlines() if line.strip()]
    separator = next((mark for mark in ";\t," if lines and all(mark in line for line in lines)), None)
    rows = list(csv.reader(lines, delimiter=separator)) if separator else [line.split() for line in lines]
    return [[cell.replace(",", ".") if _is_number(cell.replace(",", ".")) else cell for cell in row] for row in rows]


def _columns(named, rows):
    """Where x, y and what else is known stand: name to column, from the first line's names or from what the columns hold."""
    if named:
        others = {"x": ("x_px",), "y": ("y_px",), "confidence": ("score", "visible", "visibility")}
        found = {name: named.index(word) for name in COLUMNS for word in (*others.get(name, ()), name) if word in named}
        if "x" not in found or "y" not in found:
            raise ValueError(f"its first line names {', '.join(named)[:80]}, not x and y")
        if len(named) != len(rows[0]):
            raise ValueError(f"its first line names {len(named)} columns, the others have {len(rows[0])}")
        return found
    first = [row[0].strip() for row in rows]
    counted = any(first == [str(start + number) for number in range(len(rows))] for start in (0, 1))
    if len(rows[0]) == 4 and not counted and all(cell.strip().isdecimal() for row in rows for cell in row):
        raise ValueError("commas both separate its numbers and stand in them: save it with semicolons")
    columns = list(range(len(rows[0])))[1 if counted and len(rows[0]) >= 3 else 0 :]
    return dict(zip(COLUMNS, columns))


def _ordered(rows, named):
    """The rows by their numbers, where a column is named for them: from 0 or from 1, each once."""
    column = next((at for at, name in enumerate(named or ()) if name in ("id", "index", "landmark", "point", "")), None)
    if column is None:
        return rows
    numbers = [float(row[column]) for row in rows]
    last = len(rows)
    if sorted(numbers) not in (list(range(last)), list(range(1, last + 1))):
        raise ValueError(f"its column {named[column]!r} does not count from 0 to {last - 1} or from 1 to {last}, each once")
    return [row for _, row in sorted(zip(numbers, rows))]


def _is_number(text):
    """Whether a cell holds a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _pts(text):
    """The numbers of iBUG's text format, and the backend."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "{" not in lines or "}" not in lines:
        raise ValueError("a .pts file has its points between { and }")
    points = lines[lines.index("{") + 1 : lines.index("}")]
    table = np.array([[float(cell) for cell in line.split()] for line in points])
    table[:, :2] -= FIRST_PIXEL
    return table, FROM_FILE


def _from_table(table, backend, name, photo):
    """Landmarks from an array (68, 2), or (68, 3) with confidences or z, or from more points of which these are some."""
    too_few = "5 points (eyes, nose, mouth corners, as RetinaFace and MTCNN give) are too few for a head"
    two_orders = "106 points come in two orders (JD-landmark's and InsightFace's) that a file does not tell apart"
    if table.ndim == 2 and table.dtype.kind in "fiu" and table.shape[1] in (2, 3):
        if len(table) in (468, 478):
            mesh = table[:, :2].astype(float)
            in_shares = np.abs(mesh).max() <= 2.0  # of the photo's sides, as MediaPipe gives them, and no px
            table = to_68(mesh * photo.shape[::-1] if in_shares else mesh)
        elif len(table) == 98:  # WFLW's (Wu et al. 2018): jaw, brows, nose, eyes, mouth
            parts = (range(0, 33, 2), range(33, 38), range(42, 47), range(51, 60))
            table = table[[*chain(*parts), 60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75, *range(76, 96)]]
        elif len(table) in (5, 106):
            reason = too_few if len(table) == 5 else two_orders
            raise LandmarkError(f"{name}: {reason}: give iBUG's 68, or none and have them detected")
    if table.shape not in ((68, 2), (68, 3)) or table.dtype.kind not in "fiu":
        known = "or 98 (WFLW), 468 or 478 (MediaPipe) rows of x, y"
        raise LandmarkError(f"{name}: landmarks are 68 rows of x, y and maybe a confidence, {known}, not {table.shape}")
    confidence = table[:, 2] if table.shape[1] == 3 else np.ones(68)
    if (confidence < 0).any():  # a depth z, which lies on both sides of the face's middle
        confidence = np.ones(68)
    try:
        return Landmarks(table[:, :2].astype(np.float32), confidence.astype(np.float32), backend, 1)
    except LandmarkError as error:
        remedy = "; leave out the third column if it is z" if (confidence > 1).any() else ""
        raise LandmarkError(f"{name}: {error}{remedy}") from error


def _checked(landmarks, photo, name, nearest_eyes=4.0):
    """Refuse points that cannot be those of a face in this photo."""
    size = np.array(photo.shape[::-1])
    if (landmarks.xy < -size).any() or (landmarks.xy > 2 * size).any():
        raise LandmarkError(f"{name}: landmarks lie far outside the photo of {size[0]}×{size[1]} px; are they in its px?")
    if _counted_from_one(landmarks.xy, size):
        raise LandmarkError(f"{name}: the landmarks look as if pixels were counted from 1: subtract 0.5 px, or save them as .pts")
    if landmarks.interocular_distance < nearest_eyes:
        raise LandmarkError(f"{name}: the outer eye corners are less than {nearest_eyes:g} px apart: no face to fit")
    return landmarks


def _counted_from_one(xy, size):
    """Whether points (68, 2) are whole pixels numbered from 1: none is 0, and one is the last row or column, so numbered."""
    whole = (xy == xy.round()).all()
    return bool(whole and (xy >= 1).all() and (xy <= size).all() and (xy == size).any())
