"""What a person has is never replaced: refused before any work, whoever writes; and writers beside each other leave nothing."""

import os
import runpy
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from writers import REPORT, write

from d3f_lite import batch
from d3f_lite.__main__ import main
from d3f_lite.errors import OutputError
from d3f_lite.evaluation import evaluate
from d3f_lite.files.whole import whole_folder
from d3f_lite.observation.photo import sample_photo
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results.provenance import OF_FILE_BROWSERS, is_result
from widgets import Explorer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with a portrait, and a person's folder of the same name."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(sample_photo("astronaut").pixels).save(tmp_path / "me.png")
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / "diary.txt").write_text("mine")
    return tmp_path


@pytest.fixture(scope="module")
def found():
    portrait = sample_photo("astronaut")
    return reconstruct(portrait, np.zeros(portrait.shape, bool), samples=1)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("command", (["reconstruct", "me.png"], ["batch", "."], ["demo", "--portrait", "astronaut"]))
def test_a_person_s_folder_is_refused_before_any_work(command, home, monkeypatch, capfd):
    (home / "me").rename(home / "astronaut_surgical_mask") if command[0] == "demo" else None
    for module in (sys.modules["d3f_lite.reconstruct"], batch):
        monkeypatch.setattr(module, "reconstruct", lambda *_, **__: pytest.fail("worked"))
    before = contents(home)
    assert main([*command, "--out", "."]) == 2
    assert "move it away" in capfd.readouterr().err and contents(home) == before


@pytest.mark.parametrize("name", ("photos.csv", "contact_sheet_01.png"))
def test_a_batch_keeps_a_person_s_table_and_picture(name, home, capfd):
    (home / "me" / "diary.txt").unlink()
    (home / name).write_bytes((home / "me.png").read_bytes() if name.endswith("png") else b"photo,place\n")
    before = contents(home)
    assert main(["batch", ".", "--out", "."]) == 2
    assert name in capfd.readouterr().err and contents(home) == before


def test_saving_refuses_it_and_the_explorer_s_button_writes_nothing_there(found, tmp_path, monkeypatch):
    (tmp_path / "astronaut").mkdir()
    (tmp_path / "astronaut" / "diary.txt").write_text("mine")
    with pytest.raises(OutputError, match="move it away"):
        found.save(tmp_path)
    monkeypatch.chdir(tmp_path)
    explorer = Explorer(found.observation.photo, found.observation.masks.occluded)
    assert explorer.wait()
    explorer.export.click()
    assert explorer.wait() and "ready" in explorer.task.words.value
    assert [path.name for path in tmp_path.rglob("*")] == ["astronaut", "diary.txt"]


def test_what_is_a_result(found, tmp_path):
    folder = found.save(tmp_path)
    assert is_result(folder)
    for name in (*OF_FILE_BROWSERS, "explorer.html"):  # nobody's work, and what older versions wrote
        (folder / name).touch()
    assert is_result(folder) and found.save(tmp_path) == folder
    for name in ("notes.txt", "sample_000 (copy).ply", ".git"):
        (folder / name).touch()
        assert not is_result(folder)
        (folder / name).unlink()
    (folder / "fit.ply").unlink()
    (folder / "fit.ply").mkdir()
    assert not is_result(folder)
    (folder / "fit.ply").rmdir()
    assert is_result(folder)
    for text in ("{}", "[]", "", '{"versions": 3}', '{"photo": "me", "again": "another program"}'):
        (folder / "report.json").write_text(text)
        assert not is_result(folder)
    (folder / "report.json").unlink()
    assert not is_result(folder) and not is_result(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    assert not is_result(tmp_path / "link")


def test_an_evaluation_replaces_no_table_of_a_person_s(tmp_path):
    (tmp_path / "table.md").write_text("mine")
    with pytest.raises(OutputError, match="table.md"):
        evaluate.evaluate(evaluate.Plan(heads=1), tmp_path)
    assert contents(tmp_path) == {Path("table.md"): b"mine"}


def test_the_students_copies_replace_nobody_s_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["handouts.py", str(tmp_path / "there")])
    monkeypatch.syspath_prepend(ROOT / "notebooks")

    def exit_code():
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(ROOT / "notebooks" / "handouts.py"))
        return stopped.value.code

    assert exit_code() == 0 and exit_code() == 0  # their own are replaced
    mine = tmp_path / "there" / "01_head_model.ipynb"
    mine.write_text(mine.read_text(encoding="utf-8").replace("raise NotImplementedError()", "answer = 3", 1), encoding="utf-8")
    before = contents(tmp_path)
    assert exit_code() == 2 and capsys.readouterr().err.count("\n") == 1 and contents(tmp_path) == before


def test_writers_to_one_name_never_fail_and_leave_nothing(tmp_path):
    path = tmp_path / "x"
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        wrong = list(pool.map(partial(write, path, times=100), range(4)))
    assert wrong == [[]] * 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"] and is_result(path)
    assert len({(path / name).read_text() for name in ("fit.ply", "samples.npz")}) == 1  # all of one writer


@pytest.mark.parametrize("fault", (KeyboardInterrupt, OSError, ZeroDivisionError))
@pytest.mark.parametrize("when", ("inside", "between"))
def test_an_interrupted_writing_keeps_the_old_and_leaves_nothing(fault, when, tmp_path, monkeypatch):
    path, rename = tmp_path / "x", os.rename
    assert not write(path, 1, 1)

    def interrupted(source, target):
        if when == "between" and target == path and not path.exists() and "fit.ply" in os.listdir(source):
            if (Path(source) / "fit.ply").read_text() == "2":
                raise fault("now")
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises((fault, OutputError)), whole_folder(path, is_result) as folder:
        (folder / "fit.ply").write_text("2")
        (folder / "report.json").write_text(REPORT)
        if when == "inside":
            raise fault("now")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"] and (path / "fit.ply").read_text() == "1"


def test_what_a_killed_run_left_is_removed_by_the_next_writing_but_nothing_else(tmp_path):
    left = {".x.abcdef01": "fit.ply", ".x.abcdef01.old": "report.json", ".x.12345678": "diary.txt", ".x.backup01": "fit.ply",
            ".x.abcd1234": "fit.ply"}  # fmt: skip
    for name, file in left.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
        long_ago = (tmp_path / name).stat().st_mtime - 7200.0
        if name != ".x.abcd1234":  # somebody is just writing it
            os.utime(tmp_path / name, (long_ago, long_ago))
    assert not write(tmp_path / "x", 1, 1)
    assert {entry.name for entry in tmp_path.iterdir()} == {"x", *left} - {".x.abcdef01", ".x.abcdef01.old"}


def test_the_site_is_built_into_no_folder_of_a_person_s(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("mine")
    made = subprocess.run(["make", "-o", ".venv/ready-to-test", "site"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert made.returncode == 2 and "move it away" in made.stdout
    assert contents(tmp_path / "site") == {Path("index.html"): b"mine"}
