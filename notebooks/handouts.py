"""Write the students' copies, without solutions and outputs: ``python notebooks/handouts.py [FOLDER] [--keep]``."""

import argparse
import hashlib
import sys
from pathlib import Path

import nbformat
from marks import with_marks
from nbconvert.exporters import NotebookExporter
from nbconvert.preprocessors import ClearOutputPreprocessor
from nbgrader.preprocessors import ClearSolutions

from d3f_lite.command_line import command_line
from d3f_lite.errors import OutputError

HERE = Path(__file__).parent
MARK = "d3f_lite_handout"  # in a copy's metadata: the hash of its cells


def cells_hash(notebook):
    """A hash of what stands in a notebook's cells."""
    return hashlib.sha256("\0".join(cell.source for cell in notebook.cells).encode()).hexdigest()


def is_untouched(path):
    """Whether a file is a handout in which nobody has worked."""
    try:
        notebook = nbformat.read(path, as_version=4)
        return notebook.metadata.get(MARK) == cells_hash(notebook)
    except (OSError, ValueError, AttributeError):  # no notebook
        return False


def write_handouts(folder, keep=False):
    """Write a copy of each notebook to ``folder``; what stands between BEGIN and END SOLUTION becomes a stub.

    Args:
        folder: where the copies go.
        keep: leave copies in which somebody has worked as they are, instead of refusing.

    Raises:
        OutputError: there is a notebook of that name in which somebody has worked.
    """
    sources = sorted(HERE.glob("[0-9]*.ipynb"))
    worked_in = [path for path in sources if (folder / path.name).exists() and not is_untouched(folder / path.name)]
    if worked_in and not keep:
        raise OutputError(f"{folder / worked_in[0].name} is somebody's work: move it away, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    clear = ClearOutputPreprocessor(), ClearSolutions()
    exporter = NotebookExporter(preprocessors=clear)
    for path in sorted(set(sources) - set(worked_in)):
        copy = nbformat.reads(exporter.from_notebook_node(with_marks(nbformat.read(path, as_version=4)))[0], as_version=4)
        copy.metadata[MARK] = cells_hash(copy)
        nbformat.write(copy, folder / path.name)
    print(f"the students' copies are in {folder}")


@command_line("handouts")
def main():
    """Write them to the folder that is named, or to ``handouts``."""
    parser = argparse.ArgumentParser(prog="handouts.py", description="Write the students' copies.")
    parser.add_argument("folder", type=Path, nargs="?", default=HERE.parent / "handouts", help="(default: handouts)")
    parser.add_argument("--keep", action="store_true", help="leave copies in which somebody has worked as they are")
    chosen = parser.parse_args()
    write_handouts(chosen.folder, chosen.keep)


sys.exit(main())
