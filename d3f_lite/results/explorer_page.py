"""The explorer as one HTML page: heads that follow the sliders, offline, without a kernel."""

import html
import json
from pathlib import Path

from d3f_lite.results.explorer_data import explorer_data

MODULE = Path(__file__).parents[2] / "widgets" / "head_explorer.js"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>html, body {{ margin: 0; }}</style>
</head>
<body>
<main id="explorer"><noscript>This page needs JavaScript.</noscript></main>
<script type="application/json" id="data">{data}</script>
<script type="module">
{module}
openPage(document.getElementById("explorer"), JSON.parse(document.getElementById("data").textContent));
</script>
</body>
</html>
"""


def explorer_page(reconstruction) -> str:
    """One HTML page to explore a Reconstruction in, offline: its heads, the sliders, and what is measured of them."""
    data = json.dumps(explorer_data(reconstruction)).replace("<", "\\u003c")  # no name of a photo ends the script
    name = html.escape(reconstruction.observation.photo.name)
    return PAGE.format(title=f"{name}: heads to explore", data=data, module=MODULE.read_text(encoding="utf-8"))
