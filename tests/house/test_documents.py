"""Every command and code line of README, pages, cards, notebooks' texts and docstrings is run by a test.

Most are run here as they stand; the others stand in ELSEWHERE, with the test that runs them, or in TOO_LONG.
"""

import ast
import importlib
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from d3f_lite.__main__ import main
from d3f_lite.observation.photo import sample_photo
from research.bake.assets import markdown

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXTS = [path for folder in (".", "docs", "research", "d3f_lite/assets") for path in (ROOT / folder).glob("*.md")]
SOURCES = [path for folder in ("d3f_lite", "widgets", "research", "notebooks") for path in (ROOT / folder).rglob("*.py")]
PROGRAMS = ("make", "python", "pip", "d3f-lite", "apt-get", "jupyter", "from", "import")

RECONSTRUCT = ["d3f-lite reconstruct PHOTO --samples 16 --seed 0 --out results",
               "d3f-lite reconstruct PHOTO --mask MASK.png --landmarks POINTS.csv",
               "d3f-lite reconstruct PHOTO --strokes STROKES.png",
               "d3f-lite reconstruct PHOTO --face all",
               "d3f-lite reconstruct PHOTO --hides hair glasses"]  # fmt: skip
# What a smaller run of the same command leaves out is only more of the same.
SMALLER = {
    "python -m research.study.groups": "--heads 3",
}
ELSEWHERE = {
    "make demo": "test_binder.py::test_postbuild_installs_the_package_and_runs_it",
    "make locks": "test_house.py::test_locks_have_a_hash_for_every_version",
    "make doctor": "test_doctor.py::test_here_all_is_green",
    "python notebooks/doctor.py": "test_doctor.py::test_here_all_is_green",
    "make lab": "test_exercises.py::test_copies_in_which_somebody_works_stay",
    "make solutions": "test_browser.py::lab",
    "make check": "test_house.py::test_the_static_checkers_are_content",
    "make javascript": "test_explorer_modules.py::test_the_formatter_and_the_linter_are_content",
    "make handouts": "test_exercises.py::handouts",
    "make site": "test_site.py::site",
    "make serve": "test_site.py::address",
    "make grade": "test_grade.py::graded",
    "make grade NOTEBOOK=01_head_model": "test_grade.py::graded",
    'make grade NOTEBOOK=01_head_model GRADE_FLAGS="--roster roster.csv"': "test_grade.py::graded",
    "make slides": "test_slides.py::slides",
    "d3f-lite demo": "test_binder.py::test_postbuild_installs_the_package_and_runs_it",
    "d3f-lite batch FOLDER --out results/batch": "test_batch.py::test_a_batch_that_was_killed_goes_on_and_a_bad_photo_stops_nobody",
    "d3f-lite evaluate": "test_evaluate.py::test_the_report_of_the_command",  # in any size
    "python data_fetch.py flame --file generic_model.pkl": "test_data_fetch.py::test_install_flame",
    "python data_fetch.py flame --file FLAME2023Open.zip": "test_data_fetch.py::test_install_flame_from_its_zip",
    "import d3f_lite": "test_command_line.py::test_help_is_there_and_imports_nothing_heavy",
    "import d3f_lite as d3f": "test_house.py::test_the_front_door_opens_when_it_is_used",
    "from widgets import Explorer; Explorer()": "test_explorer_widget.py::explorer",
    "python data_fetch.py face-alignment": "test_data_fetch.py::test_fetch_and_fetch_again",
    "d3f-lite fetch list": "test_data_fetch.py::test_fetch_is_a_subcommand_too",
    "python -m research.bake.house": "test_house.py::test_the_picture_of_the_house_is_of_today",
    "python data_fetch.py gnm": "test_gnm.py::test_fetching_gnm_brings_its_landmarks_too",
    "d3f-lite fetch gnm": "test_gnm.py::test_fetching_gnm_brings_its_landmarks_too",
    "python data_fetch.py ict": "test_data_fetch.py::test_fetch_and_fetch_again",
    "python -m research.bake.assets": "test_data_fetch.py::test_refresh_mends_a_stale_hash_and_nothing_else",
    "python -m research.bake.mesh_vae": "test_mesh_vae_training.py::test_a_killed_training_goes_on_where_it_was",
    "python notebooks/handouts.py [FOLDER] [--keep]": "test_exercises.py::handouts",
    "python notebooks/predictions.py FOLDER": "test_prediction.py::test_a_class_is_counted",
    "python notebooks/slides.py [FOLDER]": "test_slides.py::slides",
    "python notebooks/grade.py NOTEBOOK [--folder grading] [--roster CSV] [--jobs 2] [--seconds 60]": "test_grade.py::graded",
}  # fmt: skip
# Here only that the program, or the target of make, is there; the workshop's commands are asked whether they know their options.
TOO_LONG = {
    "make test": "it is what runs this",
    "make bench": "minutes, and an idle machine",
    "make bench BENCH_FLAGS=--write": "the same",
    "make fuzz": "as long as one likes",
    'make demo PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"': "a download",
    "apt-get install libgl1": "a root's work; .ci/run does it",
    "pip install d3f-lite[bake]": "a download",
    "pip install bump-my-version": "a download",
    "python notebooks/refresh.py notebooks/00_quickstart.ipynb": "it would write into the repository; test_notebooks.py runs them",
    "python notebooks/refresh.py [NOTEBOOK …]": "the same",
}


