"""What a head is made of: sliders for identity, expression and the regions."""

import ipywidgets
import numpy as np

from d3f_lite.heads.model import REGIONS
from d3f_lite.results.viewer import empty_plot, head_mesh, look_at, recolour
from widgets.sliders import real

SHOWN = 6  # leading coefficients of each basis
FARTHEST = 3.0  # standard deviations
STILL = 0.1  # mm; what moves less stays grey


class HeadModelExplorer(ipywidgets.VBox):
    """Move the leading coefficients of a HeadModel; colours show how far each vertex leaves the mean head, in mm.

    ``coefficients`` (K,) are what is drawn; beyond the leading ones they come from "Random head".
    """

    def __init__(self, head, height=420):
        self.head, self._quiet = head, False
        self.coefficients = np.zeros(len(head.basis), np.float32)
        self.region = ipywidgets.Dropdown(options=REGIONS, value="nose", description="region r")
        self.random = ipywidgets.Button(description="Random head")
        self.reset = ipywidgets.Button(description="Mean head")
        self.seed = ipywidgets.BoundedIntText(0, min=0, max=2**31 - 1, description="seed", layout={"width": "160px"})
        self.readout = ipywidgets.HTML()
        self.plot = empty_plot(height)
        self.mesh = head_mesh(head.mean, head.triangles, np.zeros(len(head.mean)), highest=10.0, name="change (mm)")
        self.plot += self.mesh
        self.plot.colorbar_object_id = self.mesh.id
        look_at(self.plot, head.mean, yaw=0.35)
        self._make_sliders()
        legend = ipywidgets.HTML("Colours: distance of each vertex from the mean head, in mm.")
        buttons = ipywidgets.HBox([self.random, self.seed, self.reset])
        super().__init__([legend, self.plot, buttons, self.readout, self.tabs])

    def _make_sliders(self):
        counts = [len(basis) for basis in (self.head.bases.shape, self.head.bases.expression)]
        names = (("shape β", 0, counts[0]), ("expression ψ", counts[0], counts[1]))
        self.sliders = {}
        for symbol, start, count in names:
            self.sliders |= {start + i: self._slider(f"{symbol}{i + 1} (σ)") for i in range(min(SHOWN, count))}
        leading = min(SHOWN, counts[0])
        self.regional = [self._slider("") for _ in range(SHOWN)]
        pages = list(self.sliders.values())
        regional = ipywidgets.VBox([self.region, *self.regional])
        self.tabs = ipywidgets.Tab([ipywidgets.VBox(pages[:leading]), ipywidgets.VBox(pages[leading:]), regional],
                                   titles=("shape", "expression", "regions"))  # fmt: skip
        self.region.observe(lambda _: self._choose_region(), "value")
        self.random.on_click(lambda _: self._set(self._draw_coefficients()))
        self.reset.on_click(lambda _: self._set(np.zeros(len(self.coefficients))))
        self._choose_region()

    def _draw_coefficients(self):
        """Coefficients (K,) of a head drawn from the prior."""
        return np.random.default_rng(self.seed.value).standard_normal(len(self.coefficients))

    def _slider(self, label):
        slider = real(label, 0.0, -FARTHEST, FARTHEST, 0.1, continuous_update=True)
        slider.observe(lambda _: self._take(), "value")
        return slider

    def _choose_region(self):
        """Let the regional sliders stand for the chosen region's leading coefficients."""
        first = len(self.head.bases.shape) + len(self.head.bases.expression)
        rows = [first + row for row, name in enumerate(self.head.bases.regional_names) if name == self.region.value]
        self._rows = rows[:SHOWN]
        for number, slider in enumerate(self.regional):
            slider.layout.display = None if number < len(self._rows) else "none"
            slider.description = f"{self.region.value} β{number + 1} (σ)"
        self._set(self.coefficients)

    def _places(self):
        """Slider by the coefficient that it stands for."""
        return self.sliders | dict(zip(self._rows, self.regional))

    def _set(self, coefficients):
        """Show coefficients (K,) on the sliders and on the head."""
        self.coefficients, self._quiet = np.array(coefficients, np.float32), True
        for place, slider in self._places().items():
            slider.value = float(np.clip(coefficients[place], -FARTHEST, FARTHEST))
        self._quiet = False
        self._draw()

    def _take(self):
        """Read the sliders."""
        if not self._quiet:
            for place, slider in self._places().items():
                self.coefficients[place] = slider.value
            self._draw()

    def _draw(self):
        vertices = self.head.vertices(self.coefficients)
        change = np.linalg.norm(vertices - self.head.mean, axis=1)
        recolour(self.mesh, vertices, change, change > STILL)
        self.plot.render()
        self.readout.value = (
            f"{len(vertices)} vertices; change from the mean head: {np.sqrt((change**2).mean()):.2f} mm RMS, "
            f"{change.max():.2f} mm at most; |c| = {np.linalg.norm(self.coefficients):.1f} σ"
        )
