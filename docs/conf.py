"""The course's web pages, built by Sphinx from the notebooks, the texts and the docstrings: ``make site``."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jupyter_server_mathjax
import nbformat
from nbgrader.preprocessors import ClearSolutions

import d3f_lite as d3f
import widgets
from d3f_lite.results.explorer_page import explorer_page

HERE = Path(__file__).parent
ROOT = HERE.parent
REPOSITORY = os.environ.get("GITHUB_REPOSITORY", "OWNER/d3f-lite")  # set where GitHub builds the pages
STUDENTS = "students"  # the branch whose notebooks/ holds the students' copies: .github/workflows/site.yml writes it

project, author, copyright = "d3f-lite", "the authors of d3f-lite", "the authors of d3f-lite: texts CC BY 4.0, code Apache-2.0"
root_doc = "docs/index"
include_patterns = [
    "docs/*.md", "docs/generated/*.rst", "notebooks/[0-9]*.ipynb", "README.md", "RESULTS.md", "MODEL_CARD.md", "CONTRIBUTING.md",
    "CHANGELOG.md", "SECURITY.md", "research/README.md", "d3f_lite/assets/*.md",
]  # fmt: skip
exclude_patterns = ["docs/*_solutions.md", ".*", "site", "results", "handouts", "slides", "grading"]
extensions = [
    "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx.ext.viewcode",
]  # fmt: skip

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the notebooks' stored outputs are shown
autodoc_default_options = {"members": True, "member-order": "bysource", "ignore-module-all": True}
autodoc_typehints = "none"  # shapes and units stand in the docstrings
autodoc_preserve_defaults = True

# The formulas' script comes with the pages: they are read without a network.
mathjax_path = "MathJax.js?config=TeX-AMS-MML_HTMLorMML-full,Safe"
mathjax2_config = {"tex2jax": {"ignoreClass": "tex2jax_ignore", "processClass": "math"}, "messageStyle": "none"}
myst_update_mathjax = False

html_theme = "sphinx_book_theme"
html_title = "d3f-lite: the course"
html_static_path = [str(Path(jupyter_server_mathjax.__file__).parent / "static"), "static"]
html_css_files, html_js_files = ["course.css"], ["course.js"]
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_copy_source = False  # the notebooks' sources hold the solutions
html_show_sphinx = False
html_theme_options = {
    "repository_url": f"https://github.com/{REPOSITORY}",
    "repository_branch": STUDENTS,
    "use_repository_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "launch_buttons": {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
    },  # fmt: skip
    "show_toc_level": 2,
    "navbar_persistent": [],  # the search stands in the side bar
}

EXPLORER = '<iframe src="../explorer.html" title="The explorer: heads and their sliders" loading="lazy"></iframe>'
NEEDS_A_KERNEL = "*Here stands a widget when the notebook runs. [Explore](../docs/explore.md) has one that needs no kernel.*"


def twin(cell):
    """What a page shows where a notebook shows a widget: the explorer for the quickstart's heads, else a word; or None."""
    if cell.cell_type != "code" or cell.outputs or not any(f"{name}(" in cell.source for name in widgets.__all__):
        return None
    return nbformat.v4.new_markdown_cell(EXPLORER if "(reconstruction)" in cell.source else NEEDS_A_KERNEL)


def as_students_see_it(app, name, source):
    """Show a notebook with stubs for solutions, with what needs no kernel for widgets, and with its copy to take home."""
    if not name.startswith("notebooks/"):
        return
    notebook, _ = ClearSolutions(enforce_metadata=False).preprocess(nbformat.reads(source[0], as_version=4), {})
    stem = Path(name).name
    notebook.cells[
        0
    ].source += f'\n\n<a href="../handouts/{stem}.ipynb" download>Download the student\'s copy of this notebook</a>'
    notebook.cells = [shown for cell in notebook.cells for shown in (cell, twin(cell)) if shown]
    source[0] = json.dumps(notebook)


def add_what_is_generated(app, error):
    """Put the students' copies, the explorer and a way to the first page beside the pages."""
    if error or app.builder.name != "html":
        return
    pages = Path(app.outdir)
    subprocess.run(
        [sys.executable, ROOT / "notebooks" / "handouts.py", pages / "handouts"], check=True, stdout=subprocess.DEVNULL
    )
    shutil.make_archive(str(pages / "handouts"), "zip", pages / "handouts")
    portrait = d3f.sample_photo("grace_hopper")
    photo, occluded = d3f.draw_occluder(portrait, d3f.detect_landmarks(portrait), "surgical_mask", seed=0)
    (pages / "explorer.html").write_text(explorer_page(d3f.reconstruct(photo, occluded, samples=16, seed=0)), encoding="utf-8")
    shutil.copy(HERE / "static" / "first.html", pages / "index.html")


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", as_students_see_it)
    app.connect("build-finished", add_what_is_generated)
