"""What a class has handed in: copies that can be graded, why others cannot; the roster, by which marks go back."""

import csv
import io

import nbformat

from d3f_lite.errors import D3FError, OutputError
from d3f_lite.files.arrays import bounded_bytes

LARGEST = 50_000_000  # bytes; the course's largest notebook with its outputs has a tenth of it
# Columns that name a student, as Moodle and Canvas call them.
KEYS = ("student", "ID number", "Username", "Email address", "SIS Login ID", "SIS User ID", "ID")


def check_of(cell):
    """The id of an exercise's check, or None."""
    given = cell.metadata.get("nbgrader", {})
    return given.get("grade_id") if given.get("grade") else None


def collect(submitted, name, released):
    """The copies that can be graded, and what cannot.

    Args:
        submitted: folder of the students' folders.
        name: of the notebook.
        released: the notebook as it was handed out, with its marks.

    Returns:
        Student to notebook, and student to why there is none.
    """
    copies, left_out = {}, {}
    for folder in sorted(path for path in submitted.glob("*") if path.is_dir() and not path.name.startswith(".")):
        found = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
        mine = [path for path in found if path.stem == name or path.parent.name == name or path.name.startswith(name)]
        try:
            copies[folder.name] = whole(the_one(mine, name), released)
        except D3FError as error:
            left_out[folder.name] = str(error)
    return copies, left_out


def the_one(paths, name):
    """The only copy among files.

    Raises:
        OutputError: there is none, there are several, or it is called otherwise.
    """
    if not paths:
        raise OutputError("no notebook")
    if len(paths) > 1:
        raise OutputError(f"{len(paths)} copies: leave one of {', '.join(path.name for path in paths)}")
    if paths[0].stem != name:
        raise OutputError(f"renamed to {paths[0].name}: call it {name}.ipynb")
    return paths[0]


def whole(path, released):
    """A student's notebook with every check that was deleted put back behind its exercise.

    Raises:
        OutputError: the file cannot be read, or is no student's copy of the released notebook.
    """
    try:
        notebook = nbformat.reads(bounded_bytes(path, OutputError, LARGEST).decode("utf-8"), as_version=4)
        nbformat.validate(notebook)
    except (D3FError, ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise OutputError("unreadable: ask for the file again") from error
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    for cell in released.cells:
        check = check_of(cell)
        exercise = check and check.removesuffix("_check")
        if check and check not in ids and exercise in ids:
            place = ids.index(exercise) + 1
            notebook.cells.insert(place, cell)
            ids.insert(place, check)
    if not any(check_of(cell) for cell in notebook.cells):
        raise OutputError("not made from a student's copy: it holds none of its checks")
    return notebook


def read_roster(path):
    """The rows of a roster: a CSV with one of KEYS among its columns, such as Moodle and Canvas export.

    Raises:
        OutputError: it is no such table.
    """
    try:
        text = bounded_bytes(path, OutputError, LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OutputError(f"{path} is not in UTF-8: save the roster as CSV in UTF-8") from error
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows or not set(KEYS) & set(rows[0]):
        raise OutputError(f"{path} is no roster: it needs a row for each student, and one of the columns {', '.join(KEYS)}")
    return [row for row in rows if any(row.get(key) for key in KEYS)]  # Canvas has a row of maximal marks, without a student


def names_of(row):
    """By what a student's folder may be called."""
    return {row[key] for key in KEYS if row.get(key)}


def to_give_back(roster, sums, name, most):
    """The rows that Moodle or Canvas imports: the roster's own columns, and the marks of those who were graded.

    Args:
        roster: its rows.
        sums: student to marks.
        name: of the notebook, which names the column of the marks.
        most: marks that can be had.

    Returns:
        Rows of texts; the first holds the columns. Canvas also gets its row "Points Possible".
    """
    columns = list(roster[0])
    rows = [[*columns, name]]
    if "SIS Login ID" in columns:
        rows.append([*("    Points Possible" if column == "Student" else "" for column in columns), f"{most:g}"])
    for row in roster:
        mine = [sums[student] for student in names_of(row) & set(sums)]
        rows.append([*(row[column] or "" for column in columns), f"{mine[0]:g}" if mine else ""])
    return rows
