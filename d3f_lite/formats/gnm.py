"""GNM Head, Google's open model from scans (Ploumpis et al. 2026, Apache-2.0): its npz becomes a HeadModel."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from d3f_lite.errors import HeadError
from d3f_lite.files.arrays import UNREADABLE, read_arrays, reason_of
from d3f_lite.formats.transfer import transfer
from d3f_lite.heads.model import JAW_POINTS, PARTS, Bases, HeadModel

GROUPS = {"skin": "skin", "eye_exteriors": "eyeballs", "tongue": "tongue"}  # of the file; teeth, gums and inner eyes stay out
LANDMARKS = "head_sparse_68.txt"  # beside the model
LARGEST_LANDMARKS = 2**16  # bytes; the real file has 2,293
MOST_VERTICES, MOST_TRIANGLES = 40_000, 120_000  # the real ones are 17,821 and 35,324
USED = 100, 60  # identity and expression directions of a HeadModel: those that move the skin most
LEAST_MOTION = 1e-3  # mm, over the whole skin; a direction below it moves teeth, pupils or nothing
HEIGHT = 270.0  # mm below the crown that are kept: head and neck, as of the shipped head, without the shoulders
MILLIMETRES = 1000.0  # in GNM's metre
PROVENANCE = {
    "source": "GNM Head, Google (Ploumpis et al. 2026), https://github.com/google/GNM",
    "licence": "Apache-2.0",
}


@dataclass(frozen=True, eq=False)
class GnmHead:
    """GNM at rest as its file has it: a template and linear directions. Neck and eye joints are not turned here.

    Args:
        template: mm, GNM's frame (axes are canonical, the origin is not).
        identity: mm per standard deviation.
        expression: mm per standard deviation; the jaw is among them.
        parts: index into PARTS, -1 for what a HeadModel leaves out.
        landmarks: (68, 3) vertices and weights of the 68 points, or None when their file was not there.
    """

    template: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    identity: Float[np.ndarray, "S V 3"]
    expression: Float[np.ndarray, "E V 3"]
    parts: Int[np.ndarray, "V"]
    landmarks: tuple[Int[np.ndarray, "68 3"], Float[np.ndarray, "68 3"]] | None = None

    def inner_points(self) -> Float[np.ndarray, "51 3"] | None:
        """Points 17-67 (mm) on the template, or None. The jaw's are not in the usual order, and stand still."""
        if self.landmarks is None:
            return None
        chosen, weights = self.landmarks
        return np.einsum("lki,lk->li", self.template[chosen], weights)[JAW_POINTS:]

    def head_model(self, name: str = "gnm") -> HeadModel:
        """The HeadModel in the canonical frame, without regional bases: skin down to the neck, eyeballs and tongue.

        Of the directions, which are standard normal as they are, those stay that move its skin most.

        Raises:
            HeadError: this is no head.
        """
        height = self.template[:, 1]
        crown = height[self.parts == PARTS.index("skin")].max()
        kept = np.flatnonzero((self.parts >= 0) & (height > crown - HEIGHT))
        renumbered = np.full(len(self.template), -1, np.int32)
        renumbered[kept] = np.arange(len(kept))
        triangles = renumbered[self.triangles]
        triangles = triangles[(triangles >= 0).all(1)]
        template, parts = self.template[kept], self.parts[kept]
        anatomy = transfer(template, triangles, parts, self.inner_points())
        skin = kept[parts == PARTS.index("skin")]
        shape, expression = (
            directions[np.ix_(_strongest(directions, skin, most), kept)]
            for directions, most in zip((self.identity, self.expression), USED)
        )
        return HeadModel(
            name=name,
            mean=(template - anatomy.centre).astype(np.float32),
            triangles=triangles,
            bases=Bases(shape, expression, np.zeros((0, *template.shape), np.float32), ()),
            regions=anatomy.regions,
            landmarks=anatomy.landmarks,
            albedo_regions=anatomy.albedo_regions,
            parts=anatomy.parts,
            provenance=PROVENANCE,
        )


def files_of(path: Path | str) -> list[Path]:
    """What ``read_gnm`` looks at: the model, and its landmarks beside it."""
    return [Path(path), Path(path).parent / LANDMARKS]


def read_gnm(path: Path | str) -> GnmHead:
    """Read GNM Head 3 from its npz, and its 68 landmarks if their file lies beside it.

    Args:
        path: of ``gnm_head.npz``.

    Raises:
        HeadError: a file is missing, not readable, too large, or not GNM's.
    """
    path = Path(path)
    table = read_arrays(path, HeadError)
    if table.texts("variant", ()) != "head":
        raise HeadError(f"{path.name} is GNM of another part of the body; the variant 'head' is needed")
    template = table.array("template_vertex_positions", (None, 3), np.float32)
    count = len(template)
    triangles = table.indices("triangles", (None, 3), count)
    if count > MOST_VERTICES or len(triangles) > MOST_TRIANGLES:
        raise HeadError(f"{path.name} has {count} vertices and {len(triangles)} triangles: not GNM's head")
    identity, expression = (
        table.array(name, (None, count, 3), np.float32) for name in ("vertex_identity_basis", "expression_basis")
    )
    for lengths in (template, identity, expression):
        lengths *= MILLIMETRES
    landmarks = _read_landmarks(path.parent / LANDMARKS, count)
    return GnmHead(template, triangles, identity, expression, _parts(table, count), landmarks)


def _parts(table, count):
    """The part (V,) int8 of each vertex by the file's vertex groups, -1 for those in none of GROUPS."""
    names = table.texts("vertex_group_names", (None,))
    weights = table.array("vertex_groups", (len(names), count), np.float32)
    parts = np.full(count, -1, np.int8)
    for group, part in GROUPS.items():
        inside = weights[names == group] > 0.5
        if not inside.any():
            raise HeadError(f"'vertex_groups' in {table.file} has no vertices of the group {group!r}")
        parts[inside.any(0)] = PARTS.index(part)
    return parts


def _read_landmarks(path, count):
    """Vertices (68, 3) int32 and weights (68, 3) float32 from a text of 68 rows, or None when it is not there."""
    if not path.is_file():
        return None
    try:
        with open(path, "rb") as stream:
            lines = stream.read(LARGEST_LANDMARKS).splitlines()
        rows = np.array([[float(number) for number in line.split()] for line in lines if line.strip()])
    except UNREADABLE as error:
        raise HeadError(f"cannot read {path.name}: {reason_of(error)}") from error
    if rows.shape != (68, 6):
        raise HeadError(f"{path.name} is not 68 rows of three vertices, each with its weight")
    vertices, weights = rows[:, ::2], rows[:, 1::2]
    if not ((vertices >= 0) & (vertices < count) & (vertices == np.floor(vertices))).all():
        raise HeadError(f"{path.name} names vertices that the model beside it does not have")
    total = weights.sum(1, keepdims=True)
    if not ((weights >= 0.0).all() and (np.abs(total - 1.0) < 0.01).all()):
        raise HeadError(f"{path.name} has weights that do not add up to 1")
    return vertices.astype(np.int32), (weights / total).astype(np.float32)


def _strongest(directions, skin, most):
    """Which directions (K, V, 3) move the vertices ``skin`` most: up to ``most`` numbers, in the file's order."""
    motion = np.array([np.linalg.norm(direction[skin]) for direction in directions])
    strongest = np.argsort(-motion, kind="stable")[:most]
    return np.sort(strongest[motion[strongest] > LEAST_MOTION])
