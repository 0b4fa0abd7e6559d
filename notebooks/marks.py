"""What each exercise of a notebook counts, as nbgrader wants it in the cells' metadata, and how long a notebook takes."""

import re

SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
MARKS = re.compile(r"\((\d) marks?\)")
NAME = re.compile(r"def (\w+)\(")
SCHEMA = {"schema_version": 3, "task": False}


def with_marks(notebook):
    """The notebook with nbgrader's metadata: each cell that holds a solution is an exercise, the cell after it its check.

    The text before an exercise says what it counts. What is there already stays: marks of your own, by nbgrader's toolbar.
    """
    points = 1
    for exercise, check in zip(notebook.cells, notebook.cells[1:]):
        if exercise.cell_type == "markdown" and (said := MARKS.search(exercise.source)):
            points = int(said[1])
        solution = SOLUTION.search(exercise.source)
        if exercise.cell_type == "code" and solution and "nbgrader" not in check.metadata:
            name = NAME.search(exercise.source)[1]
            exercise.metadata["nbgrader"] = {**SCHEMA, "grade_id": name, "solution": True, "grade": False, "locked": False}
            check.metadata["nbgrader"] = {
                **SCHEMA, "grade_id": f"{name}_check", "solution": False, "grade": True, "locked": True, "points": points,
            }  # fmt: skip
    return notebook


def marks(notebook):
    """Exercise to marks, of a notebook with marks."""
    given = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    return {cell["grade_id"].removesuffix("_check"): cell["points"] for cell in given if cell.get("grade")}


def minutes(notebook, words=150, lines=10, a_mark=4, a_question=2):
    """How long a student needs for a notebook, to five minutes: reading text and code, exercises, predictions.

    Args:
        words: of text that are read in a minute.
        lines: of code that are read in a minute.
        a_mark: minutes for each mark of the exercises.
        a_question: minutes for each prediction, with its answer.
    """
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    code = [line for cell in notebook.cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip()]
    reading = sum(len(text.split()) for text in texts) / words + len(code) / lines
    doing = a_mark * sum(marks(with_marks(notebook)).values()) + a_question * sum(text.count("**Predict") for text in texts)
    return 5 * round((reading + doing) / 5)
