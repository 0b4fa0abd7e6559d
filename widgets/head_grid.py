"""Many heads in one 3D plot: one WebGL context, however many heads."""

import ipywidgets
import numpy as np

from d3f_lite.results.viewer import empty_plot, grid_places, head_mesh, look_at, recolour, scale_top


class HeadGrid(ipywidgets.VBox):
    """N heads side by side in one k3d plot, plain or each with its heatmap on one colour scale in mm.

    Args:
        triangles: (T, 3) int.
        where: (V,) bool, the part that heatmaps colour; by default all of it.
        highest: mm that the colour scale reaches at least; None = plain heads.
        columns: heads in a row.
        height: px of the plot.
    """

    def __init__(self, triangles, *, where=None, highest=None, columns=8, height=420):
        self.triangles, self.where, self.highest, self.columns = triangles, where, highest, columns
        self.plot, self.meshes = empty_plot(height), []
        self.caption = ipywidgets.HTML()
        super().__init__([self.caption, self.plot])
        self.add_class("d3f-head-grid")

    def show(self, vertices, values=None, caption=""):
        """Draw heads (N, V, 3) mm; ``values`` (N, V) mm are their heatmaps."""
        columns = min(self.columns, len(vertices))
        placed = vertices + grid_places(len(vertices), vertices[0], columns)[:, None]
        regrouped = len(self.meshes) != len(vertices)
        if regrouped:
            self._remake(placed, values)
        for mesh, head, value in zip(self.meshes, placed, [None] * len(placed) if values is None else values):
            if value is None:
                mesh.vertices = head.astype(np.float32)
            else:
                recolour(mesh, head, value, self.where)
        if regrouped:
            look_at(self.plot, placed.reshape(-1, 3))
        self.plot.render()
        self.caption.value = caption

    def rescale(self, highest):
        """Let the colour scale reach ``highest`` mm."""
        self.highest = highest
        for mesh in self.meshes:
            mesh.color_range = [0.0, scale_top(highest)]

    def _remake(self, placed, values):
        """Replace the meshes by as many as there are heads."""
        for mesh in self.meshes:
            self.plot -= mesh
        self.meshes = []
        for number, head in enumerate(placed):
            value = None if values is None else values[number]
            mesh = head_mesh(head, self.triangles, value, where=self.where, highest=self.highest, name=f"head {number}")
            self.plot += mesh
            self.meshes.append(mesh)
        if values is not None:
            self.plot.colorbar_object_id = self.meshes[0].id