def passages():
    """(where, text) of everything that is written for people."""
    for path in TEXTS:
        yield path.name, path.read_text(encoding="utf-8")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        yield path.name, "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for path in (*SOURCES, ROOT / "data_fetch.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield path.name, ast.get_docstring(node) or ""


def commands():
    """Command to where it stands, for every line of a shell block and everything between backticks that is a command."""
    found = {}
    for where, text in passages():
        blocks = [
            line.split("  #")[0] for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
        ]
        for line in (*blocks, *re.findall(r"`+([^`]+)`+", re.sub(r"```.*?```", "", text, flags=re.DOTALL))):
            command = re.sub(r"^(d3f-lite evaluate)( --(heads|samples|seed|out) \S+)+$", r"\1", " ".join(line.split()))
            if command.split(" ")[0] in PROGRAMS and " " in command and not command.endswith("."):
                found[command] = where
    return found


def names_a_command_of_ours(command):
    """Whether it only names a subcommand or asks for its help, which is tried here."""
    return re.fullmatch(r"d3f-lite (--help|(reconstruct|demo|batch|evaluate)( PHOTO| FOLDER)?( --help)?)", command)


def of_the_workshop():
    """The commands of research that are written anywhere and that no other test runs."""
    return sorted(
        command for command in commands() if re.match(r"python -m research\.\w+\.\w", command) and command not in ELSEWHERE
    )


def test_every_command_is_run_somewhere():
    known = {*RECONSTRUCT, *SMALLER, *ELSEWHERE, *TOO_LONG, *of_the_workshop(), "python data_fetch.py list"}
    for command, where in commands().items():
        assert command in known or names_a_command_of_ours(command), f"{where} has {command!r}: name here the test that runs it"
    for test in ELSEWHERE.values():
        file, name = test.split("::")
        assert f"def {name}(" in next((ROOT / "tests").rglob(file)).read_text(encoding="utf-8"), test


@pytest.mark.parametrize("command", ["d3f-lite --help", "d3f-lite reconstruct --help", "d3f-lite batch --help"])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(shlex.split(command)[1:])
    assert stopped.value.code == 0 and "usage: d3f-lite" in capsys.readouterr().out


def test_the_readme_s_reconstructions(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(sample_photo("astronaut").pixels).save("PHOTO.png")
    strokes = np.zeros((*sample_photo("astronaut").shape, 3), np.uint8)
    strokes[150:180, 180:260] = 255, 0, 0  # red over the mouth
    Image.fromarray(strokes).save("STROKES.png")
    assert set(RECONSTRUCT) <= set(commands())
    for command in RECONSTRUCT:
        assert main(shlex.split(command.replace("PHOTO ", "PHOTO.png "))[1:]) == 0
        assert "16 heads in results/PHOTO" in capsys.readouterr().out
        if not Path("MASK.png").exists():  # the first result's own
            shutil.copy("results/PHOTO/mask.png", "MASK.png")
            shutil.copy("results/PHOTO/landmarks.csv", "POINTS.csv")


@pytest.mark.parametrize(
    "path", [path for path in TEXTS if "```python" in path.read_text(encoding="utf-8")], ids=lambda path: path.name
)
def test_python_code(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
        assert len(block.splitlines()) <= 12
        exec(compile(block, path.name, "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", SMALLER)
def test_studies(command, monkeypatch, capsys):
    _, _, module, *options = shlex.split(f"{command} {SMALLER[command]}")
    monkeypatch.setattr(sys, "argv", [module, *options])
    importlib.import_module(module).main()
    assert "|---|" in capsys.readouterr().out


def test_what_can_be_fetched_is_listed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["data_fetch.py", "list"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / "data_fetch.py"), run_name="__main__")
    assert not stopped.value.code and "face-alignment" in capsys.readouterr().out


@pytest.mark.parametrize("command", TOO_LONG)
def test_what_takes_too_long_here_is_at_least_there(command):
    words = shlex.split(command)
    if words[0] == "make":
        planned = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True)
        assert planned.returncode == 0, planned.stderr
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file()
    elif words[0] == "pip":
        assert words[-1].split("[")[-1].strip("]") in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    else:
        assert os.path.basename(words[-1]) in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_workshop_knows_the_options_of_its_commands(monkeypatch, capsys):
    for command in of_the_workshop():
        _, _, module, *options = command.split()
        monkeypatch.setattr(sys, "argv", [module, "--help"])
        with pytest.raises(SystemExit) as stopped:
            importlib.import_module(module).main()
        said = capsys.readouterr().out
        assert stopped.value.code == 0 and all(word in said for word in options if word.startswith("--")), command


def test_the_table_of_files_is_of_today():
    assert markdown() in (ROOT / "docs" / "assets.md").read_text(encoding="utf-8"), "python -m research.bake.assets prints it"
