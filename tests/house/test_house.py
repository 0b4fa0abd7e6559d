"""The house: packages and versions agree wherever they are named, and imports go one way."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import d3f_lite
from research.bake.house import ROOMS, draw, drawn, in_words, modules, room

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}
CONDA_ONLY = {"python", "pip"}


def constraints():
    """Package to exact version."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)


def requirements():
    """Package to lowest version, of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    return {re.split("[>=]", line)[0]: re.split("[>=]=", line)[1] for line in wanted}


def numbers(version):
    """A version's numbers, to compare."""
    return [int(part) for part in version.split(".")]


def test_constraints_meet_what_pyproject_asks_for():
    exact = constraints()
    for name, lowest in requirements().items():
        assert numbers(exact[name]) >= numbers(lowest), name


PINNED = re.compile(r"^([\w.-]+)==([\w.]+)(?: ; .+?)?(?: \\\n +--hash=sha256:[0-9a-f]{64})+$", re.MULTILINE)


@pytest.mark.parametrize("name", ["run.txt", "test.txt"])
def test_locks_have_a_hash_for_every_version(name):
    text, exact, unlocked = (ROOT / "locks" / name).read_text(), constraints(), {"torch"}
    locked = dict(PINNED.findall(text))
    assert len(locked) == len(re.findall("^[^ ]", text, re.MULTILINE))
    for package, version in locked.items():
        assert exact.get(package, version) == version, package
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + (project["optional-dependencies"]["test"] if name == "test.txt" else [])
    assert {re.split("[>=]", line)[0] for line in wanted} - unlocked <= set(locked)


def test_environment_names_the_same_packages():
    lines = re.findall(r"^\s+- ([a-z][\w.-]*)(=+)?([\d.]+)?$", (ROOT / "environment.yml").read_text(), re.M)
    named = {CONDA_NAMES.get(name, name): version for name, _, version in lines if name != "conda-forge"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split("[>=]", line)[0] for line in project["dependencies"]}
    assert set(named) - CONDA_ONLY == wanted
    exact = constraints()
    for name in wanted:
        assert exact[name].startswith(named[name]), name
    assert (ROOT / "binder" / "environment.yml").resolve() == ROOT / "environment.yml"


def test_rooms_import_only_from_rooms_before_them():
    for name, others in modules().items():
        if name == "d3f_lite":
            continue
        allowed = {*ROOMS[: ROOMS.index(room(name)) + 1], "d3f_lite"}
        assert {room(other) for other in others} <= allowed, f"{name} imports {sorted(others)}"


def test_each_room_says_what_it_is():
    rooms = [path for path in (ROOT / "d3f_lite").iterdir() if path.is_dir() and path.name != "__pycache__"]
    for folder in rooms:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder.name


def test_imports_go_one_way():
    uses = modules()
    done = set()
    while len(done) < len(uses):
        ready = {name for name, others in uses.items() if name not in done and others - {name, "d3f_lite"} <= done | {name}}
        assert ready, f"a circle among {sorted(set(uses) - done)}"
        done |= ready


def test_the_picture_of_the_house_is_of_today(tmp_path):
    assert drawn() == in_words(), "python -m research.bake.house draws it again"
    draw(tmp_path / "house.png")
    assert drawn(tmp_path / "house.png") == in_words() and "evaluation uses fitting" in in_words()


def test_the_front_door_opens_when_it_is_used():
    code = (
        "import sys, d3f_lite as d3f; assert 'numpy' not in sys.modules; import d3f_lite.reconstruct\n"
        "print(sum(name.startswith('d3f_lite') for name in sys.modules))\n"
        "print([getattr(d3f, name).__name__ for name in d3f.__all__])"
    )
    read, names = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.splitlines()
    assert int(read) <= 30  # files: the road's types, and no face detector
    assert "'reconstruct'" in names and "d3f_lite.metrics" in names
    with pytest.raises(AttributeError, match="nobody"):
        d3f_lite.nobody  # noqa: B018


@pytest.mark.parametrize("words", ("ruff check", "ruff format --check", "mypy"))
def test_the_static_checkers_are_content(words):
    what = "." if words.startswith("ruff") else "--no-error-summary"
    done = subprocess.run([sys.executable, "-m", *words.split(), what], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
