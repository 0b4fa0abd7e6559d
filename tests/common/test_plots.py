"""Figures look the same for everybody: neither a hostile matplotlibrc nor a backend that is none is obeyed."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

DRAW = """
import sys
from pathlib import Path
from d3f_lite.evaluation.evaluate import Sweep
from d3f_lite.evaluation.report import write_report
curves = {"number": {"calibrated DPP": [1.0 / size for size in Sweep.sizes]}}
write_report([{"rows": [], "refused": None, "curves": curves, "head": 0, "occluder": "hand"}], Path(sys.argv[1]))
"""
HOSTILE = "text.usetex: True\nimage.origin: lower\ntext.color: white\naxes.labelcolor: white\nsavefig.facecolor: black\n"


@pytest.mark.parametrize("backend", ("nonsense", None))
def test_the_user_s_matplotlibrc_is_not_obeyed(tmp_path, backend):
    (tmp_path / "matplotlibrc").write_text(HOSTILE)
    plain = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "MATPLOTLIBRC")}
    hostile = plain | {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")} | ({"MPLBACKEND": backend} if backend else {})
    pictures = []
    for name, environment in (("plain", plain), ("hostile", hostile)):
        (tmp_path / name).mkdir()
        subprocess.run([sys.executable, "-c", DRAW, tmp_path / name], env=environment, check=True)
        pictures.append(np.asarray(Image.open(tmp_path / name / "number.png")))
    np.testing.assert_array_equal(*pictures)
    assert (pictures[0][..., :3] < 100).all(-1).any() and (pictures[0][0, 0, :3] == 255).all()
