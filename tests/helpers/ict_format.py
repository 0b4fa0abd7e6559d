"""Files in ICT-FaceKit's format, made from the shipped head: OBJ meshes in cm and the list of expressions."""

import json

import numpy as np

from d3f_lite.formats.load_head import load_head

IDENTITIES, EXPRESSIONS = 12, ("jawOpen", "mouthSmile_L", "mouthSmile_R", "browInnerUp_L")
OFFSET = np.array((0.0, -1.0, 2.0))  # cm: ICT-FaceKit's origin is not between the ears


def write_ict(folder, head=None):
    """Write ``folder``/FaceXModel and return ``folder``."""
    head, target = head or load_head(), folder / "FaceXModel"
    target.mkdir(parents=True)
    faces = "".join("f {}/1 {}/2 {}/3\n".format(*triangle) for triangle in head.triangles + 1)
    _write_obj(target / "generic_neutral_mesh.obj", head.mean, faces)
    for number, direction in enumerate(head.bases.shape[:IDENTITIES]):
        _write_obj(target / f"identity{number:03d}.obj", head.mean + direction, faces)
    for name, direction in zip(EXPRESSIONS, head.bases.expression):
        _write_obj(target / f"{name}.obj", head.mean + 4.0 * direction, faces)
    (target / "vertex_indices.json").write_text(json.dumps({"expressions": EXPRESSIONS}))
    return folder


def _write_obj(path, vertices, faces):
    """One mesh of mm ``vertices`` (V, 3), in cm."""
    lines = "".join("v {:.6f} {:.6f} {:.6f}\n".format(*vertex) for vertex in vertices / 10.0 + OFFSET)
    path.write_text(f"# ICT FaceKit\nmtllib none.mtl\n{lines}{faces}")
