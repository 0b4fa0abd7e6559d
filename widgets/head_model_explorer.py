"""What a head is made of: sliders for identity, expression and the regions."""

import ipywidgets
import numpy as np

from d3f_lite.heads.model import REGIONS
from widgets.plots import add_scaled, empty_plot, head_mesh, look_at, recolour
from widgets.sliders import WIDE

SHOWN = 6  # leading coefficients of each basis
FARTHEST = 3.0  # standard deviations


class HeadModelExplorer(ipywidgets.VBox):
    """Move the leading coefficients of a HeadModel; colours show how far each vertex leaves the mean head, in mm.

    ``coefficients`` (K,) are what is drawn; beyond the leading ones they come from "Random head".
    """

    def __init__(self, head, height=420):
        self.head, self._quiet, self.coefficients = head, False, np.zeros(len(head.basis), np.float32)
        shapes, expressions = len(head.bases.shape), len(head.bases.expression)
        self.sliders = {row: self._slider(f"shape β{row + 1} (σ)") for row in range(min(SHOWN, shapes))}
        self.sliders |= {shapes + row: self._slider(f"expression ψ{row + 1} (σ)") for row in range(min(SHOWN, expressions))}
        self.regional = [self._slider("") for _ in range(SHOWN)]
        self.region = ipywidgets.Dropdown(options=REGIONS, value="nose", description="region r")
        self.random = ipywidgets.Button(description="Random head")
        self.reset = ipywidgets.Button(description="Mean head")
        self.seed = ipywidgets.BoundedIntText(0, min=0, max=2**31 - 1, description="seed", layout={"width": "160px"})
        self.readout, self.plot = ipywidgets.HTML(), empty_plot(height)
        self.mesh = head_mesh(head.mean, head.triangles, np.zeros(len(head.mean)), highest=10.0, name="change (mm)")
        add_scaled(self.plot, self.mesh, "change")
        look_at(self.plot, head.mean, yaw=0.35)
        self._choose_region()
        self.region.observe(lambda _: self._choose_region(), "value")
        self.random.on_click(lambda _: self._set(np.random.default_rng(self.seed.value).standard_normal(len(head.basis))))
        self.reset.on_click(lambda _: self._set(np.zeros(len(head.basis))))
        leading, first = list(self.sliders.values()), min(SHOWN, shapes)
        pages = leading[:first], leading[first:], [self.region, *self.regional]
        tabs = ipywidgets.Tab([ipywidgets.VBox(page) for page in pages], titles=("shape", "expression", "regions"))
        legend = ipywidgets.HTML("Colours: distance of each vertex from the mean head, in mm.")
        buttons = ipywidgets.HBox([self.random, self.seed, self.reset])
        super().__init__([legend, self.plot, buttons, self.readout, tabs])

    def _slider(self, label):
        look = WIDE | {"continuous_update": True, "description": label}
        slider = ipywidgets.FloatSlider(0.0, min=-FARTHEST, max=FARTHEST, step=0.1, **look)
        slider.observe(lambda _: self._take(), "value")
        return slider

    def _choose_region(self):
        """Let the regional sliders stand for the chosen region's leading coefficients."""
        first = len(self.head.bases.shape) + len(self.head.bases.expression)
        names = enumerate(self.head.bases.regional_names)
        rows = [first + row for row, name in names if name == self.region.value][:SHOWN]
        self._places = self.sliders | dict(zip(rows, self.regional))
        for number, slider in enumerate(self.regional):
            slider.layout.display = None if number < len(rows) else "none"
            slider.description = f"{self.region.value} β{number + 1} (σ)"
        self._set(self.coefficients)

    def _set(self, coefficients):
        """Show coefficients (K,) on the sliders and on the head."""
        self.coefficients, self._quiet = np.array(coefficients, np.float32), True
        for row, slider in self._places.items():
            slider.value = float(np.clip(coefficients[row], -FARTHEST, FARTHEST))
        self._quiet = False
        self._draw()

    def _take(self):
        """Read the sliders."""
        if not self._quiet:
            for row, slider in self._places.items():
                self.coefficients[row] = slider.value
            self._draw()

    def _draw(self):
        vertices = self.head.vertices(self.coefficients)
        change = np.linalg.norm(vertices - self.head.mean, axis=1)
        recolour(self.mesh, vertices, change, change > 0.1)  # what moves less than 0.1 mm stays grey
        self.plot.render()
        self.readout.value = (
            f"{len(vertices)} vertices; change from the mean head: {np.sqrt((change**2).mean()):.2f} mm RMS, "
            f"{change.max():.2f} mm at most; |c| = {np.linalg.norm(self.coefficients):.1f} σ"
        )
