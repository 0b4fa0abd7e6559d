"""Binder: repo2docker reads what is meant, postBuild runs in an environment of its own, the links of the README open."""

import os
import re
import shutil
import subprocess
import sysconfig
import urllib.request
import venv

import psutil
import pytest
from browser import MOST_MEMORY, PATIENCE, ROOT, megabytes, poll, serving

pytestmark = pytest.mark.slow

IN_CI = os.environ.get("CI") == "true"


def fresh_environment(folder):
    """A virtual environment of its own: the folder of its programs."""
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if os.name == "nt" else "bin")


def python_asked_for():
    """The version that environment.yml names."""
    return re.search(r"- python=([\d.]+)", (ROOT / "environment.yml").read_text())[1]


def test_repo2docker_reads_the_environment_and_the_right_python(tmp_path):
    programs = fresh_environment(tmp_path / "environment")
    got = subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", "jupyter-repo2docker"], capture_output=True)
    if got.returncode and not IN_CI:
        pytest.skip("pip cannot get jupyter-repo2docker here")
    told = subprocess.run([programs / "jupyter-repo2docker", "--no-build", "--debug", ROOT], capture_output=True, text=True)
    text = told.stdout + told.stderr
    # Its exit code is 0 either way.
    assert f"Building conda environment for python={python_asked_for()}" in text
    assert "Python version unspecified" not in text
    for line in ("env update -p ${NB_PYTHON_PREFIX} --file \"binder/environment.yml\"", "RUN ./binder/postBuild",
                 *(ROOT / "binder" / "apt.txt").read_text().split()):  # fmt: skip
        assert line in text


@pytest.mark.skipif(os.name == "nt", reason="Binder runs on Linux")
def test_postbuild_installs_the_package_and_runs_it(tmp_path):
    """In a fresh environment that borrows the packages of this one: those that conda brings on Binder."""
    programs = fresh_environment(tmp_path / "environment")
    own = next((tmp_path / "environment").rglob("site-packages"))
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    repository = tmp_path / "repository"
    for folder in ("binder", "d3f_lite", "widgets"):
        shutil.copytree(ROOT / folder, repository / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("LICENSE", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, repository)
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": ""}
    run = subprocess.run(["binder/postBuild"], cwd=repository, env=environment, capture_output=True, text=True)
    if run.returncode and "d3f-lite" not in run.stdout and not IN_CI:
        pytest.skip("pip cannot get setuptools here")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "2 heads in" in run.stdout and (programs / "d3f-lite").exists()


def test_the_readme_s_links_open_and_stay_within_binder_s_memory(tmp_path):
    pages = re.findall(r"mybinder\.org/v2/gh/[\w-]+/d3f-lite/students\?urlpath=([\w/.]+)\)", (ROOT / "README.md").read_text())
    assert pages == ["lab/tree/notebooks/00_quickstart.ipynb", "voila/render/notebooks/explorer.ipynb"]
    assert all((ROOT / "notebooks" / page.split("/")[-1]).exists() for page in pages)
    options = "--allow-root", "--IdentityProvider.token=", f"--ServerApp.root_dir={ROOT}"
    with serving("jupyterlab", tmp_path, *options) as (address, server):
        for page in pages:  # Voilà answers when every cell has run
            with urllib.request.urlopen(f"{address}/{page}", timeout=PATIENCE) as answer:
                text = answer.read().decode()
            assert answer.status == 200 and "Traceback" not in text
        assert "d3f-explorer" in text or "widget-view" in text
        kernel = max(psutil.Process(server.pid).children(), key=lambda process: process.memory_info().rss)
        # The heads are made after the page is there.
        poll(lambda: kernel.cpu_percent(interval=3.0) < 5.0, "the kernel does not rest")
        memory = megabytes(server)
        assert len(memory) >= 2 and 200.0 < sum(memory) < MOST_MEMORY, memory  # MB
