"""Predictions are kept in a file of one's own, and a class's files are counted."""

import getpass
import json
import subprocess
import sys
from pathlib import Path

import pytest

from widgets import Prediction
from widgets.prediction import KIND, read_predictions

ROOT = Path(__file__).parents[2]
OPTIONS = ["(a) a hill", "(b) flat", "(c) a valley"]


@pytest.fixture
def as_user(monkeypatch):
    """Call with a name to be that user from then on."""
    return lambda name: monkeypatch.setattr(getpass, "getuser", lambda: name)


def counted(folder):
    """What the lecturer's command says of a folder: its exit code, output and complaints."""
    command = [sys.executable, ROOT / "notebooks" / "predictions.py", folder]
    run = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True, timeout=120
    )
    return run.returncode, run.stdout, run.stderr


def test_who_chooses_nothing_leaves_no_file(tmp_path):
    prediction = Prediction("08.1", OPTIONS, tmp_path)
    assert prediction.choice.value is None and prediction.words.value == "not answered"
    assert not list(tmp_path.iterdir())


def test_a_choice_is_kept_and_comes_back(tmp_path, as_user):
    as_user("ada")
    Prediction("08.1", OPTIONS, tmp_path).choice.value = OPTIONS[0]
    Prediction("08.2", OPTIONS, tmp_path).choice.value = OPTIONS[2]
    again = Prediction("08.1", OPTIONS, tmp_path)
    assert again.choice.value == OPTIONS[0]
    again.choice.value = OPTIONS[1]
    assert read_predictions(tmp_path / "predictions_ada.json") == {
        "08.1": {"options": OPTIONS, "first": OPTIONS[0], "last": OPTIONS[1]},
        "08.2": {"options": OPTIONS, "first": OPTIONS[2], "last": OPTIONS[2]},
    }


@pytest.mark.parametrize(
    "content", ["my notes", "[1, 2]", "{}", json.dumps({"kind": KIND, "predictions": {"08.1": {"options": "ab"}}})]
)
def test_a_file_that_is_none_of_ours_is_left_as_it_is(content, tmp_path, as_user):
    as_user("ada")
    file = tmp_path / "predictions_ada.json"
    file.write_text(content)
    prediction = Prediction("08.1", OPTIONS, tmp_path)
    prediction.choice.value = OPTIONS[1]
    assert file.read_text() == content and "move it away" in prediction.words.value


def test_two_students_in_one_folder_have_two_files(tmp_path, as_user):
    for name in ("ada", r"DOMAIN\bob"):
        as_user(name)
        Prediction("08.1", OPTIONS, tmp_path).choice.value = OPTIONS[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["predictions_DOMAIN_bob.json", "predictions_ada.json"]


def test_where_nothing_can_be_written_that_is_said(tmp_path):
    prediction = Prediction("08.1", OPTIONS, tmp_path / "gone")
    prediction.choice.value = OPTIONS[1]
    assert "cannot be written" in prediction.words.value


def test_a_class_is_counted(tmp_path, as_user):
    """Three students: two think of a hill, one of them changes to flat, one says flat at once; one of them answers 08.2, too."""
    for name, chosen in {"ada": (0, 1), "bob": (0,), "eve": (1,)}.items():
        as_user(name)
        folder = tmp_path / name
        folder.mkdir()
        for option in chosen:
            Prediction("08.1", OPTIONS, folder).choice.value = OPTIONS[option]
    Prediction("08.2", ["yes", "no | never"], folder).choice.value = "yes"
    (tmp_path / "predictions_notes.json").write_text("not ours")
    code, told, complaints = counted(tmp_path)
    assert code == 0 and "left out: " in complaints and "predictions_notes.json" in complaints
    assert told.splitlines() == [
        "3 files",
        "",
        "| prediction | option | at first | in the end |",
        "|---|---|---|---|",
        "| 08.1 | (a) a hill | 2 (67%) | 1 (33%) |",
        "| 08.1 | (b) flat | 1 (33%) | 2 (67%) |",
        "| 08.1 | (c) a valley | 0 (0%) | 0 (0%) |",
        "| 08.2 | yes | 1 (100%) | 1 (100%) |",
        "| 08.2 | no / never | 0 (0%) | 0 (0%) |",
    ]


def test_a_folder_without_predictions_is_said_in_one_line(tmp_path):
    code, told, complaints = counted(tmp_path)
    assert code == 2 and not told and complaints.count("\n") == 1 and "predictions_NAME.json" in complaints
