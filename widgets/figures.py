"""Pictures with alt text, for screen readers, print, and notebooks without a kernel."""

import base64
import html
import io

from IPython.display import HTML
from matplotlib.figure import Figure
from PIL import Image


def picture(figure, alt=None, dpi=80):
    """Show a figure with alt text in a notebook.

    JupyterLab drops the alt text of ``image/png`` outputs, so the image stands in HTML; WebP keeps notebooks small.

    Args:
        figure: matplotlib Figure, or a PIL image as ``samples_sheet`` and ``heatmap_figure`` draw it.
        alt: what the figure shows, for those who cannot see it; by default what the figure itself says.
        dpi: px per inch of the stored image; a PIL image has 120.

    Returns:
        IPython HTML.
    """
    own = figure.info.get("alt", "") if isinstance(figure, Image.Image) else figure.get_label()
    return HTML(figure_tag(figure, alt or own, dpi))


def sheet(pictures, alt, columns=None, size=2.4, title="", dpi=80):
    """Show pictures side by side in a notebook, each below its title.

    Args:
        pictures: title to picture: (H, W, 3) uint8, or (H, W) of numbers or of True and False.
        alt: what they show, for those who cannot see them.
        columns: how many stand in a row; by default all of them.
        size: inches of a picture's side.
        title: text above all of them.
        dpi: px per inch of the stored image.

    Returns:
        IPython HTML.
    """
    columns = columns or len(pictures)
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(size * columns, (size + 0.25) * rows + 0.3 * bool(title)), layout="constrained")
    for place, (name, pixels) in enumerate(pictures.items(), start=1):
        axis = figure.add_subplot(rows, columns, place)
        axis.imshow(pixels, cmap="gray")
        axis.set_title(name, fontsize=9)
        axis.set_axis_off()
    figure.suptitle(title, fontsize=9)
    return picture(figure, alt, dpi)


def figure_tag(figure, alt, dpi=80):
    """The HTML image of a matplotlib Figure or a PIL image."""
    stream = io.BytesIO()
    if isinstance(figure, Image.Image):
        figure.resize([round(side * dpi / 120) for side in figure.size]).save(stream, "webp", quality=85)
    else:
        figure.savefig(stream, format="webp", dpi=dpi, pil_kwargs={"quality": 85})
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img alt="{html.escape(alt, quote=True)}" style="max-width: 100%" src="data:image/webp;base64,{data}">'


def encoded(pixels):
    """Pixels (H, W, 3) uint8 as WebP bytes."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "webp", quality=85)
    return stream.getvalue()
