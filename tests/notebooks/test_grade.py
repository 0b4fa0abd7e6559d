"""A class is graded: release, students' copies, marks and feedback, as ``make grade`` does it."""

import csv
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from browser import ROOT

pytestmark = pytest.mark.slow

NAME, EXERCISE = "00_quickstart", "my_spread"
STUB = "# YOUR CODE HERE\n    raise NotImplementedError()"
ANSWERS = {
    "right": "return heads.std(axis=0, ddof=1).__pow__(2).sum(axis=-1) ** 0.5",
    "wrong": "return heads.std(axis=0, ddof=1).mean(axis=-1)",
    "empty": None,
}
ROSTER = """First name,Email address,ID number
Ada,ada@u.example,right
Wim,wim@u.example,wrong
Noah,noah@u.example,n1
"""


def hand_in(folder, copies):
    """Put each student's copy into a class: what a function makes of the students' copy."""
    for student, made in copies.items():
        place = folder / "submitted" / student / NAME
        place.mkdir(parents=True)
        nbformat.write(made(nbformat.read(folder.parent / "handouts" / f"{NAME}.ipynb", as_version=4)), place / f"{NAME}.ipynb")


def command(folder, *options):
    """What ``grade.py`` does with a class."""
    words = [sys.executable, ROOT / "notebooks" / "grade.py", NAME, "--folder", folder, *options]
    return subprocess.run(words, capture_output=True, text=True)


@pytest.fixture(scope="module")
def handouts(tmp_path_factory):
    """A folder beside the students' copies."""
    folder = tmp_path_factory.mktemp("class")
    subprocess.run([sys.executable, ROOT / "notebooks" / "handouts.py", folder / "handouts"], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def graded(handouts):
    """The folder of a class in which three students have handed in, and what the command said."""

    def with_answer(answer):
        def made(copy):
            for cell in copy.cells:
                if f"def {EXERCISE}(" in cell.source and answer:
                    cell.source = cell.source.replace(STUB, answer)
                if answer == ANSWERS["wrong"] and f"= {EXERCISE}(" in cell.source:
                    cell.source = "print('correct')"  # a check that was rewritten is put back
            return copy

        return made

    def without_check(copy):
        copy = with_answer(ANSWERS["right"])(copy)
        copy.cells = [cell for cell in copy.cells if cell.metadata.get("nbgrader", {}).get("grade_id") != f"{EXERCISE}_check"]
        return copy

    answers = {student: with_answer(answer) for student, answer in ANSWERS.items()} | {"deleted": without_check}
    others = dict.fromkeys(("renamed", "twice", "broken"), with_answer(None))
    folder = handouts / "three"
    hand_in(folder, answers | others)
    place = folder / "submitted"
    (place / "renamed" / NAME / f"{NAME}.ipynb").rename(place / "renamed" / NAME / f"{NAME} (1).ipynb")
    shutil.copy(place / "twice" / NAME / f"{NAME}.ipynb", place / "twice" / f"{NAME} (1).ipynb")
    (place / "broken" / NAME / f"{NAME}.ipynb").write_text('{"cells": [')
    (place / "nothing").mkdir()
    nbformat.write(nbformat.v4.new_notebook(), place / "nothing" / "notes.ipynb")
    (place / "solved" / NAME).mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / f"{NAME}.ipynb", place / "solved" / NAME)
    (handouts / "roster.csv").write_text(ROSTER)
    return folder, command(folder, "--seconds", "100000", "--jobs", "2", "--roster", handouts / "roster.csv").stdout


def rows_of(path):
    """A table's rows."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_only_the_right_answer_gets_the_mark(graded):
    folder, told = graded
    rows = {row["student"]: float(row["sum"]) for row in rows_of(folder / f"{NAME}.csv")}
    assert rows == dict.fromkeys(ANSWERS, 0.0) | {"right": 1.0, "deleted": 1.0}
    assert "right: 1\n" in told and "empty: 0\n" in told


def test_what_was_not_graded_is_named_with_the_reason(graded):
    folder, told = graded
    why = {row["student"]: row["why"] for row in rows_of(folder / f"{NAME}_not_graded.csv")}
    for student, word in {"renamed": f"renamed to {NAME} (1).ipynb", "twice": "2 copies", "broken": "unreadable",
                          "nothing": "no notebook", "solved": "not made from a student's copy", "n1": "nothing handed in",
                          "empty": "not on the roster", "deleted": "not on the roster"}.items():  # fmt: skip
        assert word in why.pop(student) and f"look at {student}: " in told
    assert not why


def test_marks_go_back_in_the_roster_s_own_columns(graded):
    rows = rows_of(graded[0] / f"{NAME}_import.csv")
    assert [(row["Email address"], row[NAME]) for row in rows] == [
        ("ada@u.example", "1"), ("wim@u.example", "0"), ("noah@u.example", "")]  # fmt: skip


def test_canvas_gets_its_columns_and_its_points_possible(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "notebooks")
    from handed_in import read_roster, to_give_back

    roster = tmp_path / "canvas.csv"
    roster.write_text(
        '\ufeffStudent,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"Doe, Jo",7,s7,jo,A\n', encoding="utf-8"
    )
    assert to_give_back(read_roster(roster), {"jo": 6.5}, NAME, 8) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", NAME],
        ["    Points Possible", "", "", "", "", "8"],
        ["Doe, Jo", "7", "s7", "jo", "A", "6.5"],
    ]


def feedback(folder, student):
    """A student's page of feedback."""
    return (folder / "feedback" / student / NAME / f"{NAME}.html").read_text(encoding="utf-8")


def test_each_student_is_told_why(graded):
    for student, word in (("wrong", "AssertionError"), ("empty", "NotImplementedError")):
        assert re.search(f'<span class="ansi-[a-z-]*">({word})', feedback(graded[0], student)), student
    assert not re.search('<span class="ansi-[a-z-]*">[A-Za-z]*Error', feedback(graded[0], "right"))


def test_an_endless_cell_is_stopped_and_the_student_is_told(handouts):
    """Whatever takes longer than twenty seconds is stopped here, on any machine; the endless cell is for certain."""

    def made(copy):
        for cell in copy.cells:
            if cell.cell_type == "code":
                cell.source = (
                    "import time\nwhile True:\n    time.sleep(0.1)" if f"def {EXERCISE}(" in cell.source else cell.source
                )
        return copy

    hand_in(handouts / "one", {"endless": made})
    assert "endless: 0\n" in command(handouts / "one", "--seconds", "20").stdout
    assert re.search('<span class="ansi-[a-z-]*">(CellTimeoutError|KeyboardInterrupt)', feedback(handouts / "one", "endless"))


def test_nothing_handed_in_is_said_in_a_line(tmp_path):
    told = command(tmp_path / "class")
    assert told.returncode == 2 and told.stderr.count("\n") == 1 and "STUDENT" in told.stderr and not list(tmp_path.iterdir())


def test_the_guide_tells_the_marks_of_every_exercise(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "notebooks")
    from marks import marks, with_marks

    guide = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        counted = marks(with_marks(nbformat.read(path, as_version=4)))
        row = re.search(rf"^\| `{path.stem}` \| (\d+) \| [^|]+ \| (.+) \| (\d+) \|$", guide, re.MULTILINE)
        assert dict(re.findall(r"`(\w+)` \((\d+)\)", row[2])) == {name: str(points) for name, points in counted.items()}
        assert int(row[3]) == sum(counted.values()) > 0
