"""Is everything there that the course needs? ``python notebooks/doctor.py`` says green, or what to do, in a few seconds."""

import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

# Imports of what is installed stand inside the checks: this file also runs where nothing is installed.
ROOT = Path(__file__).parents[1]


def python():
    """Python is new enough, and it is the one of .venv or of an environment that has the kit."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older one may run this file
        return f"Python {sys.version.split()[0]} is too old: install 3.11 or newer, then make demo PYTHON=python3.11"
    try:
        importlib.metadata.version("d3f-lite")
    except importlib.metadata.PackageNotFoundError:
        return "the kit is not installed yet: make demo"


def packages():
    """Every package that the kit needs is there, in the version that is tested."""
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split() if "==" in line)
    pinned = {re.sub("[-_]", "-", name).lower(): version for name, version in pinned.items()}
    for needed in importlib.metadata.requires("d3f-lite"):
        name = re.match(r"[\w-]+", needed)[0]
        if "extra ==" in needed:
            continue
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return f"{name} is missing: make demo"
        if (wanted := pinned.get(name.lower())) and found.split("+")[0] != wanted:
            return f"{name} is {found}, tested is {wanted}: pip install {name}=={wanted}"


def pictures():
    """OpenCV finds libGL."""
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        return f"OpenCV cannot start ({error}): on Debian and Ubuntu, apt-get install libgl1"


def a_face():
    """The head model is read, and the detector finds the face of the sample portrait."""
    try:
        import d3f_lite as d3f

        d3f.load_head()
        d3f.detect_landmarks(d3f.sample_photo("astronaut"))
    except (ImportError, OSError) as error:
        return f"MediaPipe cannot start ({error}): on Debian and Ubuntu, apt-get install libegl1 libgles2"
    except Exception as error:  # whatever it is: whoever runs this wants to be told, not to read a traceback
        return f"no face is found: {type(error).__name__}: {error}"


def a_kernel():
    """Jupyter finds a kernel for Python, and the widgets' scripts."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        KernelSpecManager().get_kernel_spec("python3")
    except Exception as error:  # jupyter's own kinds, which are not to be named before it is there
        return f"Jupyter has no kernel for Python ({error}): make demo"


def memory(least=1.2):
    """There is memory for the largest notebook: ``least`` GB."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        if there < least:
            return f"{there:.1f} GB of memory, and the largest notebook takes {least}: use another machine, or Binder"


def disk(least=0.5):
    """There is room for what notebooks write, in GB, and they may write it."""
    for folder in (ROOT, Path(tempfile.gettempdir())):
        if not os.access(folder, os.W_OK):
            return f"{folder} cannot be written: move the kit to a folder of yours"
        if (free := shutil.disk_usage(folder).free / 1e9) < least:
            return f"{folder} has {free:.1f} GB left: make room, {least} GB at least"


CHECKS = {"Python": python, "packages": packages, "memory": memory, "disk": disk, "OpenCV": pictures,
          "Jupyter": a_kernel, "head model and detector": a_face}  # fmt: skip


def main(checks=None):
    """Print a line for each check; after a fault of Python or a package the others are not tried. The exit code: 0, or 2."""
    faults = 0
    for name, check in (checks or CHECKS).items():
        fault = check()
        print(f"{'ok   ' if fault is None else 'WRONG'} {name}{'' if fault is None else ': ' + fault}", flush=True)
        faults += fault is not None
        if fault and name in ("Python", "packages"):
            break
    print("green: everything is there, make lab opens the course" if not faults else "mend what is WRONG, then make doctor")
    return 2 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
