"""Every notebook runs from top to bottom, and what is stored of it is small, checked and free of widgets."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
LARGEST = 1_000_000  # bytes
LONGEST_CELL = 25  # lines
LONGEST_LINE = 88  # characters, so that no cell of the web pages scrolls sideways

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    """The code cells of a notebook."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_there_is_a_quickstart():
    assert "00_quickstart" in [path.stem for path in NOTEBOOKS]


@each_notebook
def test_runs_and_prints_what_is_stored(path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "pytest", "-q", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=180",
               "-x", "-p", "no:cacheprovider", str(path)]  # fmt: skip
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-4000:]


@each_notebook
def test_stores_no_widget_state_and_little_else(path):
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata, "save the notebook without widget state: notebooks/refresh.py"
    assert "widget-view" not in path.read_text(encoding="utf-8")
    assert path.stat().st_size <= LARGEST
    assert notebook.metadata.kernelspec.name == "python3"


@each_notebook
def test_stores_the_outputs_of_a_whole_run(path):
    """Figures are there for those without a kernel; each has its alt text."""
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))
    html = [output.data["text/html"] for cell in code_cells(path) for output in cell.outputs
            if "text/html" in output.get("data", {})]  # fmt: skip
    assert len(html) >= 1 and all('<img alt="' in one and 'alt=""' not in one for one in html)


@each_notebook
def test_is_written_for_reading(path):
    notebook = nbformat.read(path, as_version=4)
    titles = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()
              if line.startswith("# ")]  # fmt: skip
    assert len(titles) == 1
    assert all(len(cell.source.splitlines()) <= LONGEST_CELL for cell in code_cells(path))
    assert max(len(line) for cell in code_cells(path) for line in cell.source.splitlines()) <= LONGEST_LINE
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "The occluded part is sampled, not observed" in text
    assert not any(f"/{place}/" in text for place in ("home", "root", "tmp"))


@each_notebook
def test_readme_tells_of_it_with_its_time(path):
    needed = re.search(r"\*\*Time\*\* about (\d+) minutes", nbformat.read(path, as_version=4).cells[0].source)[1]
    assert re.search(rf"^\| `{path.stem}` \| .+ \| {needed} \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_table_of_08_says_what_results_say():
    """Its numbers are those of the row of the same name, in the same column, of RESULTS.md."""
    cells = nbformat.read(ROOT / "notebooks" / "08_is_the_uncertainty_true.ipynb", as_version=4).cells
    told, measured = (rows_after("| heads from scans |", text) for text in (
        "\n".join(cell.source for cell in cells), (ROOT / "RESULTS.md").read_text(encoding="utf-8"),
    ))  # fmt: skip
    assert len(told) >= 4
    for name, row in told.items():
        assert row == {column: measured[name][column] for column in row}, name


def rows_after(start, text):
    """The rows of the Markdown table whose header begins so: name to column to cell."""
    lines = text[text.index(start) :].split("\n\n")[0].splitlines()
    header, _, *rows = ([cell.strip() for cell in line.strip("| ").split("|")] for line in lines)
    return {row[0]: dict(zip(header[1:], row[1:])) for row in rows}
