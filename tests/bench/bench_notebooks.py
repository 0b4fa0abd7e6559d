"""Seconds and the kernel's peak memory of each notebook of the course, part of ``make bench``."""

import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
PEAK = 'print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))'  # Linux only


def measure():
    """Run each notebook in a kernel of its own; yields (its name, seconds, MB)."""
    for path in sorted(FOLDER.glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
        start = time.perf_counter()
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": FOLDER}}).execute()
        kilobytes = int(notebook.cells[-1].outputs[0].text.split()[1])
        yield path.stem, time.perf_counter() - start, kilobytes / 1024
