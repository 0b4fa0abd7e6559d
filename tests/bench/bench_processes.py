"""Whole processes by CPU seconds (user and system, children included) and peak memory, in turn with another checkout.

``python tests/bench/bench_processes.py --beside PATH``: PATH is a worktree with a .venv of its own. The two run in turn, so that what
else a machine does hits both, and ratios of the medians are printed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from d3f_lite.evaluation.report import table
from d3f_lite.observation.photo import sample_photo

WARM = """
import time
import d3f_lite as d3f
portrait = d3f.sample_photo("astronaut")
photo, mask = d3f.draw_occluder(portrait, d3f.detect_landmarks(portrait), "surgical_mask")
for turn in range(4):
    start = time.process_time()
    d3f.reconstruct(photo{mask})
    spent = time.process_time() - start
print(spent)
"""


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds on the clock, seconds of all cores, and MB at its peak."""

    wall: float
    cpu: float
    megabytes: float


def cases(folder: Path, photos: int) -> dict[str, tuple[tuple[str, ...], int]]:
    """Name to (arguments of Python, by how much its costs are divided); the photos lie in ``folder``."""
    (folder / "photos").mkdir()
    for number in range(photos):
        pixels = sample_photo(("astronaut", "grace_hopper")[number % 2]).pixels
        Image.fromarray(pixels[:, :: 1 - number // 2 % 2 * 2]).save(folder / "photos" / f"{number:02d}.png")
    command = ("-m", "d3f_lite")
    return {
        "d3f_lite.reconstruct, imported": (("-c", "from d3f_lite import reconstruct"), 1),
        "d3f-lite demo": ((*command, "demo"), 1),
        "d3f-lite reconstruct PHOTO": ((*command, "reconstruct", str(folder / "photos" / "00.png")), 1),
        f"d3f-lite batch, {photos} photos on two cores, a photo": ((*command, "batch", str(folder / "photos"), "--jobs", "2"), photos),
        "photo and mask to 16 heads, in memory, warm": (("-c", WARM.format(mask=", mask")), 1),
        "photo alone to 16 heads, in memory, warm": (("-c", WARM.format(mask="")), 1),
    }  # fmt: skip


LAUNCHED = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[2:], stdout=open("told", "w"), stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
spent = time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
json.dump({"code": os.waitstatus_to_exitcode(status), "spent": spent}, open(sys.argv[1], "w"))
"""


def cost(python: str, arguments: tuple[str, ...]) -> Cost:
    """What a fresh process takes; a number that it prints at the end stands for its CPU seconds.

    A small process starts it: Linux counts the starter's own peak as the started one's. It gives kB.
    """
    with tempfile.TemporaryDirectory() as home:
        report = Path(home, "report.json")
        launch = [sys.executable, "-S", "-c", LAUNCHED, str(report), python, *arguments]
        subprocess.run(launch, cwd=home, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)
        found, last = json.loads(report.read_text()), Path(home, "told").read_text().strip().rpartition("\n")[2]
    assert found["code"] == 0, (python, arguments)
    wall, cpu, megabytes = found["spent"]
    return Cost(wall, float(last) if last.replace(".", "", 1).isdecimal() else cpu, megabytes)


def measure(beside: Path | None = None, turns: int = 5, photos: int = 4):
    """Rows (what, CPU seconds here and there and their ratio, the same of wall seconds and of peak MB), one after the other."""
    pythons = [sys.executable] + ([str(beside / ".venv" / "bin" / "python")] if beside else [])
    with tempfile.TemporaryDirectory() as home:
        for what, (arguments, divided) in cases(Path(home), photos).items():
            for python in pythons:
                cost(python, arguments)  # caches that are written once
            costs = [[cost(python, arguments) for python in pythons] for _ in range(turns)]
            cells = []
            for name, divisor in (("cpu", divided), ("wall", divided), ("megabytes", 1)):
                medians = np.median([[getattr(one, name) for one in turn] for turn in costs], axis=0) / divisor
                cells += [f"{value:.3g}" if value < 100 else f"{value:.0f}" for value in medians]
                cells += [f"{medians[0] / medians[-1]:.2f}"] if beside else []
            yield what, *cells


def columns(beside: Path | None) -> tuple[str, ...]:
    """The headings of what ``measure`` gives."""
    return ("what", *(heading for unit in ("CPU-s", "wall s", "peak MB") for heading in
                      ((unit, "beside", "ratio") if beside else (unit,))))  # fmt: skip


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beside", type=Path, help="another checkout with its .venv, which runs in turn")
    parser.add_argument("--turns", type=int, default=5, help="of each, whose median counts (default: %(default)s)")
    parser.add_argument("--photos", type=int, default=4, help="of the batch (default: %(default)s)")
    options = parser.parse_args()
    print(table(columns(options.beside), measure(options.beside, options.turns, options.photos)))


if __name__ == "__main__":
    main()
