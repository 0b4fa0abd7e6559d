"""Every prediction has its answer and every exercise its hints, and an answer quotes what its notebook has measured."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
ANSWER = re.compile(r"<details><summary><b>Was your prediction right\?</b>[^\n]*</summary>\n\n(.+?)\n\n</details>", re.DOTALL)
HINT = re.compile(r"<details><summary>Hint (\d)</summary>\n\n(.+?)\n\n</details>", re.DOTALL)
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)\s*### END SOLUTION", re.DOTALL)
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
FIGURE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?=\s?(?:mm|%|px)(?!\w))")
CLAIMS = re.compile(r"\*\*(?:Explain|Takeaway)\.\*\*|<summary><b>Was your prediction right\?</b></summary>")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path):
    """The cells of a notebook."""
    return nbformat.read(path, as_version=4).cells


def told(cell):
    """What a code cell has printed, and the alt texts of its figures."""
    text = ""
    for output in cell.outputs:
        data = output.get("data", {})
        text += (
            output.get("text", "")
            + data.get("text/markdown", "")
            + " ".join(re.findall(r'alt="([^"]*)"', data.get("text/html", "")))
        )
        text += "\n"
    return text


def numbers(text):
    """The numbers in a text, as they are written."""
    return NUMBER.findall(THOUSANDS.sub("", text))


def exercises(path):
    """For each exercise of a notebook: its solution, and the text before it."""
    text = ""
    for cell in cells_of(path):
        if cell.cell_type == "markdown":
            text = cell.source
        elif found := SOLUTION.search(cell.source):
            yield found[1], text


@each_notebook
def test_each_prediction_is_answered_after_it_was_measured(path):
    open_questions, asked, measured_since = 0, 0, False
    for cell in cells_of(path):
        if cell.cell_type == "code":
            measured_since = True
            continue
        answers = len(ANSWER.findall(cell.source))
        assert answers <= open_questions, f"an answer before its question: {cell.source[:80]}"
        assert measured_since or not answers, "between question and answer something is measured"
        open_questions -= answers
        if new := cell.source.count("**Predict"):
            open_questions, asked, measured_since = open_questions + new, asked + new, False
    assert asked >= 3 and open_questions == 0, f"{open_questions} of {asked} predictions have no answer"


@each_notebook
def test_an_answer_quotes_what_the_notebook_has_measured(path):
    """What is bold in an answer stands in an output above it."""
    measured, quoted = set(), 0
    for cell in cells_of(path):
        if cell.cell_type == "code":
            measured.update(numbers(told(cell)))
            continue
        for answer in ANSWER.findall(cell.source):
            wanted = [number for bold in re.findall(r"\*\*(.+?)\*\*", answer) for number in numbers(bold)]
            strange = [number for number in wanted if number not in measured]
            assert not strange, f"no output above says {strange}: {answer}"
            quoted += len(wanted)
    assert quoted >= 5


@each_notebook
def test_no_figure_in_prose_without_its_number_above(path):
    """What an answer, an explanation or a takeaway says in mm, % or px is measured, set or asked above.

    Tables quote what their text names, and the levels of regions are definitions.
    """
    said = {"50", "90", "95", "100"}
    for cell in cells_of(path):
        if cell.cell_type == "code":
            said.update(numbers(told(cell) + cell.source))
            continue
        for part in CLAIMS.split(cell.source)[1:]:
            text = re.sub(r"(?m)^\|.*$", "", re.split(r"\n(?:## |\*\*Predict|\*\*Implement)", part)[0])
            strange = [number for number in FIGURE.findall(THOUSANDS.sub("", text)) if number not in said]
            assert not strange, f"nothing above says {strange}: {text[:200]}"
        said.update(numbers(cell.source))


@each_notebook
def test_each_exercise_has_a_ladder_of_hints_that_ends_below_the_solution(path):
    for solution, text in exercises(path):
        hints = HINT.findall(text)
        assert [number for number, _ in hints] in (["1", "2"], ["1", "2", "3"]), f"two or three hints, in order: {text[:80]}"
        for line in (line.strip() for line in solution.splitlines()):
            assert not any(line in hint for _, hint in hints), f"a hint gives a line of the solution away: {line}"


@each_notebook
def test_a_prediction_is_captured_with_the_options_of_its_question(path):
    """Who reads without a kernel sees the options too: they are in the text above the widget."""
    cells, captured = cells_of(path), []
    for before, cell in zip(cells, cells[1:]):
        if cell.cell_type == "code" and cell.source.startswith("Prediction("):
            number, options = (ast.literal_eval(argument) for argument in ast.parse(cell.source).body[0].value.args)
            assert number.startswith(f"{path.stem.split('_')[0]}.") and "**Predict" in before.source
            letters = [option[:3] for option in options]
            assert letters == ["(a)", "(b)", "(c)", "(d)"][: len(options)] and len(options) >= 2
            assert all(letter in before.source for letter in letters), f"{number}: the question names no options"
            captured.append(number)
    assert captured and len(captured) == len(set(captured))
