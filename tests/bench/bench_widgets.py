"""How fast the explorer answers in a real browser, and how much memory it takes: ``python tests/bench_widgets.py``."""

import tempfile
from pathlib import Path

import numpy as np
from browser import MISSING, PATIENCE, REASON, ROOT, chromium, megabytes, move, poll, serving

MOVES = 9
# Notes when each caption of the heads has come, two pictures after its heads were asked to be drawn.
WATCH = """() => {
  window.captions = [];
  const caption = [...document.querySelectorAll(".d3f-head-grid")].at(-1).querySelector(".widget-html");
  const note = () => window.captions.push([caption.textContent, performance.now()]);
  new MutationObserver(() => requestAnimationFrame(() => requestAnimationFrame(note)))
    .observe(caption, { subtree: true, childList: true, characterData: true });
}"""


def seconds_until(page, act, words):
    """Seconds from ``act()`` until a caption with these words, and its heads, are on the screen."""
    start = page.evaluate("() => { window.captions = []; return performance.now(); }")
    act()

    def found():
        return next((time for text, time in page.evaluate("window.captions") if words in text), None)

    return (poll(found, f"no caption says {words!r}") - start) / 1000


def measure():
    """Rows (what, value, unit); none where there is no chromium."""
    if MISSING:
        print(REASON)
        return
    notebook, start = ROOT / "notebooks" / "explorer.ipynb", ROOT / "binder" / "start"
    with tempfile.TemporaryDirectory() as home, chromium() as browser:
        with serving("voila", Path(home), notebook, through=("bash", start)) as (address, server):
            page = browser.new_page(viewport={"width": 1400, "height": 1700})
            page.goto(address, timeout=1000 * PATIENCE)
            page.locator(".d3f-explorer table").wait_for(timeout=1000 * PATIENCE)
            page.wait_for_timeout(5000)
            page.evaluate(WATCH)
            yield from _latencies(page)
            yield from _two_hundred_moves(page, server)


def _two_hundred_moves(page, server):
    """Rows for what 200 moves in a row leave behind."""
    before = sum(megabytes(server))
    yield "explorer as a page, server and kernel, pages of files included", sum(megabytes(server, files=True)), "MB"
    yield "the same without them", before, "MB"
    for _ in range(10):
        move(page, "DPP weight", "ArrowLeft", 10)
        move(page, "DPP weight", "ArrowRight", 10)
    waited = seconds_until(page, lambda: move(page, "DPP weight", "ArrowLeft", 1), "w = 128 nats")
    yield "explorer, the answer to the last of 200 quick moves", waited, "s"
    yield "explorer, memory that 200 moves left behind", sum(megabytes(server)) - before, "MB"


def _latencies(page):
    """Rows for one move of the DPP weight, calibrated and published."""
    places = [("ArrowLeft", "w = 16 nats"), ("ArrowRight", "w = 20 nats")] * MOVES
    moves = []
    for key, words in places:
        moves.append(seconds_until(page, lambda: move(page, "DPP weight", key, 1), words))
        page.wait_for_timeout(1000)  # as a person would look
    yield "explorer, DPP weight moved to 16 new heads on the screen", float(np.median(moves)), "s"
    yield "explorer, the slowest of them", max(moves), "s"
    method = page.locator(".d3f-explorer select").nth(1)
    seconds_until(page, lambda: method.select_option("published DPP loss"), "w_dpp = 0.05")
    page.wait_for_timeout(1000)
    first = seconds_until(page, lambda: move(page, "w_dpp", "ArrowRight", 1), "after 0 steps")
    yield "explorer, published loss, first heads on the screen", first, "s"
    seconds_until(page, lambda: None, "w_dpp = 0.1")
    whole = seconds_until(page, lambda: move(page, "w_dpp", "ArrowLeft", 1), "w_dpp = 0.05")
    yield "explorer, published loss, 60 steps, the last heads", whole, "s"
    seconds_until(page, lambda: method.select_option("calibrated DPP"), "w = 20 nats")


if __name__ == "__main__":
    for what, value, unit in measure():
        print(f"| {what} | {value:.2f} | {unit} |", flush=True)
