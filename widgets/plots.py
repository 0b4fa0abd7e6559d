"""k3d views of heads: one plot for any number of heads, values per vertex as a heatmap with its colour bar in mm."""

import numpy as np

from d3f_lite.results.pictures import heatmap_colours

FIELD_OF_VIEW = 14.0  # degrees, from the top to the bottom of a plot


def empty_plot(height: int = 420):
    """A k3d plot for heads: white, without grid or axes, drawn only when ``render()`` is called."""
    import k3d

    plot = k3d.plot(height=height, grid_visible=False, antialias=0, camera_auto_fit=False, camera_fov=FIELD_OF_VIEW,
                    background_color=0xFFFFFF, lighting=2.3, menu_visibility=False, axes_helper=0)  # fmt: skip
    plot.render_on_change = False
    return plot


def head_mesh(vertices, triangles, values=None, *, where=None, never=0.0, highest=None, name="head"):
    """A k3d mesh of one head.

    Args:
        vertices: (V, 3) mm.
        triangles: (T, 3) int.
        values: (V,) mm shown as a heatmap; None = plain.
        where, never: how much of each vertex is coloured, and grey, as in ``heatmap_colours``; by default all is coloured.
        highest: mm that the colour scale reaches at least.
        name: shown in k3d's menu and above the colour bar.

    Returns:
        k3d mesh.
    """
    import k3d

    plain = {"color": 0x8F8982, "flat_shading": False, "roughness": 0.6, "name": name}
    if values is None:
        return k3d.mesh(vertices.astype(np.float32), triangles.astype(np.uint32), **plain)
    top = scale_top(highest if highest is not None else values.max())
    mesh = k3d.mesh(vertices.astype(np.float32), triangles.astype(np.uint32), color_map=k3d.matplotlib_color_maps.Cividis,
                    color_range=[0.0, top], **plain)  # fmt: skip
    recolour(mesh, vertices, values, where, never)
    return mesh


def add_scaled(plot, mesh, what):
    """Add a mesh of ``head_mesh`` to a plot, and its colour bar with ``what`` it measures, in mm: k3d's own have no unit."""
    import k3d

    plot += mesh
    words = {"position": (0.075, 0.985), "reference_point": "lb", "size": 0.8, "label_box": False, "color": 0x444444}
    plot += k3d.text2d(rf"\text{{{what}, mm}}", **words)
    plot.colorbar_object_id = mesh.id


def scale_top(highest: float) -> float:
    """Where a colour scale ends (mm), ``highest`` or more: where k3d's ticks are as round as their labels."""
    round_ones = (0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 25, 30, 35, 40, 50, 60, 80, 100)
    return next((float(top) for top in round_ones if top >= highest), float(highest))


def recolour(mesh, vertices, values, where=None, never=0.0):
    """Give a mesh of ``head_mesh`` other vertices (V, 3) mm and values (V,) mm, coloured as in ``heatmap_colours``."""
    if values.shape != (len(vertices),):
        raise ValueError(f"values must have one number per vertex, ({len(vertices)},), not {values.shape}")
    where = np.ones(len(vertices)) if where is None else where
    red, green, blue = np.rint(255 * heatmap_colours(values, where, mesh.color_range[1], never)).astype(np.uint32).T
    with mesh.hold_sync():  # one message
        mesh.vertices = vertices.astype(np.float32)
        mesh.colors = (red << 16) + (green << 8) + blue


def look_at(plot, vertices, yaw=0.0, aspect=2.0):
    """Turn the plot's camera to face the points (V, 3) from the front, ``yaw`` radians to their left.

    The plot is at least ``aspect`` times as wide as it is high.
    """
    centre = (vertices.max(0) + vertices.min(0)) / 2
    width, height, depth = np.ptp(vertices, axis=0)
    # From afar, so that heads at the edge of a grid are seen from the front too.
    distance = depth / 2 + 0.55 * max(height, width / aspect) / np.tan(np.radians(FIELD_OF_VIEW / 2))
    eye = centre + distance * np.array([np.sin(yaw), 0.0, np.cos(yaw)])
    plot.camera = [*map(float, eye), *map(float, centre), 0.0, 1.0, 0.0]
