"""k3d views of heads: one plot for any number of heads, values per vertex as a heatmap with its colour bar in mm."""

import numpy as np

GAP = 1.15  # of a head's width, between the heads of a grid
CLAY = 0xBDB7B0
LIGHTING = 1.3


def empty_plot(height=420):
    """A k3d plot for heads: white, without grid or axes, drawn only when ``render()`` is called."""
    import k3d

    plot = k3d.plot(height=height, grid_visible=False, antialias=0, camera_auto_fit=False, background_color=0xFFFFFF,
                    lighting=LIGHTING, menu_visibility=False, axes_helper=0)  # fmt: skip
    plot.render_on_change = False
    return plot


def head_mesh(vertices, triangles, values=None, highest=None, name="head"):
    """A k3d mesh of one head.

    Args:
        vertices: (V, 3) mm.
        triangles: (T, 3) int.
        values: (V,) mm shown as a heatmap; None = plain.
        highest: mm at the top of the colour scale.
        name: shown in k3d's menu and above the colour bar.

    Returns:
        k3d mesh.
    """
    import k3d

    plain = {"color": CLAY, "flat_shading": False, "name": name}
    if values is None:
        return k3d.mesh(vertices.astype(np.float32), triangles.astype(np.uint32), **plain)
    if values.shape != (len(vertices),):
        raise ValueError(f"values must have one number per vertex, ({len(vertices)},), not {values.shape}")
    top = float(highest if highest is not None else values.max()) or 1.0
    return k3d.mesh(vertices.astype(np.float32), triangles.astype(np.uint32), attribute=values.astype(np.float32),
                    color_map=k3d.matplotlib_color_maps.Cividis, color_range=[0.0, top], **plain)  # fmt: skip


def grid_places(number, vertices, columns=4):
    """Where ``number`` heads of about the size of ``vertices`` (V, 3) stand side by side: (N, 3) mm, facing z."""
    width, height = GAP * np.ptp(vertices[:, 0]), GAP * np.ptp(vertices[:, 1])
    column, row = np.arange(number) % columns, np.arange(number) // columns
    return np.stack((column * width, -row * height, np.zeros(number)), -1).astype(np.float32)


def look_at(plot, vertices, yaw=0.0):
    """Turn the plot's camera to face the points (V, 3) from the front, ``yaw`` radians to their left."""
    centre = (vertices.max(0) + vertices.min(0)) / 2
    distance = 1.5 * np.ptp(vertices, axis=0)[:2].max()
    eye = centre + distance * np.array([np.sin(yaw), 0.0, np.cos(yaw)])
    plot.camera = [*map(float, eye), *map(float, centre), 0.0, 1.0, 0.0]


def samples_plot(reconstruction, height=600):
    """A k3d plot of a Reconstruction: its fit with the spread of the occluded part, then its N heads."""
    fit, triangles = reconstruction.fit, reconstruction.head.triangles
    values = np.where(fit.occluded, reconstruction.spread, 0.0)
    places = grid_places(len(reconstruction.samples.vertices) + 1, fit.vertices, columns=6)
    plot = empty_plot(height)
    heat = head_mesh(fit.vertices, triangles, values, name="spread over the occluded part (mm)")
    plot += heat
    for number, (vertices, place) in enumerate(zip(reconstruction.samples.vertices, places[1:])):
        plot += head_mesh(vertices + place, triangles, name=f"head {number}")
    plot.colorbar_object_id = heat.id
    look_at(plot, np.concatenate([fit.vertices + place for place in places]))
    return plot
