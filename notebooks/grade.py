"""Grade a class: ``python notebooks/grade.py NOTEBOOK [--folder grading] [--roster CSV] [--jobs 2] [--seconds 60]``.

First put each student's copy somewhere below ``grading/submitted/STUDENT/``, under the name it was handed out with.
"""

import argparse
import csv
import os
import shutil
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import nbformat
from handed_in import collect, names_of, read_roster, to_give_back
from marks import marks, with_marks
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from d3f_lite.command_line import command_line
from d3f_lite.errors import OutputError

HERE = Path(__file__).parent


def nbgrader(folder, seconds):
    """nbgrader for a class in a folder; a cell that runs longer than ``seconds`` is stopped and fails."""
    # It calls alembic by its name: it stands beside this Python.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    warnings.filterwarnings("ignore", module="nbgrader|sqlalchemy")  # screens of them, for every student
    config = Config()
    config.CourseDirectory.root = str(folder.absolute())
    config.Execute.timeout = seconds
    config.Execute.startup_timeout = 600  # seconds, for a kernel to start on a busy machine
    return NbGraderAPI(config=config)


def release(name, folder):
    """Release a notebook in the folder of a class, and return it with its marks.

    Raises:
        OutputError: there is no such notebook, or nbgrader refuses it.
    """
    if not (HERE / f"{name}.ipynb").is_file():
        raise OutputError(f"there is no notebook {name}: name one such as 01_head_model")
    source = folder / "source" / name / f"{name}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    notebook = with_marks(nbformat.read(HERE / f"{name}.ipynb", as_version=4))
    nbformat.write(notebook, source)
    released = nbgrader(folder, 120).generate_assignment(name, force=True)
    if not released["success"]:
        raise OutputError(f"nbgrader could not release {name}: {released['log'].strip().splitlines()[-1]}")
    return notebook


def grade_one(student, notebook, name, released, folder, seconds):
    """Run and mark a student's copy, in a class of its own so that several can run at once, and write the feedback.

    Returns:
        Exercise to marks; empty if the notebook could not be run to the end.
    """
    with tempfile.TemporaryDirectory() as own:
        own = Path(own)
        shutil.copytree(released, own, dirs_exist_ok=True)
        place = own / "submitted" / student / name / f"{name}.ipynb"
        place.parent.mkdir(parents=True)
        nbformat.write(notebook, place)
        api = nbgrader(own, seconds)
        if not api.autograde(name, student, force=True, create=True)["success"]:
            return {}
        api.generate_feedback(name, student, force=True)
        for kind in ("autograded", "feedback"):
            shutil.copytree(own / kind / student / name, folder / kind / student / name, dirs_exist_ok=True)
        return marks_of(student, name, api.coursedir.db_url)


def grade(name, folder, seconds=60, jobs=2, roster=()):
    """Run and mark every copy of a notebook that was handed in, and write each student a page of feedback.

    Args:
        name: of the notebook, such as "01_head_model".
        folder: of the class; ``submitted`` in it holds the copies. Written: ``autograded``, ``feedback``, ``NOTEBOOK.csv``
            and ``NOTEBOOK_not_graded.csv``; with a roster also ``NOTEBOOK_import.csv``.
        seconds: longest time for one cell.
        jobs: copies that run at once.
        roster: rows of ``read_roster``.

    Returns:
        Student to exercise to marks, and student to why there are none.

    Raises:
        OutputError: there is no such notebook, or nobody has handed it in.
    """
    if not any(folder.glob("submitted/*/")):
        raise OutputError(f"nothing was handed in: put it into {folder / 'submitted' / 'STUDENT' / name / name}.ipynb")
    with tempfile.TemporaryDirectory() as own:
        released = release(name, Path(own))
        copies, left_out = collect(folder / "submitted", name, released)
        known = {one for row in roster for one in names_of(row)}
        left_out |= {min(names_of(row)): "nothing handed in" for row in roster if not names_of(row) & {*copies, *left_out}}
        found = {}
        with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
            running = {
                pool.submit(grade_one, student, notebook, name, Path(own), folder, seconds): student
                for student, notebook in copies.items()
            }
            for number, done in enumerate(as_completed(running), 1):
                student = running[done]
                row = {} if done.exception() else done.result()
                if row:
                    found[student] = row
                else:
                    left_out[student] = f"not run to the end: {done.exception() or 'its kernel died'}"
                print(f"{number} of {len(running)}: {student}: {sum(row.values()):g}", flush=True)
    found = dict(sorted(found.items()))
    exercises = marks(released)
    sums = {student: sum(row.values()) for student, row in found.items()}
    rows = [[student, *(row.get(one, "") for one in exercises), sums[student]] for student, row in found.items()]
    write_table([["student", *exercises, "sum"], *rows], folder / f"{name}.csv")
    unknown = {student: "graded, but not on the roster" for student in sums if roster and student not in known}
    write_table([["student", "why"], *sorted((left_out | unknown).items())], folder / f"{name}_not_graded.csv")
    if roster:
        write_table(to_give_back(roster, sums, name, sum(exercises.values())), folder / f"{name}_import.csv")
    return found, left_out | unknown


def marks_of(student, name, gradebook):
    """Exercise to marks of a student who was graded."""
    with Gradebook(gradebook) as book:
        try:
            grades = book.find_submission_notebook(name, name, student).grades
        except MissingEntry:
            return {}
        return {grade.name.removesuffix("_check"): grade.score for grade in grades}


def write_table(rows, path):
    """Write rows as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


@command_line("grade")
def main():
    """Grade, and say where the marks and the feedback are, and what was not graded."""
    parser = argparse.ArgumentParser(prog="grade.py", description=__doc__.splitlines()[0].split(":")[0])
    parser.add_argument("notebook", help="such as 01_head_model")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "grading", help="of the class (default: grading)")
    parser.add_argument("--roster", type=Path, help="CSV of the class, as Moodle or Canvas exports it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="copies that run at once (default: one per core)")
    parser.add_argument("--seconds", type=int, default=60, help="longest time for one cell (default: 60)")
    chosen = parser.parse_args()
    roster = read_roster(chosen.roster) if chosen.roster else ()
    found, left_out = grade(chosen.notebook, chosen.folder, chosen.seconds, chosen.jobs, roster)
    for student, why in sorted(left_out.items()):
        print(f"look at {student}: {why}")
    print(f"{len(found)} graded, marks: {chosen.folder / chosen.notebook}.csv; to give back: {chosen.folder / 'feedback'}")


if __name__ == "__main__":
    sys.exit(main())
