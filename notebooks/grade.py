"""Grade a class with nbgrader: ``python notebooks/grade.py NOTEBOOK [--folder grading] [--seconds 120]``.

First put the copies handed in at ``grading/submitted/STUDENT/NOTEBOOK/NOTEBOOK.ipynb``, as nbgrader expects.
"""

import argparse
import csv
import os
import sys
from pathlib import Path

import nbformat
from marks import with_marks
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from d3f_lite.command_line import command_line
from d3f_lite.errors import OutputError

HERE = Path(__file__).parent


def settings(folder, seconds):
    """nbgrader's settings for a class in a folder; a cell that runs longer than ``seconds`` is stopped and fails."""
    config = Config()
    config.CourseDirectory.root = str(folder.absolute())
    config.Execute.timeout = seconds
    config.Execute.startup_timeout = 600  # seconds, for a kernel to start on a busy machine
    return config


def grade(name, folder, seconds=120):
    """Release a notebook, run and mark every copy of it that was handed in, and write each student a page of feedback.

    Args:
        name: of the notebook, such as "01_head_model".
        folder: of the class; ``submitted`` in it holds the copies. Written: ``source``, ``release``, ``autograded``,
            ``feedback``, ``gradebook.db`` and ``NOTEBOOK.csv``.
        seconds: longest time for one cell.

    Returns:
        Student to exercise to marks; an empty dict for students whose notebook could not be run to the end.

    Raises:
        OutputError: there is no such notebook, or nobody has handed it in.
    """
    if not (HERE / f"{name}.ipynb").is_file():
        raise OutputError(f"there is no notebook {name}: name one such as 01_head_model")
    students = sorted(path.parents[1].name for path in folder.glob(f"submitted/*/{name}/{name}.ipynb"))
    if not students:
        raise OutputError(f"nothing was handed in: put it into {folder / 'submitted' / 'STUDENT' / name / name}.ipynb")
    source = folder / "source" / name / f"{name}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(with_marks(nbformat.read(HERE / f"{name}.ipynb", as_version=4)), source)
    api = NbGraderAPI(config=settings(folder, seconds))
    released = api.generate_assignment(name, force=True)
    if not released["success"]:
        raise OutputError(f"nbgrader could not release {name}: {released['log'].strip().splitlines()[-1]}")
    found = {}
    for student in students:
        done = api.autograde(name, student, force=True, create=True)["success"]
        found[student] = marks_of(student, name, api.coursedir.db_url) if done else {}
        if done:
            api.generate_feedback(name, student, force=True)
    write_table(found, folder / f"{name}.csv")
    return found


def marks_of(student, name, gradebook):
    """Exercise to marks of a student who was graded."""
    with Gradebook(gradebook) as book:
        try:
            grades = book.find_submission_notebook(name, name, student).grades
        except MissingEntry:
            return {}
        return {grade.name.removesuffix("_check"): grade.score for grade in grades}


def write_table(found, path):
    """Write a row for each student, with the sum last."""
    exercises = sorted({exercise for row in found.values() for exercise in row})
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["student", *exercises, "sum"])
        for student, row in found.items():
            table.writerow([student, *(row.get(exercise, "") for exercise in exercises), sum(row.values()) if row else "not run"])


@command_line("grade")
def main():
    """Grade, and say where the marks and the feedback are."""
    parser = argparse.ArgumentParser(prog="grade.py", description=__doc__.splitlines()[0].split(":")[0])
    parser.add_argument("notebook", help="such as 01_head_model")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "grading", help="of the class (default: grading)")
    parser.add_argument("--seconds", type=int, default=120, help="longest time for one cell (default: 120)")
    chosen = parser.parse_args()
    # nbgrader calls alembic by its name: it stands beside this Python.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = grade(chosen.notebook, chosen.folder, chosen.seconds)
    for student, row in found.items():
        print(f"{student}: {sum(row.values()):g}" if row else f"{student}: not run")
    print(f"marks: {chosen.folder / chosen.notebook}.csv; what to give back: {chosen.folder / 'feedback'}")


if __name__ == "__main__":
    sys.exit(main())
