"""Many heads in one 3D plot: one WebGL context, however many heads."""

import ipywidgets
import numpy as np

from d3f_lite.results.mesh_files import grid_places
from widgets.plots import empty_plot, head_mesh, look_at


class HeadGrid(ipywidgets.VBox):
    """N plain heads side by side in one k3d plot.

    Args:
        triangles: (T, 3) int.
        columns: heads in a row.
        height: px of the plot.
    """

    def __init__(self, triangles, *, columns=8, height=420):
        self.triangles, self.columns, self.meshes = triangles, columns, []
        self.plot, self.caption = empty_plot(height), ipywidgets.HTML()
        super().__init__([self.caption, self.plot])
        self.add_class("d3f-head-grid")

    def show(self, vertices, caption=""):
        """Draw heads (N, V, 3) mm."""
        placed = vertices + grid_places(len(vertices), vertices[0], min(self.columns, len(vertices)))[:, None]
        if len(self.meshes) != len(placed):
            for mesh in self.meshes:
                self.plot -= mesh
            self.meshes = [head_mesh(head, self.triangles, name=f"head {number}") for number, head in enumerate(placed)]
            for mesh in self.meshes:
                self.plot += mesh
            look_at(self.plot, placed.reshape(-1, 3))
        for mesh, head in zip(self.meshes, placed):
            mesh.vertices = head.astype(np.float32)
        self.plot.render()
        self.caption.value = caption
