"""What a reconstruction loads, in a process of its own: nothing large that the default road does not use."""

import subprocess
import sys

from PIL import Image

from d3f_lite.observation.photo import sample_photo

PROGRAM = """
import sys
from d3f_lite.__main__ import main

assert main(sys.argv[1:]) == 0
print(*sorted({name.partition(".")[0] for name in sys.modules} | {"scipy.stats"} & set(sys.modules)))
"""
UNUSED = {"IPython", "dask", "ipywidgets", "joblib", "matplotlib", "mediapipe", "networkx", "numba", "pandas", "requests", "scipy.stats",
          "skimage", "sounddevice", "sympy", "torch", "trimesh"}  # fmt: skip


def loaded(*arguments, cwd):
    """The top-level modules that a command has loaded in the end."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], cwd=cwd, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_a_photo_alone_needs_no_large_library_but_scipy_and_opencv(tmp_path):
    Image.fromarray(sample_photo("astronaut").pixels).save(tmp_path / "photo.png")
    names = loaded("reconstruct", "photo.png", cwd=tmp_path)
    assert {"numpy", "scipy", "cv2"} <= names and not names & UNUSED
    assert (tmp_path / "results" / "photo" / "viewer.html").exists()


def test_nor_does_the_demonstration(tmp_path):
    names = loaded("demo", cwd=tmp_path)
    assert {"numpy", "scipy", "cv2"} <= names and not names & UNUSED
