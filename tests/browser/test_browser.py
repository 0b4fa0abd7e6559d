"""The course and the widgets in JupyterLab, and the explorer as a Voilà page, in a real browser."""

import io
import json
import re
import shutil
import zipfile

import nbformat
import pytest
from browser import (
    MISSING,
    MOST_MEMORY,
    PATIENCE,
    REASON,
    ROOT,
    chromium,
    drawn,
    measure,
    megabytes,
    move,
    number_in,
    paint,
    pixels,
    poll,
    serving,
)  # fmt: skip

from d3f_lite.settings import DiversitySettings, Settings

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING, reason=REASON)]

IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
MOST_GROWTH = 60.0  # MB

EXPLORER = """
from d3f_lite.settings import FitSettings, Settings
from widgets import DiversityExplorer
explorer = DiversityExplorer(settings=Settings(fit=FitSettings(photometric_iterations=0)))
explorer
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab of its own, settings and all: its address."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    for name in ("00_quickstart.ipynb", "05_diversity_with_dpps.ipynb"):
        shutil.copy(ROOT / "notebooks" / name, folder)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    explorer = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(EXPLORER.strip())], metadata=kernel)
    nbformat.write(explorer, folder / "explorer.ipynb")
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    options = "--allow-root", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"
    with serving("jupyterlab", home, *options) as (address, _):
        yield address


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium."""
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser, tmp_path):
    """A fresh page; what it showed last is kept when a test fails."""
    page = browser.new_page(viewport={"width": 1400, "height": 1200})
    yield page
    page.screenshot(path=tmp_path / "last.png")
    page.close()


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


def test_quickstart_draws_a_head_and_its_sliders_redraw_it(page, lab):
    run_all(page, lab, "00_quickstart.ipynb")
    viewer = page.locator(".d3f-head-viewer")
    viewer.scroll_into_view_if_needed()
    canvas = viewer.locator("canvas").first
    poll(lambda: drawn(pixels(canvas)), "no head is drawn")
    before, spread = pixels(canvas), r"occluded part spreads ([\d.]+) mm"
    wide = number_in(viewer, spread)
    move(page, "DPP weight", "ArrowLeft", 12)
    poll(lambda: "w = 0 nats" in viewer.text_content(), "the readout does not know the weight")
    assert number_in(viewer, spread) < 0.7 * wide
    poll(lambda: (pixels(canvas) != before).any(-1).mean() > 0.005, "the picture did not change")
    move(page, "number of heads", "ArrowLeft", 4)
    poll(lambda: "N = 12," in viewer.text_content(), "the readout does not know the number of heads")
    fitted = pixels(canvas)
    move(page, "head shown", "ArrowRight", 3)
    poll(lambda: drawn(pixels(canvas)) and (pixels(canvas) != fitted).any(-1).mean() > 0.005, "the head did not change")
    assert all(alt for alt in page.locator(".jp-RenderedHTML img").evaluate_all("all => all.map(one => one.alt)"))


def test_dpp_notebook_redraws_points_and_heads(page, lab):
    run_all(page, lab, "05_diversity_with_dpps.ipynb")
    for place, spread in ((0, "closest pair"), (1, "ASD-O")):
        playground = page.locator(".d3f-dpp-playground").nth(place)
        playground.scroll_into_view_if_needed()
        canvas, wide = playground.locator("canvas").first, measure(playground, spread)
        if place == 1:
            poll(lambda: drawn(pixels(canvas)), "no heads are drawn")
            heads = pixels(canvas)
        move(playground, "DPP weight", "ArrowLeft", 12)
        poll(lambda: measure(playground, spread) < 0.7 * wide, "the readout did not change")
        if place == 1:
            poll(lambda: (pixels(canvas) != heads).any(-1).mean() > 0.005, "the picture of the heads did not change")
        move(playground, "number of heads", "ArrowRight", 4)
        twelve = "The kernel matrix of 12 samples"
        poll(lambda: twelve in playground.locator("img").get_attribute("alt"), "the picture did not change")


