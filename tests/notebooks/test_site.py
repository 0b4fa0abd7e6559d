"""The course as web pages: whole, without solutions, every link leading somewhere, offline, and readable by everyone."""

import functools
import html
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from browser import MISSING, REASON, ROOT, chromium, poll

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
LOOKED_AT = ("docs/index", "docs/explore", "docs/api", "docs/generated/d3f_lite.fitting.fit", "notebooks/03_fitting", "README")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages, built as ``make site`` builds them: a warning is an error."""
    folder = tmp_path_factory.mktemp("pages") / "site"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", ".", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def address(site):
    """Where a server of their own shows the pages."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium, once for all pages."""
    with chromium() as found:
        yield found


def pages_of(site):
    """The pages, but the theme's own: a path to a text."""
    return {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")
            if not {"_static", "_modules"} & set(path.parts)}  # fmt: skip


def test_every_notebook_has_its_page_and_every_link_leads_somewhere(site):
    pages = pages_of(site)
    names = {path.relative_to(site).with_suffix("").as_posix() for path in pages}
    assert {f"notebooks/{path.stem}" for path in NOTEBOOKS} | {"index", "explorer", *LOOKED_AT} <= names
    for path, page in pages.items():
        for target in re.findall(r'<[^>]* (?:href|src)="([^"]+)"', page):
            target, fragment = urldefrag(urljoin(path.as_uri(), html.unescape(target)))
            if target.startswith("file:"):
                there = path.__class__(unquote(target.removeprefix("file://").split("?")[0]))
                assert there.exists(), f"{path.name} links to {there}"
                if fragment and there in pages:
                    assert f'id="{unquote(fragment)}"' in pages[there], f"{path.name} links to {there.name}#{fragment}"


def test_every_rocket_opens_a_student_s_copy(site):
    """On the branch that the workflow writes, where notebooks/ holds what handouts.py made."""
    here = os.environ.get("GITHUB_REPOSITORY", "OWNER/d3f-lite")
    assert "git switch -C students\n" in (ROOT / ".github" / "workflows" / "site.yml").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        page = html.unescape((site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8"))
        there = f"notebooks/{path.name}"
        assert f'"https://mybinder.org/v2/gh/{here}/students?urlpath=lab/tree/{there}"' in page
        assert f'"https://colab.research.google.com/github/{here}/blob/students/{there}"' in page
        assert (site / "handouts" / path.name).exists()
        assert not re.search(r'"[^"]*(mybinder|colab)[^"]*/(main|master|HEAD)[?/][^"]*"', page)


def test_every_page_names_both_licences(site):
    for path in NOTEBOOKS:
        page = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert "CC BY 4.0" in page and "Apache-2.0" in page, path.stem


def test_nothing_of_the_site_holds_a_solution(site):
    solutions = [body.strip() for path in NOTEBOOKS for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
                 for body in SOLUTION.findall("".join(cell["source"]))]  # fmt: skip
    pages = {
        path: html.unescape(re.sub(r"<[^>]+>", "", page)) for path, page in pages_of(site).items() if "notebooks" in path.parts
    }
    assert len(solutions) > 30 and len(pages) == len(NOTEBOOKS) and not list(site.glob("_sources/**/*.*"))
    for path, text in pages.items():
        found = [body for body in solutions if body in text]
        assert "NotImplementedError" in text and not found, f"{path.name} tells {found}"
    assert not any("solutions" in path.name for path in site.rglob("*"))
    for path in site.glob("handouts/*.ipynb"):  # what else they are: test_exercises.py
        assert "SOLUTION" not in path.read_text(encoding="utf-8")


@pytest.mark.skipif(MISSING, reason=REASON)
@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_page_is_accessible_and_asks_nothing_of_other_places(address, browser, name):
    from axe_playwright_python.sync_playwright import Axe

    for scheme in ("light", "dark"):
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}{name}.html", wait_until="load")
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        page.wait_for_function("document.getAnimations().every(one => one.playState === 'finished')")  # colours fade in
        found = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
        assert not found, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]
        assert asked and all(url.startswith((address, "data:", "blob:")) for url in asked)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.close()


@pytest.mark.skipif(MISSING, reason=REASON)
def test_a_reader_finds_a_notebook_with_figures_formulas_and_the_explorer(address, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(address)
    page.wait_for_url("**/docs/index.html")
    page.locator(".bd-sidenav a", has_text="Quickstart").click()
    assert "sixteen heads" in page.locator("h1").first.text_content()
    widths = page.locator(".cell_output img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert len(widths) >= 2 and min(widths) > 300
    explorer = page.frame_locator("iframe[title^='The explorer']")
    page.locator("iframe").scroll_into_view_if_needed()
    poll(lambda: explorer.locator("canvas").count(), "the explorer does not stand in the quickstart's page")
    page.goto(f"{address}notebooks/03_fitting.html")
    poll(lambda: page.locator(".MathJax").count() > 20, "the formulas are not drawn")
    page.goto(f"{address}search.html?q=determinantal")
    poll(lambda: page.locator("ul.search li", has_text="determinantal point processes").count(), "the search finds nothing")
