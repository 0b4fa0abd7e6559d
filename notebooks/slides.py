"""Write each notebook as slides, offline, with reveal.js: ``python notebooks/slides.py [FOLDER]``."""

import re
import shutil
import sys
from pathlib import Path

import jupyter_server_mathjax
import nbformat
import sphinx_revealjs
from nbconvert.exporters import SlidesExporter
from nbgrader.preprocessors import ClearSolutions

from d3f_lite.command_line import command_line
from d3f_lite.files.whole import whole_folder

HERE = Path(__file__).parent
REVEAL = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
MATHJAX = Path(jupyter_server_mathjax.__file__).parent / "static"
PICTURE = re.compile(r"<img ")
SECTION = re.compile(r"^#{1,2} .*", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"^\*\*(?:Predict|Takeaway)\b.*?(?=\n\n|\n#|\Z)", re.MULTILINE | re.DOTALL)
REVEAL_JS = "reveal.js"


def kind(cell):
    """A cell's part in the slides: its own tag; else a picture is a slide, and so is a heading, a question or a takeaway."""
    if tagged := cell.metadata.get("slideshow", {}).get("slide_type"):
        return tagged
    if cell.cell_type == "code":
        return (
            "subslide" if any(PICTURE.search(output.get("data", {}).get("text/html", "")) for output in cell.outputs) else "skip"
        )
    if SECTION.search(cell.source):
        return "slide"
    return "subslide" if SAID.search(cell.source) else "skip"


def shortened(cell):
    """The part of a cell that fits a slide: questions, takeaways, and all below a heading; the picture of a code cell."""
    if cell.cell_type == "markdown":
        parts = [found[0] for found in re.finditer(f"{SECTION.pattern}|{SAID.pattern}", cell.source, re.MULTILINE | re.DOTALL)]
        cell.source = "\n\n".join(parts) or cell.source
    else:
        cell.outputs = [output for output in cell.outputs if "text/html" in output.get("data", {})][:1]
    return cell


def as_slides(notebook):
    """The notebook with a slide type on each cell, and on each slide one idea."""
    notebook, _ = ClearSolutions(enforce_metadata=False).preprocess(notebook, {})
    for cell in notebook.cells:
        cell.metadata["slideshow"] = {"slide_type": kind(cell)}
    notebook.cells = [shortened(cell) for cell in notebook.cells if kind(cell) != "skip"]
    return notebook


def is_ours(folder):
    """Whether a folder holds slides of ours, or nothing, and nothing else."""
    ours = {REVEAL_JS, "mathjax", *(f"{path.stem}.html" for path in HERE.glob("[0-9]*.ipynb"))}
    return {path.name for path in folder.iterdir()} <= ours


def write_slides(folder):
    """Write the slides of each notebook, with what they need to be shown without a network.

    Raises:
        OutputError: something else is there.
    """
    exporter = SlidesExporter(
        reveal_url_prefix=REVEAL_JS, template_file=str(HERE / "slides.html.j2"), exclude_input=True, exclude_output_prompt=True,
        mathjax_url="mathjax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full,Safe", reveal_number="c/t",
        reveal_theme="white", reveal_width="1280", reveal_height="720",
    )  # fmt: skip
    with whole_folder(folder, is_ours) as whole:
        shutil.copytree(REVEAL, whole / REVEAL_JS)
        shutil.copytree(MATHJAX, whole / "mathjax")
        for path in sorted(HERE.glob("[0-9]*.ipynb")):
            notebook = as_slides(nbformat.read(path, as_version=4))
            html, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": path.stem}})
            (whole / f"{path.stem}.html").write_text(html, encoding="utf-8")
    print(f"the slides are in {folder}: open {folder / '00_quickstart.html'}; S shows the speaker's view, F fills the screen")


@command_line("slides")
def main():
    """Write them to the folder that is named, or to ``slides``."""
    write_slides(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else HERE.parent / "slides")


if __name__ == "__main__":
    sys.exit(main())
