"""Heads as PLY and GLB files that other programs read: normals, colours, and no hole but the neck's."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from d3f_lite.heads.model import PARTS, HeadModel
from d3f_lite.results.refinement import Refinement


def write_head(
    path: Path | str,
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    colours: Float[np.ndarray, "V 3"] | None = None,
) -> None:
    """Write one head as a binary PLY file, with a normal at each vertex.

    Args:
        path: of the file.
        vertices: mm.
        triangles: counter-clockwise seen from outside.
        colours: RGB in [0, 1]; None = no colours.
    """
    import trimesh

    painted = None if colours is None else np.uint8(np.clip(colours, 0.0, 1.0) * 255.0 + 0.5)
    mesh = trimesh.Trimesh(vertices, triangles, vertex_colors=painted, process=False)
    mesh.export(path, vertex_normal=True)


def write_scene(
    path: Path | str,
    heads: Sequence[Float[np.ndarray, "V 3"]],
    normals: Sequence[Float[np.ndarray, "V 3"]],
    triangles: Int[np.ndarray, "T 3"],
    colours: Float[np.ndarray, "V 3"],
    names: Sequence[str],
    places: Float[np.ndarray, "N 3"],
    note: str,
) -> None:
    """Write heads that share triangles and colours as one glTF 2.0 file (.glb): metres, y up, facing z, one node each.

    Args:
        path: of the file.
        heads: mm.
        triangles: counter-clockwise seen from outside.
        colours: RGB in [0, 1], as on a screen.
        names: of the nodes.
        places: mm, where the nodes stand.
        note: what a reader must know.
    """
    from trimesh import Scene, Trimesh
    from trimesh.exchange.gltf import export_glb
    from trimesh.transformations import translation_matrix
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    screen = np.clip(colours, 0.0, 1.0)
    linear = np.where(screen <= 0.04045, screen / 12.92, ((screen + 0.055) / 1.055) ** 2.4)  # of sRGB, as glTF wants it
    skin = TextureVisuals(material=PBRMaterial(name="skin", metallicFactor=0.0, roughnessFactor=0.8))
    # In bytes, which every reader takes; some read 16 bits modulo 256, and some take floats for black.
    skin.vertex_attributes["color"] = np.uint8(np.column_stack((linear, np.ones(len(linear)))) * 255.0 + 0.5)
    scene = Scene()
    for vertices, directions, name, place in zip(heads, normals, names, places):
        mesh = Trimesh(vertices / 1000.0, triangles, vertex_normals=directions, visual=skin, process=False)
        scene.add_geometry(mesh, geom_name=name, node_name=name, transform=translation_matrix(place / 1000.0))
    add_note = lambda tree: tree["asset"].update(extras={"note": note})
    Path(path).write_bytes(export_glb(scene, include_normals=True, tree_postprocessor=add_note))


def grid_places(
    number: int, vertices: Float[np.ndarray, "V 3"], columns: int = 4, spacing: float = 1.15
) -> Float[np.ndarray, "N 3"]:
    """Where ``number`` heads of about the size of ``vertices`` stand side by side, ``spacing`` widths apart: mm, facing z."""
    width, height = spacing * np.ptp(vertices[:, 0]), spacing * np.ptp(vertices[:, 1])
    column, row = np.arange(number) % columns, np.arange(number) // columns
    return np.stack((column * width, -row * height, np.zeros(number)), -1).astype(np.float32)


def with_closed_eyeballs(head: HeadModel) -> Int[np.ndarray, "C 3"]:
    """The triangles of a HeadModel and, after them, those that close the holes of its eyeballs: (T + C, 3) int32.

    The right eyeball of the shipped head ends behind the lids. Nothing sees that hole, but other programs want closed
    parts. No vertex is added. The model keeps its own triangles: its Laplacian, and so the published loss, goes by them.
    """
    return _closed(head.triangles, head.parts == PARTS.index("eyeballs"))


def closed_refinement(head: HeadModel, mesh: Refinement) -> Int[np.ndarray, "C 3"]:
    """The triangles of a head's refinement and, after them, those that close its eyeballs."""
    eyeballs = mesh((head.parts == PARTS.index("eyeballs")).astype(np.float32)[:, None])[:, 0] > 0.99
    return _closed(mesh.triangles, eyeballs)


def _closed(triangles, eyeballs):
    """Triangles and, after them, those that close the holes between vertices of the ``eyeballs``, (V,) bool."""
    caps = [(loop[0], *pair) for loop in _open_loops(triangles[eyeballs[triangles].all(1)]) for pair in pairwise(loop[1:])]
    return np.concatenate([triangles, np.reshape(caps, (-1, 3)).astype(triangles.dtype)])


def _open_loops(triangles):
    """The holes of a surface: lists of vertices, in the order in which triangles that fill them run."""
    sides = {(a, b) for triangle in triangles.tolist() for a, b in zip(triangle, triangle[1:] + triangle[:1])}
    following = {b: a for a, b in sides if (b, a) not in sides}
    loops = []
    while following:
        loop = [min(following)]
        while (vertex := following.pop(loop[-1], None)) is not None:
            loop.append(vertex)
        if loop[-1] == loop[0]:  # not where two holes share a vertex
            loops.append(loop[:-1])
    return loops
