"""N heads that follow the sliders: the search itself runs in the browser, and no kernel is asked."""

from dataclasses import replace
from pathlib import Path

import anywidget
import traitlets

from d3f_lite.results.explorer_data import explorer_data
from d3f_lite.settings import DiversitySettings, Settings

NAMES = {  # of the settings in ``state``
    "form": "form", "weight": "dpp_weight", "published": "published_weight", "bandwidth": "bandwidth", "mass": "mass",
    "iterations": "iterations",
}  # fmt: skip


class HeadExplorer(anywidget.AnyWidget):
    """A Reconstruction to explore: its heads, one of them large, and what they come to under other settings.

    ``state`` holds what differs from how it opened, and setting it moves the explorer there; the same JavaScript, on a page
    of its own, is ``d3f_lite.results.explorer_page``.
    """

    _esm = Path(__file__).with_suffix(".js")
    data = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, reconstruction, **state):
        self._settings, samples = reconstruction.settings, reconstruction.samples
        self._number, self._seed = len(samples.vertices), samples.seed
        super().__init__(data=explorer_data(reconstruction), state=state)

    @property
    def settings(self) -> Settings:
        """Settings as the sliders stand: with them, ``number`` and ``seed``, ``reconstruct`` makes the same heads."""
        types = DiversitySettings.__annotations__
        chosen = {full: types[full](self.state[name]) for name, full in NAMES.items() if name in self.state}
        return replace(self._settings, diversity=replace(self._settings.diversity, **chosen))

    @property
    def number(self) -> int:
        """N, how many heads are shown."""
        return int(self.state.get("number", self._number))

    @property
    def seed(self) -> int:
        """The seed of what is shown."""
        return int(self.state.get("seed", self._seed))
