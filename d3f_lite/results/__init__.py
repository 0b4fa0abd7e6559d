"""Notebooks 00 and 07: what is made of a Reconstruction, and how heads are drawn.

In: a Reconstruction, or any head. Out: files that are whole or not there: meshes, pictures, a 3D page, a report.
"""

import lazy_loader

_NAMES = {
    "files": ["report", "reproduce_command", "save"],
    "mesh_files": ["grid_places", "write_head", "write_scene"],
    "pictures": ["clay_colours", "draw_head", "face_window", "heatmap_colours", "heatmap_figure", "heatmap_shares",
                 "mark_occluder", "overlay", "portrait_camera"],
    "sheet_of_samples": ["head_painter", "revealed", "sample_tiles", "samples_sheet"],
    "texture": ["texture_of"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)