def test_explorer_takes_a_painted_mask_stops_and_goes_on(page, lab):
    run_all(page, lab, "explorer.ipynb")
    explorer = page.locator(".d3f-explorer")
    table = explorer.locator("table")
    poll(lambda: table.count() and "calibrated DPP" in table.text_content(), "no measures")
    grid = explorer.locator(".d3f-head-grid").last
    grid.scroll_into_view_if_needed()
    poll(lambda: drawn(pixels(grid.locator("canvas").first)), "no heads are drawn")

    measured = table.text_content()
    paint(page, explorer, 0.33)  # over the eyes: hardly anything of the face is left, and heads there are
    poll(lambda: table.text_content() != measured, "too large a mask changed nothing")
    explorer.get_by_role("button", name="Undo").click()
    explorer.get_by_role("button", name="visible").click()
    paint(page, explorer, 0.50)  # over the mouth, which the mask hides
    narrower = poll(lambda: (now := table.text_content()) != measured and now, "the stroke did not change the heads")
    explorer.get_by_role("button", name="occluded").click()
    paint(page, explorer, 0.62)  # over the neck
    before = poll(lambda: (now := table.text_content()) != narrower and now, "the stroke did not change the heads")

    move(page, "iterations", "ArrowRight", 4)
    explorer.locator("select").nth(1).select_option("published DPP loss")
    poll(lambda: re.search(r"heads after \d+ steps", grid.text_content()), "the heads do not move as the loss runs")
    explorer.get_by_role("button", name="Stop").nth(1).click()
    poll(lambda: "stopped" in explorer.text_content(), "Stop did not stop")
    assert "published" not in table.text_content()
    explorer.locator("select").nth(1).select_option("independent (i.i.d.)")
    poll(lambda: "independent" in table.text_content() and table.text_content() != before, "it did not go on")


def test_explorer_is_a_page_that_keeps_up_with_its_sliders_in_little_memory(page, tmp_path):
    """As on Binder: behind the README's link, and started by binder/start."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "explorer.ipynb", tmp_path / "notebooks")
    link = re.search(r"urlpath=(voila/[\w/.]+)", (ROOT / "README.md").read_text())[1]
    options = "--allow-root", "--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path}"
    with serving("jupyterlab", tmp_path, *options, through=("bash", ROOT / "binder" / "start")) as (address, server):
        page.goto(f"{address}/{link}", timeout=1000 * PATIENCE)
        explorer = page.locator(".d3f-explorer")
        grid = explorer.locator(".d3f-head-grid").last
        poll(lambda: "w = 20 nats" in (grid.text_content() or ""), "no heads")
        grid.scroll_into_view_if_needed()
        canvas = grid.locator("canvas").first
        poll(lambda: drawn(pixels(canvas)), "no heads are drawn")
        assert page.locator(".jp-CodeMirrorEditor, .highlight").count() == 0  # no code

        wide, picture = measure(explorer, "ASD-O"), pixels(canvas)
        move(page, "DPP weight", "ArrowLeft", 12)
        poll(lambda: "w = 0 nats" in grid.text_content(), "the caption did not change")
        poll(lambda: (pixels(canvas) != picture).any(-1).mean() > 0.005, "the heads did not move")
        poll(lambda: measure(explorer, "ASD-O") < 0.7 * wide, "the readout did not change")

        before = megabytes(server)
        for _ in range(10):
            move(page, "DPP weight", "ArrowRight", 10)
            move(page, "DPP weight", "ArrowLeft", 10)
        move(page, "DPP weight", "ArrowRight", 3)
        poll(lambda: "w = 4 nats" in grid.text_content(), "200 moves left a queue", patience=10.0)
        after = megabytes(server)
        assert sum(after) - sum(before) < MOST_GROWTH, (before, after)

        with page.expect_download(timeout=1000 * PATIENCE) as download:
            explorer.get_by_role("button", name="Export").click()
            page.locator(".d3f-download a").click(timeout=1000 * PATIENCE)
        with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
            assert {"fit.ply", "sample_15.ply", "samples.png"} <= set(archive.namelist())
            text = archive.read("settings.toml").decode()
        assert sum(megabytes(server)) < MOST_MEMORY, megabytes(server)
        (tmp_path / "settings.toml").write_text(text)
        assert Settings.load(tmp_path / "settings.toml") == Settings(diversity=DiversitySettings(dpp_weight=4.0))
