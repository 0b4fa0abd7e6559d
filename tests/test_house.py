"""The house: packages and versions agree wherever they are named, and imports go one way."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
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


def imported(path):
    """The project's modules that a file imports, at its top and inside its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("d3f_lite", "widgets"):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_go_one_way():
    package = list((ROOT / "d3f_lite").rglob("*.py"))
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in package}
    uses = {name: {other for other in imported(path) if other in modules} for name, path in modules.items()}
    for name, others in uses.items():
        assert not any(other.startswith("widgets") for other in imported(modules[name])), f"{name} imports widgets"
        if not name.startswith("d3f_lite.bake"):
            assert not any(other.startswith("d3f_lite.bake") for other in others), f"{name} imports bake"
        if name.count(".") == 1 and name != "d3f_lite.__main__":
            assert not any(other.startswith("d3f_lite.study") for other in others), f"{name} imports study"
    done = set()
    while len(done) < len(uses):
        ready = {name for name, others in uses.items() if name not in done and others - {name, "d3f_lite"} <= done | {name}}
        assert ready, f"a circle among {sorted(set(uses) - done)}"
        done |= ready
