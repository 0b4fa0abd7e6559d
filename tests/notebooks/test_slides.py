"""Slides of each notebook: one picture-sized idea a slide, without solutions, shown without a network."""

import subprocess
import sys

import pytest
from browser import MISSING, REASON, ROOT, chromium

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """The slides, made as ``make slides`` makes them."""
    folder = tmp_path_factory.mktemp("talk") / "slides"
    subprocess.run([sys.executable, ROOT / "notebooks" / "slides.py", folder], check=True, capture_output=True)
    return folder


def test_every_notebook_has_its_slides_and_a_person_s_folder_stays(slides, tmp_path):
    assert sorted(path.stem for path in slides.glob("*.html")) == NOTEBOOKS
    assert not any("BEGIN SOLUTION" in path.read_text(encoding="utf-8") for path in slides.glob("*.html"))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "reveal.js").mkdir()  # a talk of somebody else's
    told = subprocess.run([sys.executable, ROOT / "notebooks" / "slides.py", tmp_path], capture_output=True, text=True)
    assert told.returncode == 2 and {path.name for path in tmp_path.iterdir()} == {"notes.txt", "reveal.js"}


@pytest.mark.skipif(MISSING, reason=REASON)
def test_slides_fit_the_screen_and_need_no_network(slides):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        asked, wrong = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        for name in NOTEBOOKS:
            page.goto(f"file://{slides}/{name}.html")
            page.wait_for_function("window.Reveal?.isReady()")
            assert page.evaluate("Reveal.getTotalSlides()") >= 8, name
            heights = page.evaluate("[...document.querySelectorAll('.slides section section')].map(one => one.scrollHeight)")
            assert max(heights) <= 720, f"{name}: {max(heights)} px"
        assert not wrong and all(url.startswith(("file:", "data:")) for url in asked)
