"""The quickstart and the widgets in JupyterLab, in a real browser: Playwright drives Debian's chromium."""

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium")
IN_CI = os.environ.get("CI") == "true"
pytestmark = pytest.mark.skipif(CHROMIUM is None and not IN_CI, reason="no chromium here: apt-get install chromium")

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader "
    "--ignore-gpu-blocklist"
).split()
PATIENCE = 120.0  # seconds
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"

EXPLORER = """
from d3f_lite.photo import sample_photo
from d3f_lite.settings import FitSettings, Settings
from widgets import DiversityExplorer
explorer = DiversityExplorer(settings=Settings(fit=FitSettings(photometric_iterations=0)))
explorer
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab of its own, settings and all: its address and the folder that it shows."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    shutil.copy(ROOT / "notebooks" / "00_quickstart.ipynb", folder)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    explorer = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(EXPLORER.strip())], metadata=kernel)
    nbformat.write(explorer, folder / "explorer.ipynb")
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"), "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }  # fmt: skip
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
               "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]  # fmt: skip
    with open(home / "log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        poll(lambda: _answers(f"{address}/api"), "JupyterLab did not start")
        yield address, folder
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, request, tmp_path):
    """A fresh page; what it showed last is kept when a test fails."""
    page = browser.new_page(viewport={"width": 1400, "height": 1200})
    yield page
    page.screenshot(path=tmp_path / "last.png")
    page.close()


def _answers(address):
    """Whether a server answers there."""
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except OSError:
        return False


def poll(found, complaint, patience=PATIENCE):
    """Wait until ``found()`` is true, and return what it gave."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.3)
    raise AssertionError(complaint)


def run_all(page, address, name):
    """Open a notebook and run it to the end."""
    page.goto(f"{address}/lab/tree/{name}?reset")
    page.wait_for_selector(IDLE, timeout=1000 * PATIENCE)
    page.wait_for_timeout(2000)
    for item in ("Run", "Run All Cells"):
        page.get_by_role("menuitem", name=item, exact=True).click()
    prompts = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
    numbered = prompts + r".every(prompt => /\[\d+\]/.test(prompt.textContent))"
    page.wait_for_function(f"document.querySelector('{IDLE}') && {numbered}", timeout=1000 * PATIENCE)
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0


def pixels(locator):
    """A screenshot of a part of the page: (H, W, 3) uint8."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB"))


def drawn(picture):
    """Whether a 3D view shows something shaded: enough that is not white, in many colours."""
    painted = picture.min(-1) < 250
    return painted.mean() > 0.03 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 500


def move(page, slider, key, times):
    """Move a slider, found by its label, with the keyboard."""
    handle = page.locator(".widget-hslider", has_text=slider).locator(".noUi-handle").first
    handle.focus()
    for _ in range(times):
        page.keyboard.press(key)


def paint(page, explorer, height):
    """Paint across the middle of the photo, at a height from 0 (top) to 1."""
    brush = explorer.locator(".d3f-brush canvas")
    brush.scroll_into_view_if_needed()
    box = brush.bounding_box()
    y = box["y"] + height * box["height"]
    page.mouse.move(box["x"] + 0.40 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.60 * box["width"], y, steps=8)
    page.mouse.up()


def number_in(locator, pattern):
    """The number that a regular expression finds in the text of a part of the page."""
    found = re.search(pattern, locator.text_content())
    return float(found[1]) if found else None


def test_quickstart_draws_a_head_and_its_sliders_redraw_it(page, lab):
    address, _ = lab
    run_all(page, address, "00_quickstart.ipynb")
    viewer = page.locator(".d3f-head-viewer")
    viewer.scroll_into_view_if_needed()
    canvas = viewer.locator("canvas").first
    poll(lambda: drawn(pixels(canvas)), "no head is drawn")
    before, spread = pixels(canvas), r"occluded part spreads ([\d.]+) mm"
    wide = number_in(viewer, spread)
    move(page, "DPP weight", "ArrowLeft", 12)
    narrow = poll(lambda: (value := number_in(viewer, spread)) != wide and value, "the readout did not change")
    assert narrow < 0.7 * wide and "w = 0 nats" in viewer.text_content()
    poll(lambda: (pixels(canvas) != before).any(-1).mean() > 0.005, "the picture did not change")
    move(page, "number of heads", "ArrowLeft", 4)
    poll(lambda: "N = 12," in viewer.text_content(), "the readout does not know the number of heads")
    fitted = pixels(canvas)
    move(page, "head shown", "ArrowRight", 3)
    poll(lambda: drawn(pixels(canvas)) and (pixels(canvas) != fitted).any(-1).mean() > 0.005, "the head did not change")
    assert all(alt for alt in page.locator(".jp-RenderedHTML img").evaluate_all("all => all.map(one => one.alt)"))


def test_explorer_takes_a_painted_mask_stops_and_goes_on(page, lab):
    address, _ = lab
    run_all(page, address, "explorer.ipynb")
    explorer = page.locator(".d3f-explorer")
    table = explorer.locator("table")
    poll(lambda: table.count() and "calibrated DPP" in table.text_content(), "no measures")
    grid = explorer.locator(".d3f-head-grid").last
    grid.scroll_into_view_if_needed()
    poll(lambda: drawn(pixels(grid.locator("canvas").first)), "no heads are drawn")

    measured = table.text_content()
    paint(page, explorer, 0.33)  # over the eyes: nothing of the face is left
    poll(lambda: "landmarks are reliable" in explorer.text_content(), "too large a mask is not refused")
    explorer.get_by_role("button", name="Undo").click()
    paint(page, explorer, 0.62)  # over the neck
    poll(lambda: table.text_content() != measured, "the stroke did not change the heads")

    before = table.text_content()
    move(page, "iterations", "ArrowRight", 4)
    explorer.locator("select").nth(1).select_option("published DPP loss")
    poll(lambda: re.search(r"heads after \d+ steps", grid.text_content()), "the heads do not move as the loss runs")
    explorer.get_by_role("button", name="Stop").first.click()
    poll(lambda: "stopped" in explorer.text_content(), "Stop did not stop")
    assert "published" not in table.text_content()
    explorer.locator("select").nth(1).select_option("independent (i.i.d.)")
    poll(lambda: "independent" in table.text_content() and table.text_content() != before, "it did not go on")
