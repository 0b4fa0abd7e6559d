"""A class is graded: release, five students' copies, marks and feedback, as ``make grade`` does it."""

import csv
import re
import subprocess
import sys

import nbformat
import pytest
from browser import ROOT

pytestmark = pytest.mark.slow

NAME, EXERCISE = "00_quickstart", "my_spread"
SECONDS = 45  # for one cell: longer than any of this notebook takes
ANSWERS = {
    "right": "return heads.std(axis=0, ddof=1).__pow__(2).sum(axis=-1) ** 0.5",
    "wrong": "return heads.std(axis=0, ddof=1).mean(axis=-1)",
    "empty": None,
    "crashing": "return 1 / 0",
    "endless": "while True:\n        pass",
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The folder of a class in which five students have handed in the students' copy, and what the command said."""
    folder = tmp_path_factory.mktemp("class")
    subprocess.run([sys.executable, ROOT / "notebooks" / "handouts.py", folder / "handouts"], check=True, capture_output=True)
    for student, answer in ANSWERS.items():
        copy = nbformat.read(folder / "handouts" / f"{NAME}.ipynb", as_version=4)
        for cell in copy.cells:
            if f"def {EXERCISE}(" in cell.source and answer:
                cell.source = cell.source.replace("# YOUR CODE HERE\n    raise NotImplementedError()", answer)
            if student == "wrong" and f"= {EXERCISE}(" in cell.source:
                cell.source = "print('correct')"  # a check that was rewritten is put back
        place = folder / "submitted" / student / NAME
        place.mkdir(parents=True)
        nbformat.write(copy, place / f"{NAME}.ipynb")
    command = [sys.executable, ROOT / "notebooks" / "grade.py", NAME, "--folder", folder, "--seconds", str(SECONDS)]
    return folder, subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200).stdout


def test_only_the_right_answer_gets_the_mark(graded):
    folder, told = graded
    with open(folder / f"{NAME}.csv", newline="", encoding="utf-8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {student: float(row["sum"]) for student, row in rows.items()} == dict.fromkeys(ANSWERS, 0.0) | {"right": 1.0}
    assert "right: 1\n" in told and "endless: 0\n" in told


def test_each_student_is_told_why(graded):
    folder, _ = graded
    told = {student: (folder / "feedback" / student / NAME / f"{NAME}.html").read_text(encoding="utf-8") for student in ANSWERS}
    words = {"wrong": "AssertionError", "empty": "NotImplementedError", "crashing": "ZeroDivisionError",
             "endless": "CellTimeoutError|KeyboardInterrupt"}  # fmt: skip
    for student, word in words.items():
        assert re.search(f'<span class="ansi-[a-z-]*">({word})', told[student]), student
    assert not re.search('<span class="ansi-[a-z-]*">[A-Za-z]*Error', told["right"])


def test_nothing_handed_in_is_said_in_a_line(tmp_path):
    told = subprocess.run(
        [sys.executable, ROOT / "notebooks" / "grade.py", NAME, "--folder", tmp_path / "class"], capture_output=True, text=True
    )
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
