"""Run the notebooks and store their outputs without widgets: ``python notebooks/refresh.py [NOTEBOOK …]``."""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
WIDGET = "application/vnd.jupyter.widget-view+json"


def refresh(path):
    """Execute one notebook in its folder; a widget's place stays empty, as its static twin stands beside it."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, store_widget_state=False, coalesce_streams=True,
                            resources={"metadata": {"path": HERE}})  # fmt: skip
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(notebook, path)


for name in sys.argv[1:] or sorted(HERE.glob("[0-9]*.ipynb")):
    refresh(Path(name))
