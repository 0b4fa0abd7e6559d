"""The examples in the docstrings: what they say comes out does."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# In a process of its own, as a reader would: here every function is wrapped, and doctest does not look into wrappers.
RUN = """
import doctest, importlib, sys
results = {name: doctest.testmod(importlib.import_module(name)) for name in sys.argv[1:]}
assert all(result.attempted and not result.failed for result in results.values()), results
"""


def test_examples(tmp_path):
    paths = [path for path in (ROOT / "d3f_lite").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    assert {"d3f_lite.observe", "d3f_lite.observation.photo", "d3f_lite.occluders.drawing"} <= set(names)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", RUN, *names], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
