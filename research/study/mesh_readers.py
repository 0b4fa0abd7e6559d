"""What other programs make of a result's meshes: ``python -m research.study.mesh_readers RESULT``.

Prints the table of docs/results_files.md, with those of Blender (bpy), trimesh, PyMeshLab, Open3D and PyVista that are
installed. It is no part of CI: they are large.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from d3f_lite.command_line import command_line
from d3f_lite.evaluation.report import table

NUMBER = 1  # of the head that is compared


@dataclass(frozen=True, eq=False)
class Read:
    """One head as a program has read it: positions in the file's unit, unit normals, colours 0 to 255; None = none."""

    vertices: Float[np.ndarray, "V 3"]
    normals: Float[np.ndarray, "V 3"] | None
    colours: Float[np.ndarray, "V 3"] | None


def as_written(path: Path) -> Read:
    """What stands in a file, byte for byte."""
    data = path.read_bytes()
    if path.suffix == ".ply":
        header, body = data.split(b"end_header\n", 1)
        count = int(header.split(b"element vertex ")[1].split()[0])
        rows = np.frombuffer(body, [("floats", "<f4", 6), ("colours", "u1", 3)], count)
        return Read(rows["floats"][:, :3], rows["floats"][:, 3:], rows["colours"].astype(float))
    size = int.from_bytes(data[12:16], "little")
    tree, kinds = json.loads(data[20 : 20 + size]), {"VEC3": ("<f4", 3), "VEC4": ("u1", 4)}

    def array(name):
        accessor = tree["accessors"][tree["meshes"][1 + NUMBER]["primitives"][0]["attributes"][name]]
        kind, width = kinds[accessor["type"]]
        start = 28 + size + tree["bufferViews"][accessor["bufferView"]]["byteOffset"]
        return np.frombuffer(data, kind, width * accessor["count"], start).reshape(-1, width)[:, :3]

    return Read(array("POSITION"), array("NORMAL"), array("COLOR_0").astype(float))


def _trimesh(path):
    import trimesh

    mesh = trimesh.load(path, process=False)
    if path.suffix == ".ply":
        return Read(mesh.vertices, mesh.vertex_normals, mesh.visual.vertex_colors[:, :3])
    mesh = mesh.geometry[f"head {NUMBER}"]
    return Read(mesh.vertices, mesh.vertex_normals, mesh.visual.vertex_attributes["color"][:, :3])


def _pymeshlab(path):
    import pymeshlab

    meshes = pymeshlab.MeshSet()
    meshes.load_new_mesh(str(path))
    mesh = meshes.mesh(0 if path.suffix == ".ply" else 1 + NUMBER)
    return Read(mesh.vertex_matrix(), mesh.vertex_normal_matrix(), 255 * mesh.vertex_color_matrix()[:, :3])


def _open3d(path):
    import open3d

    mesh = open3d.io.read_triangle_mesh(str(path))
    parts = [np.asarray(values) for values in (mesh.vertices, mesh.vertex_normals, mesh.vertex_colors)]
    if path.suffix == ".glb":  # all heads are one mesh
        heads = 1 + len(list(path.parent.glob("sample_*.ply")))
        parts = [np.split(values, heads)[1 + NUMBER] for values in parts]
    return Read(parts[0], parts[1], 255 * parts[2])


def _pyvista(path):
    import pyvista

    if path.suffix == ".ply":
        mesh = pyvista.read(path)
        colours = mesh.point_data["RGB"]
    else:
        mesh = [block for block in pyvista.read(path).recursive_iterator() if block.n_points][1 + NUMBER]
        colours = mesh.point_data["COLOR_0"] * (1 if mesh.point_data["COLOR_0"].dtype == np.uint8 else 255)
    return Read(mesh.points, mesh.point_data.get("Normals", mesh.point_data.get("NORMAL")), colours[:, :3])


def _bpy(path):
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.suffix == ".ply":  # as docs/results_files.md has it
        bpy.ops.wm.ply_import(filepath=str(path), global_scale=0.001, forward_axis="NEGATIVE_Z", up_axis="Y")
    else:
        bpy.ops.import_scene.gltf(filepath=str(path))
    [thing] = [one for one in bpy.data.objects if one.name in (path.stem, f"head {NUMBER}")]
    mesh = thing.data
    values = lambda items, name, width: np.reshape([list(getattr(one, name))[:width] for one in items], (-1, width))
    turned = np.array(thing.matrix_world)[:3, :3]
    y_up = lambda vectors: (vectors @ turned.T)[:, [0, 2, 1]] * (1, 1, -1)
    colours = np.zeros((len(mesh.vertices), 3))
    [painted] = mesh.color_attributes
    own = values(painted.data, "color_srgb" if path.suffix == ".ply" else "color", 3)
    corners = [loop.vertex_index for loop in mesh.loops]
    colours[corners if painted.domain == "CORNER" else np.arange(len(colours))] = own
    normals = y_up(values(mesh.vertex_normals, "vector", 3))
    return Read(y_up(values(mesh.vertices, "co", 3)), normals / np.linalg.norm(normals, axis=1, keepdims=True), 255 * colours)


# Blender first: it does not load after Open3D.
READERS: dict[str, Callable[[Path], Read]] = {
    "bpy": _bpy, "trimesh": _trimesh, "pymeshlab": _pymeshlab, "open3d": _open3d, "pyvista": _pyvista}  # fmt: skip


def compared(read: Read, written: Read) -> list[str]:
    """How a reading differs from what was written: vertices, their order and places, normals, colours."""
    centred = [one.vertices.astype(float) - one.vertices.mean(0, dtype=float) for one in (read, written)]
    places, truth = (points / np.ptp(points) for points in centred)
    order, nearest = "kept", np.arange(len(places))
    if len(places) != len(truth) or np.abs(places - truth).max() > 1e-3:
        order, nearest = "another", cKDTree(truth).query(places)[1]
    found = [f"{len(places):,}", order, f"{np.abs(places - truth[nearest]).max():.2g}"]
    for own, right in ((read.normals, written.normals), (read.colours, written.colours)):
        found.append("none" if own is None or not len(own) else f"{np.abs(own - right[nearest].astype(float)).max():.2g}")
    return found


@command_line("mesh_readers")
def main() -> None:
    """Read, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path, help="folder of a result")
    result, rows = parser.parse_args().result, []
    for path in (result / f"sample_{NUMBER:03d}.ply", result / "heads.glb"):
        written = as_written(path)
        for name, read in READERS.items():
            if find_spec(name):
                rows.append((path.name, f"{name} {version(name)}", *compared(read(path), written)))
    columns = ("file", "read by", "vertices", "order", "places, of the size", "normals, of 1", "colours, of 255")
    print(table(columns, rows))


if __name__ == "__main__":
    sys.exit(main())
