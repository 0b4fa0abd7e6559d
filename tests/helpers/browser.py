"""A real browser for the tests and the bench: Debian's chromium, driven by Playwright, and a server of their own."""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
MISSING = CHROMIUM is None and os.environ.get("CI") != "true"  # in CI there has to be one
REASON = "no chromium here: apt-get install chromium"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader "
    "--ignore-gpu-blocklist"
).split()
PATIENCE = 1800.0  # seconds, after which something hangs; on no machine a limit for what works
# MB, pages of files apart, that a server and its kernels may take: Binder guarantees 1000 with them, which are up to 500 here.
# Binder has torch's build for CPUs; the one for GPUs, which pip takes on Linux, loads more.
MOST_MEMORY = 700.0 if torch.version.cuda is None else 1500.0


@contextmanager
def serving(module, home, *options, through=()):
    """A server of ``python -m module`` with settings of its own in the folder ``home``: its address and process.

    ``through``: the command that starts it, as Binder's ``start`` does.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"), "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }  # fmt: skip
    command = [*through, sys.executable, "-m", module, "--no-browser", f"--port={port}", *options]
    with open(home / "log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        poll(lambda: _listens(port), f"{module} did not start: see {home / 'log'}")
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def chromium():
    """Debian's chromium."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own, sync_playwright() as playwright:
        environment = os.environ | {"XDG_CONFIG_HOME": own, "XDG_CACHE_HOME": own}  # not the user's
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, env=environment, timeout=1000 * PATIENCE)
        new_page = browser.new_page

        def patient_page(**options):
            page = new_page(**options)
            page.set_default_timeout(1000 * PATIENCE)  # Playwright's own 30 seconds are a limit on slow machines
            return page

        browser.new_page = patient_page
        yield browser
        browser.close()


def tab(browser, **options):
    """A new page of a browser, which waits as long as ``poll`` does."""
    page = browser.new_page(**options)
    page.set_default_timeout(1000 * PATIENCE)
    return page


def _listens(port):
    """Whether a server takes connections there."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def poll(found, complaint, patience=PATIENCE):
    """Wait until ``found()`` is true, and return what it gave."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.3)
    raise AssertionError(complaint)


def pixels(locator):
    """A screenshot of a part of the page: (H, W, 3) uint8."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB"))


def drawn(picture):
    """Whether a 3D view shows something shaded: enough that is not white, in many colours."""
    painted = picture.min(-1) < 250
    return painted.mean() > 0.03 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 500


def move(part, slider, key, times):
    """Move a slider of a part of the page, found by its label, with the keyboard."""
    handle = part.locator(".widget-hslider", has_text=slider).locator(".noUi-handle").first
    for _ in range(times):
        handle.press(key)


def paint(page, painter, height):
    """Paint across the middle of the photo, at a height from 0 (top) to 1."""
    brush = painter.locator(".d3f-brush canvas").last
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


def megabytes(server, files=False):
    """Memory that a server's process and its kernels hold, MB each; with ``files``, pages of files are counted.

    The system drops those when memory is short, and how many are there depends on other programs.
    """
    process = psutil.Process(server.pid)
    sizes = [one.memory_info() for one in (process, *process.children(recursive=True))]
    return [(size.rss - (0 if files else size.shared)) / 2**20 for size in sizes]
