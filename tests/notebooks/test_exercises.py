"""The students' copies run as far as unsolved exercises let them, and every check tells wrong answers from right ones.

``answers/NOTEBOOK.toml`` holds for each exercise what students write: ``right``, other ways to the right answer, and
``wrong``, each with the reason why and a pattern for what the failed check says.
"""

import ast
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
ANSWERS = {path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
           for path in sorted((Path(__file__).parent / "answers").glob("*.toml"))}  # fmt: skip
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION$", re.DOTALL | re.MULTILINE)
STUB = re.compile(r"^( *)# YOUR CODE HERE\n *raise NotImplementedError\(\)$", re.MULTILINE)
NAME = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)


def code_of(path):
    """The sources of a notebook's code cells."""
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def answered(stub, answer):
    """A stub's cell with ``answer`` in the place of its NotImplementedError."""
    return STUB.sub(lambda found: textwrap.indent(textwrap.dedent(answer).strip("\n"), found[1]), stub)


def outcome(names, *sources):
    """The exception that cells end with when they run after one another with these names, or None."""
    try:
        for source in sources:
            exec(source, names)
    except Exception as error:
        return error
    return None


def assigned(source):
    """The names that a cell sets outside its functions."""
    return {name.id for name in ast.walk(ast.parse(source)) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}


@pytest.fixture(scope="module")
def handouts(tmp_path_factory):
    """The students' copies, made as ``make handouts`` makes them."""
    folder = tmp_path_factory.mktemp("handouts")
    command = [sys.executable, ROOT / "notebooks" / "handouts.py", folder]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_handout_runs_and_its_checks_tell_wrong_from_right(notebook, handouts, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    solved, cells = code_of(ROOT / "notebooks" / f"{notebook}.ipynb"), code_of(handouts / f"{notebook}.ipynb")
    names, exercises, missing = {"display": lambda *_, **__: None}, [], set()
    for number, source in enumerate(cells):
        error = outcome(names, source)
        if error is not None:  # an exercise not yet written stops the cells that call it, and those that show what they found
            assert isinstance(error, NotImplementedError) or getattr(error, "name", None) in missing, f"{error!r} in:\n{source}"
            missing |= assigned(source) - set(names)
        if not STUB.search(source):
            continue
        exercise, check = NAME.search(source)[1], cells[number + 1]
        exercises.append(exercise)
        assert "assert " in check, f"{exercise} is not checked at once"

        # Each on names of its own: whoever skips an exercise can still do the next one.
        def told(cell):
            return outcome(dict(names), cell, check)

        assert isinstance(told(source), NotImplementedError), f"{exercise}, not yet written"
        for right in (solved[number], *(answered(source, one) for one in ANSWERS[notebook][exercise]["right"])):
            assert (said := told(right)) is None, f"{exercise} refuses a right answer: {said!r}\n{right}"
        for wrong in ANSWERS[notebook][exercise]["wrong"]:
            said = told(answered(source, wrong["answer"]))
            assert isinstance(said, AssertionError), f"{exercise} accepts {wrong['why']}: {said!r}"
            assert re.search(wrong["says"], str(said)), f"{exercise}, {wrong['why']}: the check says: {said}"
    assert exercises == list(ANSWERS[notebook]), "each exercise needs answers in the bank, in this order"


def test_the_bank_of_answers_is_large():
    """Each exercise is answered wrongly in five ways or more, and rightly in three; all in all 220 and 130."""
    banks = [exercise for notebook in ANSWERS.values() for exercise in notebook.values()]
    assert list(ANSWERS) == NOTEBOOKS
    for name, exercise in (pair for notebook in ANSWERS.values() for pair in notebook.items()):
        assert len(exercise["wrong"]) >= 5 and len(exercise["right"]) >= 3, name
        texts = [one["answer"] for one in exercise["wrong"]] + exercise["right"]
        assert len(set(texts)) == len(texts), f"{name}: an answer stands there twice"
    assert sum(len(one["wrong"]) for one in banks) >= 220 and sum(len(one["right"]) for one in banks) >= 130


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_handout_holds_no_solution_and_no_output(notebook, handouts):
    source, path = ROOT / "notebooks" / f"{notebook}.ipynb", handouts / f"{notebook}.ipynb"
    solutions = [cell for cell in code_of(source) if SOLUTION.search(cell)]
    assert len(solutions) >= (1 if notebook == "00_quickstart" else 2)
    assert sum(len(STUB.findall(cell)) for cell in code_of(path)) == len(solutions)
    assert "SOLUTION" not in path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    assert len(cells) == len(nbformat.read(source, as_version=4).cells)
    assert not any(cell.outputs or cell.execution_count for cell in cells if cell.cell_type == "code")
