"""The page around a 3D view of heads: title, language, colour bar with its unit, and a grid that fits any screen."""

import html
import json
import re

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

from d3f_lite.results.pictures import DISCLAIMER, HEATMAP
from d3f_lite.results.viewer import FIELD_OF_VIEW, GAP, samples_plot

COMPRESSION = 6  # zlib's level; 9 takes five times as long for a hundredth of the size
STYLE = """
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  body { display: flex; flex-direction: column; height: 100vh; height: 100dvh; background: #fff; color: #222;
         font: 15px/1.35 system-ui, sans-serif; }
  header, footer { padding: 8px 12px; }
  h1 { margin: 0; font-size: 18px; overflow-wrap: anywhere; }
  p { margin: 0; }
  #canvasTarget { position: relative; flex: 1; height: auto; min-height: 0; }
  .scale { max-width: 420px; }
  .colours { height: 14px; border: 1px solid #222; background: linear-gradient(to right, COLOURS); }
  .ticks { display: flex; justify-content: space-between; }
</style>
"""

# As many columns as make the heads largest; the coloured one comes first, at the top left.
ARRANGE = """
const heads = HEADS;
const target = document.getElementById('canvasTarget');
let arranged = 0;
function arrange() {
  const aspect = target.clientWidth / target.clientHeight, number = heads.ids.length;
  if (Math.abs(aspect / arranged - 1) < 0.1) return;  // the view that a person has turned stays
  arranged = aspect;
  let tallest = Infinity, columns = 1;
  for (let tried = 1; tried <= number; tried++) {
    const tall = Math.max(tried * heads.width / aspect, Math.ceil(number / tried) * heads.height);
    if (tall < tallest) { tallest = tall; columns = tried; }
  }
  heads.ids.forEach((id, n) => {
    const head = K3DInstance.getObjectById(id);
    head.position.set(n % columns * heads.width, -Math.floor(n / columns) * heads.height, 0);
    head.updateMatrix();
    head.updateMatrixWorld(true);
  });
  const x = heads.centre[0] + (columns - 1) / 2 * heads.width, z = heads.centre[2];
  const y = heads.centre[1] - (Math.ceil(number / columns) - 1) / 2 * heads.height;
  const away = heads.depth / 2 + tallest / 2 / Math.tan(heads.field / 2);
  K3DInstance.setCamera([x, y, z + away, x, y, z, 0, 1, 0]);
  K3DInstance.render();
}
new ResizeObserver(arrange).observe(target);
arrange();
"""


def viewer_page(reconstruction) -> str:
    """One HTML page that shows a Reconstruction in 3D, offline: the fit coloured by the spread, then the N heads."""
    plot = samples_plot(reconstruction)
    plot.snapshot_type, plot.colorbar_object_id = "full", 0  # the page has a colour bar of its own
    arrange = ARRANGE.replace("HEADS", json.dumps(_arrangement(reconstruction, plot.objects)))
    page = plot.get_snapshot(COMPRESSION, additional_js_code=arrange)
    name, number = html.escape(reconstruction.observation.photo.name), len(reconstruction.samples.vertices)
    title = f"<title>{name}: {number} {'head' if number == 1 else 'heads'} in 3D</title>"
    page = re.sub("<title>.*?</title>", lambda _: title, page, count=1)
    page = page.replace("<html>", '<html lang="en">', 1).replace("</style>", f"</style>{_style()}", 1)
    return page.replace('<div id="canvasTarget"></div>', _body(reconstruction, name, plot.objects[0]), 1)


def _arrangement(reconstruction, meshes):
    """What the script must know to place the heads: mm, and radians from the top to the bottom of the view."""
    vertices = reconstruction.fit.vertices
    width, height, depth = np.ptp(vertices, axis=0).tolist()
    return {
        "ids": [mesh.id for mesh in meshes],
        "centre": ((vertices.max(0) + vertices.min(0)) / 2).tolist(),
        "width": GAP * width, "height": GAP * height, "depth": depth, "field": np.radians(FIELD_OF_VIEW),
    }  # fmt: skip


def _style():
    """What the head of the page needs, with the colours of the bar."""
    colours = ", ".join(to_hex(colour) for colour in matplotlib.colormaps[HEATMAP](np.linspace(0, 1, 11)))
    return STYLE.replace("COLOURS", colours)


def _body(reconstruction, name, heat):
    """What stands above and below the heads; ``name`` is escaped, ``heat`` the coloured mesh."""
    samples, top = reconstruction.samples, heat.color_range[1]
    others = f"{len(samples.vertices)} heads" if len(samples.vertices) > 1 else "the one head"
    likeliest = ", the most likely first" if samples.starts_most_likely and len(samples.vertices) > 1 else ""
    what = f"First the fit, coloured by how far the heads differ, then {others}{likeliest}."
    return f"""<header><h1><bdi>{name}</bdi></h1><p>{what} {DISCLAIMER} Drag to turn, scroll or pinch to zoom.</p></header>
<div id="canvasTarget" role="img" aria-label="{what}"></div>
<footer><div class="scale"><p>{heat.name}</p><div class="colours"></div>
<div class="ticks"><span>0</span><span>{top / 2:g}</span><span>{top:g}</span></div></div></footer>"""
