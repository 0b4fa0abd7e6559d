"""A class is graded: release, students' copies, marks and feedback, as ``make grade`` does it."""

import csv
import re
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

    hand_in(handouts / "three", {student: with_answer(answer) for student, answer in ANSWERS.items()})
    return handouts / "three", command(handouts / "three", "--seconds", "100000").stdout


def test_only_the_right_answer_gets_the_mark(graded):
    folder, told = graded
    with open(folder / f"{NAME}.csv", newline="", encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {student: float(row["sum"]) for student, row in rows.items()} == dict.fromkeys(ANSWERS, 0.0) | {"right": 1.0}
    assert "right: 1\n" in told and "empty: 0\n" in told


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
