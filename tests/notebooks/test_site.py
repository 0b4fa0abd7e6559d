"""The course as static pages: whole, without solutions, every link leading somewhere, and readable in a real browser."""

import html
import re
import subprocess
import sys

import pytest
from browser import MISSING, REASON, ROOT, chromium

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages, built as ``make site`` builds them."""
    folder = tmp_path_factory.mktemp("pages") / "site"
    subprocess.run([sys.executable, ROOT / "notebooks" / "site.py", folder], check=True)
    return folder


def test_every_notebook_has_its_page_and_every_link_leads_somewhere(site):
    pages = {path.stem: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    assert {path.stem for path in NOTEBOOKS} | {"index", "README", "MODEL_CARD"} <= set(pages)
    for name, page in pages.items():
        for target in re.findall(r'(?:href|src)="([^"#]+)[^"]*"', page):
            target = html.unescape(target)
            assert target.startswith(("http", "data:")) or (site / target).exists(), f"{name} links to {target}"


def test_the_pages_show_no_solution(site):
    text = {path.stem: re.sub(r"<[^>]+>", "", path.read_text(encoding="utf-8")) for path in site.glob("0*.html")}
    assert not any("BEGIN SOLUTION" in page for page in text.values())
    assert text["01_head_model"].count("raise NotImplementedError") >= 2


@pytest.mark.skipif(MISSING, reason=REASON)
def test_a_reader_goes_from_the_contents_to_a_notebook_and_sees_its_figures(site):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        page.route(re.compile("^https?:"), lambda route: route.abort())  # nothing that is read lies elsewhere
        page.goto(f"file://{site}/index.html")
        assert page.locator("td a").count() == len(NOTEBOOKS)
        page.screenshot(path=site.parent / "contents.png")
        page.locator("td a").first.click()
        assert page.title() == "00_quickstart" and "sixteen heads" in page.locator("h1").text_content()
        widths = page.locator(".jp-OutputArea img").evaluate_all("all => all.map(one => one.naturalWidth)")
        assert len(widths) >= 2 and min(widths) > 300
        page.screenshot(path=site.parent / "quickstart.png", full_page=True)
        page.get_by_text("next →").click()
        assert page.title() == "01_head_model"
