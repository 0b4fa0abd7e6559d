"""File descriptor 2 is as it was after photos were read, by however many threads, and whether or not it was open."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from d3f_lite.common.quiet import native_stderr_silenced

ROOT = Path(__file__).parents[2]


def python(code, *arguments, **options):
    """Run Python code in a process of its own."""
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, **options)


def test_it_hides_what_is_written_below_python_and_gives_it_back(capfd):
    with native_stderr_silenced:
        os.write(2, b"hidden")
        with native_stderr_silenced:
            os.write(2, b"hidden too")
        os.write(2, b"still hidden")
    os.write(2, b"shown")
    assert capfd.readouterr().err == "shown"


THREADS = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from d3f_lite.observation.photo import Photo
before = os.fstat(2)
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda _: Photo.open(sys.argv[1]), range(60)))
assert os.path.samestat(before, os.fstat(2)), "descriptor 2 is another file now"
os.write(2, b"heard")
"""


def test_threads_leave_it_as_it_was(tmp_path):
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "photo.tif", compression="tiff_lzw")
    done = python(THREADS, tmp_path / "photo.tif")
    assert done.returncode == 0 and done.stderr == "heard", done.stderr


CLOSED = """
import os, sys
os.close(2)
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import MediapipeDetector
for path in sys.argv[1:]:
    print(Photo.open(path).shape)
MediapipeDetector().close()
"""


def test_a_photo_is_read_with_standard_error_closed(tmp_path):
    paths = [tmp_path / name for name in ("photo.png", "photo.tif", "photo.jpg")]
    for path in paths:
        Image.fromarray(np.zeros((64, 48, 3), np.uint8)).save(path)
    done = python(CLOSED, *paths)
    assert done.returncode == 0 and done.stdout == "(64, 48)\n" * 3, done


@pytest.mark.slow
def test_a_command_runs_with_standard_error_closed(tmp_path):
    words = f"{sys.executable} -m d3f_lite demo --samples 1 --out {tmp_path} 2>&-"
    done = subprocess.run(["bash", "-c", words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "1 heads in" in done.stdout
