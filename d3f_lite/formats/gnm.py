"""GNM Head, Google's open model from scans (Ploumpis et al. 2026, Apache-2.0): its npz becomes a HeadModel."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from d3f_lite.errors import HeadError
from d3f_lite.files.arrays import UNREADABLE, bounded_bytes, read_arrays, reason_of
from d3f_lite.formats.cut import submesh
from d3f_lite.formats.transfer import linear_head
from d3f_lite.heads.model import JAW_POINTS, PARTS, HeadModel

LANDMARKS = "head_sparse_68.txt"  # beside the model


@dataclass(frozen=True, eq=False)
class GnmHead:
    """GNM at rest as its file has it: a template and linear directions. Neck and eye joints are not turned here.

    Args:
        template: mm, GNM's frame (axes are canonical, the origin is not).
        identity: mm per standard deviation.
        expression: mm per standard deviation; the jaw is among them.
        parts: index into PARTS, -1 for what a HeadModel leaves out.
        inner: mm, points 17-67 on the template (the jaw's are in an unusual order, and stand still), or None without their file.
    """

    template: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    identity: Float[np.ndarray, "S V 3"]
    expression: Float[np.ndarray, "E V 3"]
    parts: Int[np.ndarray, "V"]
    inner: Float[np.ndarray, "51 3"] | None = None

    def head_model(self, name: str = "gnm", height: float = 270.0, most: tuple[int, int] = (100, 60)) -> HeadModel:
        """The HeadModel in the canonical frame, without regional bases: skin down to the neck, eyeballs and tongue.

        Args:
            name: what the head is called.
            height: mm below the crown that are kept: head and neck, without the shoulders.
            most: how many of the identity and expression directions are kept: those that move the skin most.

        Raises:
            HeadError: this is not a head.
        """
        crown = self.template[self.parts == PARTS.index("skin"), 1].max()
        kept = np.flatnonzero((self.parts >= 0) & (self.template[:, 1] > crown - height))
        skin = kept[self.parts[kept] == PARTS.index("skin")]
        shape, expression = (
            directions[np.ix_(_strongest(directions, skin, number), kept)]
            for directions, number in zip((self.identity, self.expression), most)
        )
        provenance = {
            "source": "GNM Head, Google (Ploumpis et al. 2026), https://github.com/google/GNM",
            "licence": "Apache-2.0",
        }
        triangles = submesh(self.triangles, kept, len(self.template))
        return linear_head(name, self.template[kept], triangles, shape, expression, provenance, self.parts[kept], self.inner)


def files_of(path: Path | str) -> list[Path]:
    """What ``read_gnm`` looks at: the model, and its landmarks beside it."""
    return [Path(path), Path(path).parent / LANDMARKS]


def read_gnm(path: Path | str) -> GnmHead:
    """Read GNM Head 3 from its npz, and its 68 landmarks if their file is beside it.

    Args:
        path: of ``gnm_head.npz``.

    Raises:
        HeadError: a file is missing, unreadable, too large, or not GNM's.
    """
    path = Path(path)
    table = read_arrays(path, HeadError)
    if table.texts("variant", ()) != "head":
        raise HeadError(f"{path.name} is GNM of another part of the body; the variant 'head' is needed")
    template = table.array("template_vertex_positions", (None, 3), np.float32)
    count = len(template)
    triangles = table.indices("triangles", (None, 3), count)
    if count > 40_000 or len(triangles) > 120_000:  # the real ones are 17,821 and 35,324
        raise HeadError(f"{path.name} has {count} vertices and {len(triangles)} triangles: not GNM's head")
    identity, expression = (
        table.array(name, (None, count, 3), np.float32) for name in ("vertex_identity_basis", "expression_basis")
    )
    for metres in (template, identity, expression):
        metres *= 1000.0
    inner = _inner_points(path.parent / LANDMARKS, template)
    return GnmHead(template, triangles, identity, expression, _parts(table, count), inner)


def _parts(table, count):
    """The part (V,) int8 of each vertex by the file's vertex groups, -1 for teeth, gums and inner eyes."""
    names = table.texts("vertex_group_names", (None,))
    weights = table.array("vertex_groups", (len(names), count), np.float32)
    parts = np.full(count, -1, np.int8)
    for group, part in (("skin", "skin"), ("eye_exteriors", "eyeballs"), ("tongue", "tongue")):
        inside = weights[names == group] > 0.5
        if not inside.any():
            raise HeadError(f"'vertex_groups' in {table.file} has no vertices of the group {group!r}")
        parts[inside.any(0)] = PARTS.index(part)
    return parts


def _inner_points(path, template):
    """Points 17-67 (51, 3) mm from a text of 68 rows, or None when it is not there."""
    if not path.is_file():
        return None
    lines = bounded_bytes(path, HeadError, 2**16).splitlines()  # the real file has 2,293 bytes
    try:
        rows = np.array([[float(number) for number in line.split()] for line in lines if line.strip()])
    except UNREADABLE as error:
        raise HeadError(f"cannot read {path.name}: {reason_of(error)}") from error
    if rows.shape != (68, 6):
        raise HeadError(f"{path.name} is not 68 rows of three vertices, each with its weight")
    vertices, weights = rows[:, ::2], rows[:, 1::2]
    if not ((vertices >= 0) & (vertices < len(template)) & (vertices == np.floor(vertices))).all():
        raise HeadError(f"{path.name} names vertices that the model beside it does not have")
    total = weights.sum(1, keepdims=True)
    if not ((weights >= 0.0).all() and (np.abs(total - 1.0) < 0.01).all()):
        raise HeadError(f"{path.name} has weights that do not add up to 1")
    weights = (weights / total).astype(np.float32)
    return np.einsum("lki,lk->li", template[vertices.astype(np.int32)], weights)[JAW_POINTS:]


def _strongest(directions, skin, most, least=1e-3):
    """Up to ``most`` directions (K, V, 3), in the file's order: those that move the vertices ``skin`` most, over ``least`` mm."""
    motion = np.array([np.linalg.norm(direction[skin]) for direction in directions])
    strongest = np.argsort(-motion, kind="stable")[:most]
    return np.sort(strongest[motion[strongest] > least])
