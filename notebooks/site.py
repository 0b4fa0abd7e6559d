"""Build the course as static pages, with its figures and without its solutions: ``python notebooks/site.py [FOLDER]``."""

import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbconvert.exporters import HTMLExporter
from nbgrader.preprocessors import ClearSolutions

from d3f_lite.common.command_line import command_line
from d3f_lite.results.files import OF_FILE_BROWSERS, whole_folder

HERE = Path(__file__).parent
ROOT = HERE.parent
TEXTS = ("RESULTS.md", "MODEL_CARD.md", "CONTRIBUTING.md")  # of the repository, beside the notebooks
INDEX = """# d3f-lite: the course

To run the notebooks, and to be told whether your answers are right, take the
[repository](README.html): `make lab`.

| Notebook | Time |
|---|---|
{rows}

Beside them: {texts}.

![A portrait with a drawn mask, the fitted head, and sixteen heads that differ where the mask is](docs/samples.png)

*The occluded part is sampled, not observed.*
"""


def without_solutions(path):
    """A notebook with its outputs, and with stubs for solutions."""
    notebook, _ = ClearSolutions(enforce_metadata=False).preprocess(nbformat.read(path, as_version=4), {})
    return notebook


def title(notebook):
    """The heading of a notebook's first cell."""
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


def time_needed(notebook):
    """What a notebook's first cell says after **Time**, up to the first full stop or semicolon."""
    found = re.search(r"\*\*Time\*\* ([^.;]*)", notebook.cells[0].source)
    return found[1] if found else ""


def text_page(text):
    """A Markdown text as a notebook of one cell."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])


def with_contents(notebook, before, after):
    """A notebook that starts with links to the contents and to its neighbours (file stems, or None)."""
    links = ["[Contents](index.html)"]
    links += [f"[{word}]({stem}.html)" for word, stem in (("← previous", before), ("next →", after)) if stem]
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(" · ".join(links)))
    return notebook


def is_site(folder, names):
    """Whether a folder is empty, or holds the course's contents and nothing but ``names``."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    found = {path.name for path in folder.rglob("*")} - set(OF_FILE_BROWSERS)
    index = folder / "index.html"
    ours = index.is_file() and "d3f-lite: the course" in index.read_text(encoding="utf-8", errors="replace")
    return not found or (ours and found <= names)


def write_site(folder):
    """Write one page per notebook, the repository's texts, and index.html that lists them; whole or not at all.

    Raises:
        OutputError: something else is there.
    """
    # The scripts that nbconvert would load from elsewhere are for widgets and diagrams; there are none.
    exporter = HTMLExporter(require_js_url="", jquery_url="", mermaid_js_url="")
    notebooks = {path.stem: without_solutions(path) for path in sorted(HERE.glob("[0-9]*.ipynb"))}
    texts = {Path(name).stem: text_page((ROOT / name).read_text(encoding="utf-8"))
             for name in ("README.md", *TEXTS) if (ROOT / name).exists()}  # fmt: skip
    rows = "\n".join(f"| [{title(notebook)}]({stem}.html) | {time_needed(notebook)} |" for stem, notebook in notebooks.items())
    listed = " · ".join(f"[{title(page)}]({stem}.html)" for stem, page in texts.items())
    pages = {"index": text_page(INDEX.format(rows=rows, texts=listed))}
    stems = [None, *notebooks, None]
    for before, (stem, notebook), after in zip(stems, notebooks.items(), stems[2:]):
        pages[stem] = with_contents(notebook, before, after)
    pages |= {stem: with_contents(page, None, None) for stem, page in texts.items()}
    written = {*(f"{stem}.html" for stem in pages), "docs", *(path.name for path in (ROOT / "docs").iterdir())}
    with whole_folder(folder, lambda there: is_site(there, written)) as whole:
        shutil.copytree(ROOT / "docs", whole / "docs")
        for stem, page in pages.items():
            html, _ = exporter.from_notebook_node(page, {"metadata": {"name": stem}})
            # What links to a notebook or a text links to its page.
            linked = re.sub(r'href="(?:\.\./|notebooks/)?(\w+)\.(?:ipynb|md)"', r'href="\1.html"', html)
            (whole / f"{stem}.html").write_text(linked, encoding="utf-8")
    print(f"the course's pages are in {folder}: open {folder / 'index.html'}")


@command_line("site")
def main():
    """Write it to the folder that is named, or to ``site``."""
    write_site(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else ROOT / "site")


sys.exit(main())
