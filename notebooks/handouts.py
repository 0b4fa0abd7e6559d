"""Write the students' copies, without solutions and outputs: ``python notebooks/handouts.py [FOLDER]``."""

import sys
from pathlib import Path

from nbconvert.exporters import NotebookExporter
from nbconvert.preprocessors import ClearOutputPreprocessor
from nbgrader.preprocessors import ClearSolutions

HERE = Path(__file__).parent


def write_handouts(folder):
    """Write a copy of each notebook to ``folder``; what stands between BEGIN and END SOLUTION becomes a stub."""
    folder.mkdir(parents=True, exist_ok=True)
    # The metadata that nbgrader asks for is for grading; here the cell after each stub checks it.
    clear = ClearOutputPreprocessor(), ClearSolutions(enforce_metadata=False)
    exporter = NotebookExporter(preprocessors=clear)
    for path in sorted(HERE.glob("[0-9]*.ipynb")):
        text, _ = exporter.from_filename(str(path))
        (folder / path.name).write_text(text, encoding="utf-8")
    print(f"the students' copies are in {folder}")


write_handouts(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "handouts")
