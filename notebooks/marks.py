"""What each exercise of a notebook counts, as nbgrader wants it in the cells' metadata."""

import re

SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
NAME = re.compile(r"def (\w+)\(")
SCHEMA = {"schema_version": 3, "task": False}


def with_marks(notebook):
    """The notebook with nbgrader's metadata: each cell that holds a solution is an exercise, the cell after it its check.

    An exercise counts one mark for each line of its solution. What is there already stays: marks of your own, by nbgrader's
    toolbar.
    """
    for exercise, check in zip(notebook.cells, notebook.cells[1:]):
        solution = SOLUTION.search(exercise.source)
        if exercise.cell_type == "code" and solution and "nbgrader" not in check.metadata:
            name, points = NAME.search(exercise.source)[1], len(solution[1].strip().splitlines())
            exercise.metadata["nbgrader"] = {**SCHEMA, "grade_id": name, "solution": True, "grade": False, "locked": False}
            check.metadata["nbgrader"] = {
                **SCHEMA, "grade_id": f"{name}_check", "solution": False, "grade": True, "locked": True, "points": points,
            }  # fmt: skip
    return notebook


def marks(notebook):
    """Exercise to marks, of a notebook with marks."""
    given = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    return {cell["grade_id"].removesuffix("_check"): cell["points"] for cell in given if cell.get("grade")}
