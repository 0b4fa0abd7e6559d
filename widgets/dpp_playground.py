"""DPPs to play with: points in the plane first, then heads by the same calls."""

import ipywidgets

from d3f_lite.diversity.search import ball_radius
from d3f_lite.metrics import spread
from d3f_lite.settings import DiversitySettings
from widgets.background import BackgroundTask
from widgets.diversity_controls import DiversityControls, method_name
from widgets.dpp_scene import DppScene, kernel_figure, measures_table
from widgets.figures import figure_tag
from widgets.head_grid import HeadGrid


class DppPlayground(ipywidgets.VBox):
    """Independent draws beside a diversified set, with the kernel matrix and its eigenvalues.

    Args:
        scene: DppScene; by default one hidden point in the plane. Of a scene of heads the heads are drawn, too.
        number: N at the start.
    """

    def __init__(self, scene=None, number=8):
        self.scene = scene or DppScene.plane()
        self.samples = None
        dimensions = min(DiversitySettings.dimensions, self.scene.decoder.latent_size)
        self.controls = DiversityControls(DiversitySettings(dimensions=dimensions), number)
        self.task, self.picture, self.readout = BackgroundTask(), ipywidgets.HTML(), ipywidgets.HTML()
        self.grid = HeadGrid(self.scene.partial.triangles, where=self.scene.partial.free, highest=5.0) if scene else None
        self.controls.on_change(self._generate)
        self._show(self._compute()(lambda stage, fraction: None))
        grid = [self.grid] if self.grid else []
        super().__init__([*grid, self.picture, self.readout, self.controls, self.task])
        self.add_class("d3f-dpp-playground")

    def _generate(self):
        self.task.start(self._compute(), self._show)

    def _compute(self):
        """The work for the sliders as they stand now."""
        settings, scene = self.controls.settings, self.scene
        number, seed = self.controls.number.value, self.controls.seed.value

        def work(progress):
            sets = (
                scene.generate(settings, number, seed, progress),
                scene.generate(DiversitySettings(form="iid"), number, seed, progress),
            )
            return settings, *((samples, scene.kernel(samples, settings)) for samples in sets)

        return work

    def _show(self, result):
        settings, (self.samples, dpp_kernel), (others, others_kernel) = result
        method, scene = method_name(settings), self.scene
        measures = {"i.i.d.": scene.measures(others, others_kernel), method: scene.measures(self.samples, dpp_kernel)}
        self.readout.value = measures_table(measures) + scene.ruler(settings)
        plane = {}
        if self.grid is None:
            reach = scene.modes(settings).reach.numpy()[::-1]
            points, drawn = (found.vertices[:, scene.partial.free][:, 0, :2] for found in (self.samples, others))
            plane = {"points": points, "others": drawn, "ellipse": reach * ball_radius(settings.mass, len(reach))}
        alt = f"The kernel matrix of {len(dpp_kernel)} samples and its eigenvalues; {method}."
        self.picture.value = figure_tag(kernel_figure(dpp_kernel.numpy(), others_kernel.numpy(), **plane), alt)
        if self.grid is not None:
            self._show_heads(others)

    def _show_heads(self, others):
        """The heads' spread: i.i.d. beside the chosen method on one scale."""
        spreads = [spread(found.vertices) for found in (others, self.samples)]
        self.grid.rescale(max(values[self.scene.partial.free].max() for values in spreads))
        self.grid.show(self.scene.partial.vertices[None].repeat(2, 0), spreads,
                       "spread over the free part in mm: i.i.d. (left), chosen method (right)")  # fmt: skip
