"""Heads as PLY files that other programs read: normals, colours, and no hole but the neck's."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from d3f_lite.heads.model import PARTS, HeadModel


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


def with_closed_eyeballs(head: HeadModel) -> Int[np.ndarray, "C 3"]:
    """The triangles of a HeadModel and, after them, those that close the holes of its eyeballs: (T + C, 3) int32.

    The right eyeball of the shipped head ends behind the lids. Nothing sees that hole, but other programs want closed
    parts. No vertex is added. The model keeps its own triangles: its Laplacian, and so the published loss, goes by them.
    """
    eyeballs = head.triangles[(head.parts[head.triangles] == PARTS.index("eyeballs")).all(1)]
    caps = [(loop[0], *pair) for loop in _open_loops(eyeballs) for pair in pairwise(loop[1:])]
    return np.concatenate([head.triangles, np.reshape(caps, (-1, 3)).astype(head.triangles.dtype)])


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
