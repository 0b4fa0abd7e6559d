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
    REASON,
    ROOT,
    chromium,
    drawn,
    megabytes,
    move,
    number_in,
    paint,
    pixels,
    poll,
    serving,
    tab,
)  # fmt: skip

from d3f_lite.settings import DiversitySettings, Settings

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING, reason=REASON)]

MOST_GROWTH = 60.0  # MB
# When every cell has run, of the notebook that JupyterLab has opened.
RUN_ALL = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await Promise.all([panel.context.ready, panel.sessionContext.ready, panel.revealed]);
  await window.jupyterapp.commands.execute("notebook:run-all-cells");
}"""


def widgets_of_the_course():
    """A notebook of what shows widgets in the notebooks 00 and 05, and no more of them."""
    cells = [cell.source for cell in nbformat.read(ROOT / "notebooks" / "00_quickstart.ipynb", as_version=4).cells
             if cell.cell_type == "code"]  # fmt: skip
    last = next(place for place, source in enumerate(cells) if "HeadViewer(" in source)
    sources = [
        *cells[: last + 1],
        "from widgets import DppPlayground, ExplorerView\nDppPlayground()",
        "ExplorerView(reconstruction)",
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources], metadata=kernel)


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """A page of a JupyterLab of its own, settings and all, in which the course's widgets stand."""
    home = tmp_path_factory.mktemp("lab")
    (home / "notebooks").mkdir()
    nbformat.write(widgets_of_the_course(), home / "notebooks" / "widgets.ipynb")
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    options = "--allow-root", "--IdentityProvider.token=", "--expose-app-in-browser", f"--ServerApp.root_dir={home / 'notebooks'}"
    with serving("jupyterlab", home, *options) as (address, _):
        page = tab(browser, viewport={"width": 1400, "height": 1200})
        page.goto(f"{address}/lab/tree/widgets.ipynb?reset")
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext")
        page.evaluate(RUN_ALL)
        yield page
        page.screenshot(path=home / "last.png")


def test_the_course_s_notebooks_run_without_a_warning_and_their_pictures_have_words(lab):
    assert lab.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    numbers = lab.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()
    assert all(re.search(r"\[\d+\]", number) for number in numbers if number.strip())
    assert all(alt for alt in lab.locator(".jp-RenderedHTML img").evaluate_all("all => all.map(one => one.alt)"))


def test_the_viewer_draws_a_head_and_its_sliders_redraw_it(lab):
    viewer = lab.locator(".d3f-head-viewer")
    viewer.scroll_into_view_if_needed()
    canvas = viewer.locator("canvas").first
    poll(lambda: drawn(pixels(canvas)), "no head is drawn")
    before, spread = pixels(canvas), r"occluded part spreads ([\d.]+) mm"
    wide = number_in(viewer, spread)
    move(viewer, "DPP weight", "ArrowLeft", 12)
    poll(lambda: "w = 0 nats" in viewer.text_content(), "the readout does not know the weight")
    assert number_in(viewer, spread) < 0.7 * wide
    poll(lambda: (pixels(canvas) != before).any(-1).mean() > 0.005, "the picture did not change")
    move(viewer, "number of heads", "ArrowLeft", 4)
    poll(lambda: "N = 12," in viewer.text_content(), "the readout does not know the number of heads")
    fitted = pixels(canvas)
    move(viewer, "head shown", "ArrowRight", 3)
    poll(lambda: drawn(pixels(canvas)) and (pixels(canvas) != fitted).any(-1).mean() > 0.005, "the head did not change")


def test_the_playground_redraws_its_points(lab):
    playground = lab.locator(".d3f-dpp-playground")
    playground.scroll_into_view_if_needed()
    closest = lambda: number_in(playground, r"calibrated DPP: closest pair ([\d.]+) mm")
    wide = closest()
    move(playground, "DPP weight w (nats)", "ArrowLeft", 12)
    poll(lambda: closest() < 0.7 * wide, "the readout did not change")
    move(playground, "number of points", "ArrowRight", 4)
    twelve = "The kernel matrix of 12 samples"
    poll(lambda: twelve in playground.locator("img").get_attribute("alt"), "the picture did not change")


def test_the_explorer_stands_in_a_notebook(lab):
    explorer = lab.locator(".d3fx")
    explorer.scroll_into_view_if_needed()
    poll(lambda: explorer.locator(".head").count() == 16 and drawn(pixels(explorer.locator(".heads"))), "no heads")
    explorer.get_by_label("Number of heads").fill("5")
    poll(lambda: explorer.locator(".head").count() == 5, "there are not five heads")


def test_explorer_is_a_page_that_takes_a_painted_mask_and_keeps_up_in_little_memory(browser, tmp_path):
    """As on Binder: behind the README's link, and started by binder/start; at 1280 × 800 the heads are on the first screen."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "explorer.ipynb", tmp_path / "notebooks")
    link = re.search(r"urlpath=(voila/[\w/.]+)", (ROOT / "README.md").read_text())[1]
    options = "--allow-root", "--IdentityProvider.token=", f"--ServerApp.root_dir={tmp_path}"
    page = tab(browser, viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    with serving("jupyterlab", tmp_path, *options, through=("bash", ROOT / "binder" / "start")) as (address, server):
        page.goto(f"{address}/{link}")
        explorer = page.locator(".d3f-explorer")
        heads, bar = explorer.locator(".heads"), explorer.locator("tr", has_text="nearest").locator(".bar")
        nearest = lambda: bar.count() and number_in(bar.first, r"([\d.]+) mm")
        wide = poll(nearest, "no heads")
        for part in (
            explorer.locator(".stage"),
            heads,
            explorer.locator(".d3f-brush"),
            explorer.get_by_label("DPP weight").first,
        ):
            box = part.bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 800
        poll(lambda: drawn(pixels(heads)), "no heads are drawn")
        assert page.locator(".jp-CodeMirrorEditor, .highlight").count() == 0  # no code

        picture = pixels(heads)
        weight = explorer.get_by_label("DPP weight").first
        weight.press("Home")
        poll(lambda: nearest() < 0.7 * wide, "the readout did not change")
        poll(lambda: (pixels(heads) != picture).any(-1).mean() > 0.005, "the heads did not move")
        narrow = nearest()
        paint(page, explorer, 0.62)  # over the neck
        poll(lambda: nearest() != narrow, "the stroke did not change the heads")
        assert weight.get_attribute("aria-valuetext") == "0 nats"  # another photo or mask, the same settings

        before = megabytes(server)
        for _ in range(50):
            for key in ("ArrowRight", "ArrowLeft"):
                weight.press(key)
        weight.press("End")
        poll(lambda: nearest() > 1.1 * wide, "100 moves left a queue")
        assert sum(megabytes(server)) - sum(before) < MOST_GROWTH, (before, megabytes(server))

        weight.press("ArrowLeft")
        with page.expect_download() as download:
            explorer.get_by_role("button", name="Export").click()
            page.get_by_text("Download ").click()
        with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
            assert {"fit.ply", "sample_015.ply", "samples.png"} <= set(archive.namelist())
            text = archive.read("settings.toml").decode()
        assert sum(megabytes(server)) < MOST_MEMORY, megabytes(server)
        (tmp_path / "settings.toml").write_text(text)
        assert Settings.load(tmp_path / "settings.toml") == Settings(diversity=DiversitySettings(dpp_weight=176.0))
    page.close()
