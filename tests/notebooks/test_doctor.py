"""The set-up check: green where all is well, and one line of advice for what is not, even where nothing is installed."""

import subprocess
import sys

import pytest
from browser import ROOT

DOCTOR = ROOT / "notebooks" / "doctor.py"


@pytest.fixture
def doctor(monkeypatch):
    """The module."""
    monkeypatch.syspath_prepend(ROOT / "notebooks")
    import doctor

    return doctor


def test_here_all_is_green():
    told = subprocess.run([sys.executable, DOCTOR], capture_output=True, text=True, cwd=ROOT)
    assert told.returncode == 0 and "green" in told.stdout and "WRONG" not in told.stdout, told.stdout + told.stderr


def test_without_the_kit_it_says_what_to_do_and_stops():
    """-S -I: a Python without any package."""
    told = subprocess.run([sys.executable, "-S", "-I", DOCTOR], capture_output=True, text=True)
    assert told.returncode == 2 and not told.stderr and "not installed yet: make demo" in told.stdout
    assert told.stdout.count("\n") == 2  # nothing else is tried


@pytest.mark.parametrize("module, check, advice", [
    ("cv2", "pictures", "apt-get install libgl1"),
    ("d3f_lite", "a_face", "apt-get install libegl1 libgles2"),
    ("jupyter_client.kernelspec", "a_kernel", "make demo"),
])  # fmt: skip
def test_what_cannot_be_imported_is_told_with_its_cure(doctor, monkeypatch, module, check, advice):
    monkeypatch.setitem(sys.modules, module, None)
    assert advice in getattr(doctor, check)()


def test_a_package_of_another_version_too_little_memory_and_a_full_disk_are_told(doctor, monkeypatch):
    real = doctor.importlib.metadata.version
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda name: "1.0" if name == "scipy" else real(name))
    assert doctor.packages().startswith("scipy is 1.0, tested is ")
    assert "GB of memory" in doctor.memory(least=1e6) and "make room" in doctor.disk(least=1e9)


def test_one_fault_is_counted_and_the_others_are_still_tried(doctor, capsys):
    checks = {"one": lambda: "it is broken: mend it", "two": lambda: None}
    assert doctor.main(checks) == 2
    assert capsys.readouterr().out.splitlines()[:2] == ["WRONG one: it is broken: mend it", "ok    two"]
