"""Static figures with alt text: what a view shows, for screen readers, print, and notebooks without a kernel."""

import base64
import html
import io

from IPython.display import HTML


def picture(figure, alt, dpi=80):
    """Show a matplotlib Figure as an image with alt text.

    JupyterLab drops the alt text of ``image/png`` outputs, so the image stands in HTML; WebP keeps notebooks small.

    Args:
        figure: matplotlib Figure.
        alt: what the figure shows, for those who cannot see it.
        dpi: px per inch of the stored image.

    Returns:
        IPython HTML.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format="webp", dpi=dpi, pil_kwargs={"quality": 85})
    encoded = base64.b64encode(stream.getvalue()).decode()
    return HTML(f'<img alt="{html.escape(alt, quote=True)}" src="data:image/webp;base64,{encoded}">')
