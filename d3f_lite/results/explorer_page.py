"""The explorer as one HTML page: heads that follow the sliders, offline, without a kernel.

What stands on the page is no affair of this package. Whoever can show an explorer registers a function for it, which takes
``explorer_data`` and gives HTML, under the entry points ``d3f_lite.explorer``; ``widgets`` does, in ``pyproject.toml``.
"""

from importlib.metadata import entry_points

from d3f_lite.errors import OutputError
from d3f_lite.results.explorer_data import explorer_data


def explorer_page(reconstruction, with_photo: bool = True) -> str:
    """One HTML page to explore a Reconstruction in, offline: its heads, the sliders, and what is measured of them.

    Args:
        with_photo: and with the face's colours; without them the page can be sent to others.

    Raises:
        OutputError: nobody is registered who could make one.
    """
    makers = sorted(entry_points(group="d3f_lite.explorer"))
    if not makers:
        raise OutputError("nobody is registered who makes the explorer's page: install d3f-lite again (pip install -e .)")
    return makers[0].load()(explorer_data(reconstruction, with_photo))
