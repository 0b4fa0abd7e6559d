"""Heads as PLY and GLB files that other programs read: units, normals, and colours in bytes, which every reader takes."""

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from d3f_lite.fitting.rendering import vertex_normals


def write_head(
    path: Path | str,
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    colours: Float[np.ndarray, "V 3"] | None = None,
    note: str = "millimetres, y up",
) -> None:
    """Write one head as a binary PLY file, with a normal at each vertex.

    Args:
        path: of the file.
        vertices: mm.
        triangles: counter-clockwise seen from outside.
        colours: RGB in [0, 1]; None = no colours.
        note: what a reader must know, one line of ASCII.
    """
    floats = np.hstack((vertices, vertex_normals(vertices, triangles))).astype("<f4")
    rows, names = [floats.view(np.uint8)], [f"float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")]
    if colours is not None:
        rows.append(_in_bytes(colours))
        names += [f"uchar {name}" for name in ("red", "green", "blue")]
    corners = np.hstack((np.full((len(triangles), 1), 3, np.uint8), triangles.astype("<i4").view(np.uint8)))
    header = ["ply", "format binary_little_endian 1.0", f"comment {note}", f"element vertex {len(vertices)}",
              *(f"property {name}" for name in names), f"element face {len(triangles)}",
              "property list uchar int vertex_indices", "end_header", ""]  # fmt: skip
    Path(path).write_bytes("\n".join(header).encode("ascii") + np.hstack(rows).tobytes() + corners.tobytes())


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
        normals: of unit length; one that points into the surface, in a fold, is replaced by that of the triangles around it.
        triangles: counter-clockwise seen from outside.
        colours: RGB in [0, 1], as on a screen.
        names: of the nodes.
        places: mm, where the nodes stand.
        note: what a reader must know.
    """
    screen = np.clip(colours, 0.0, 1.0)
    linear = np.where(screen <= 0.04045, screen / 12.92, ((screen + 0.055) / 1.055) ** 2.4)  # of sRGB, as glTF wants it
    # Four bytes each: some readers take 16 bits modulo 256 and floats for black, and glTF wants rows of whole words.
    painted = _in_bytes(np.column_stack((linear, np.ones(len(linear)))))
    arrays: list[tuple[np.ndarray, dict]] = [
        (triangles.astype("<u4").ravel(), {"type": "SCALAR", "componentType": 5125}),
        (painted, {"type": "VEC4", "componentType": 5121, "normalized": True}),
    ]
    for vertices, directions in zip(heads, normals):
        own, metres = vertex_normals(vertices, triangles), (vertices / 1000.0).astype("<f4")
        directions = np.where((own * directions).sum(1, keepdims=True) > 0.0, directions, own)
        box = {"min": metres.min(0).tolist(), "max": metres.max(0).tolist()}
        arrays += [(array, {"type": "VEC3", "componentType": 5126, **limits})
                   for array, limits in ((metres, box), (directions.astype("<f4"), {}))]  # fmt: skip
    starts = np.cumsum([0, *(array.nbytes for array, _ in arrays)]).tolist()
    surface = lambda n: {"attributes": {"POSITION": 2 * n + 2, "NORMAL": 2 * n + 3, "COLOR_0": 1}, "indices": 0, "material": 0}
    described = {
        "asset": {"version": "2.0", "generator": "d3f-lite", "extras": {"note": note}},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(names)))}],
        "nodes": [{"name": name, "mesh": n, "translation": (places[n] / 1000.0).tolist()} for n, name in enumerate(names)],
        "meshes": [{"name": name, "primitives": [surface(n)]} for n, name in enumerate(names)],
        "materials": [{"name": "skin", "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.8}}],
        "accessors": [{"bufferView": n, "count": len(array), **form} for n, (array, form) in enumerate(arrays)],
        "bufferViews": [{"buffer": 0, "byteOffset": start, "byteLength": array.nbytes, "target": 34962 + (array.ndim == 1)}
                        for start, (array, _) in zip(starts, arrays)],
        "buffers": [{"byteLength": starts[-1]}],
    }  # fmt: skip
    text = json.dumps(described, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    with open(path, "wb") as file:
        file.write(struct.pack("<4sIII4s", b"glTF", 2, 28 + len(text) + starts[-1], len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", starts[-1], b"BIN\0"))
        for array, _ in arrays:
            file.write(array.tobytes())


def _in_bytes(colours):
    """Colours in [0, 1] as bytes."""
    return np.uint8(np.clip(colours, 0.0, 1.0) * 255.0 + 0.5)


def grid_places(
    number: int, vertices: Float[np.ndarray, "V 3"], columns: int = 4, spacing: float = 1.15
) -> Float[np.ndarray, "N 3"]:
    """Where ``number`` heads of about the size of ``vertices`` stand side by side, ``spacing`` widths apart: mm, facing z."""
    width, height = spacing * np.ptp(vertices[:, 0]), spacing * np.ptp(vertices[:, 1])
    column, row = np.arange(number) % columns, np.arange(number) // columns
    return np.stack((column * width, -row * height, np.zeros(number)), -1).astype(np.float32)
