"""How fast the explorer answers in a real browser, and how much memory it takes: ``python tests/bench/bench_widgets.py``."""

import tempfile
import time
from pathlib import Path

import numpy as np
from browser import MISSING, PATIENCE, REASON, ROOT, chromium, megabytes, poll, serving

MOVES = 9
# Milliseconds from a key that moves the DPP weight until the new heads are on the screen, two pictures after they were found.
ANSWER = """(steps) => new Promise((resolve) => {
  const [explorer, slider] = [document.querySelector(".d3fx"), document.querySelector(".d3fx input[type=range]")];
  const begun = performance.now();
  for (const step of steps) { slider.valueAsNumber += step; slider.dispatchEvent(new Event("input")); }
  const found = () => explorer.ariaBusy === "false" && (watch.disconnect(),
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begun))));
  const watch = new MutationObserver(found);
  watch.observe(explorer, { attributeFilter: ["aria-busy"] });
})"""


def measure():
    """Rows (what, value, unit); none where there is no chromium."""
    if MISSING:
        print(REASON)
        return
    notebook, start = ROOT / "notebooks" / "explorer.ipynb", ROOT / "binder" / "start"
    with tempfile.TemporaryDirectory() as home, chromium() as browser:
        with serving("voila", Path(home), notebook, through=("bash", start)) as (address, server):
            page, begun = browser.new_page(viewport={"width": 1280, "height": 800}), time.monotonic()
            page.goto(address, timeout=1000 * PATIENCE)
            poll(lambda: page.locator(".d3fx .bar").count(), "no heads")
            yield "explorer as a page, from its address to 16 heads on the screen", time.monotonic() - begun, "s"
            poll(lambda: len((page.locator("polyline.calibrated").get_attribute("points") or "").split()) == 8, "no curve")
            moves = []
            for step in [-1, 1] * MOVES:
                moves.append(page.evaluate(ANSWER, [step]) / 1000)
                page.wait_for_timeout(1000)  # as a person would look
            yield "explorer, DPP weight moved to 16 new heads on the screen", float(np.median(moves)), "s"
            yield "explorer, the slowest of them", max(moves), "s"
            before = sum(megabytes(server))
            yield "explorer as a page, server and kernel, pages of files included", sum(megabytes(server, files=True)), "MB"
            yield "the same without them", before, "MB"
            yield "explorer, the answer to the last of 200 quick moves", page.evaluate(ANSWER, [-1, 1] * 100) / 1000, "s"
            page.wait_for_timeout(1000)
            yield "explorer, memory of server and kernel that they left behind", sum(megabytes(server)) - before, "MB"


if __name__ == "__main__":
    for what, value, unit in measure():
        print(f"| {what} | {value:.3g} | {unit} |", flush=True)
