"""The sliders of the diversification, and the settings that they stand for."""

from dataclasses import replace

import ipywidgets

from d3f_lite.settings import DiversitySettings
from widgets.sliders import WIDE, real, steps, whole

FORMS = {"calibrated DPP": "calibrated", "published DPP loss": "published", "independent (i.i.d.)": "iid"}
WEIGHTS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)  # nats
PUBLISHED_WEIGHTS = (0, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8)  # mm
ITERATIONS = (10, 20, 40, 60, 100, 200, 300)
MOST_HEADS = 32


class DiversityControls(ipywidgets.VBox):
    """Sliders for DiversitySettings, the number of heads N, and the seed."""

    def __init__(self, settings=DiversitySettings(), number=16, seed=0):
        self._base, self._listeners = settings, []
        self.form = ipywidgets.Dropdown(options=list(FORMS), value=method_name(settings), description="method",
                                        style=WIDE["style"], layout=WIDE["layout"])  # fmt: skip
        self.weight = steps("DPP weight w (nats)", WEIGHTS, settings.dpp_weight)
        self.published = steps("DPP weight w_dpp (mm)", PUBLISHED_WEIGHTS, settings.published_weight)
        self.number = whole("number of heads N", number, 2, MOST_HEADS)
        self.dimensions = whole("directions searched d", settings.dimensions, 1, 32)
        self.bandwidth = real("bandwidth h (deviations)", settings.bandwidth, 0.25, 3.0, 0.05)
        self.mass = real("quality radius R (probability)", settings.mass, 0.1, 0.99, 0.01)
        self.iterations = steps("iterations T (steps)", ITERATIONS, settings.iterations)
        self.seed = whole("seed s", seed, 0, 99)
        controls = [self.form, self.weight, self.published, self.number, self.dimensions, self.bandwidth, self.mass,
                    self.iterations, self.seed]  # fmt: skip
        for control in controls:
            control.observe(lambda _: self._changed(), "value")
        self._show_used()
        super().__init__(controls)

    @property
    def settings(self):
        """DiversitySettings as the sliders stand."""
        return replace(
            self._base, form=FORMS[self.form.value], dpp_weight=float(self.weight.value),
            published_weight=float(self.published.value), bandwidth=self.bandwidth.value,
            dimensions=self.dimensions.value, mass=self.mass.value, iterations=self.iterations.value,
        )  # fmt: skip

    @property
    def words(self):
        """What the sliders ask for, in words."""
        weights = {
            "calibrated": f", w = {self.weight.value:g} nats",
            "published": f", w_dpp = {self.published.value:g} mm",
        }
        return f"{self.number.value} heads, {self.form.value}{weights.get(FORMS[self.form.value], '')}, seed {self.seed.value}"

    def on_change(self, listener):
        """Call ``listener()`` when another set of heads is asked for."""
        self._listeners.append(listener)

    def _changed(self):
        self._show_used()
        for listener in self._listeners:
            listener()

    def _show_used(self):
        """Hide the sliders that the method does not use."""
        form = FORMS[self.form.value]
        for control, forms in ((self.weight, ("calibrated",)), (self.published, ("published",)),
                               (self.mass, ("calibrated",)), (self.dimensions, ("calibrated",)),
                               (self.iterations, ("calibrated", "published"))):  # fmt: skip
            control.layout.display = None if form in forms else "none"


def method_name(settings):
    """What the drop-down calls the form of DiversitySettings."""
    return next(name for name, form in FORMS.items() if form == settings.form)
