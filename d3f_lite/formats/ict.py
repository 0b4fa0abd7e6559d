"""ICT-FaceKit's light model (Li et al. 2020, MIT): scanned identities and 53 expressions, read from OBJ files."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float, Int

from d3f_lite.errors import HeadError
from d3f_lite.files.arrays import LARGEST_NUMBER, UNREADABLE, reason_of
from d3f_lite.formats.archives import Limits, check_size, read_archive
from d3f_lite.formats.cut import Cut, submesh
from d3f_lite.formats.transfer import linear_head
from d3f_lite.heads.model import PARTS, HeadModel

FOLDER, NEUTRAL, CONFIG = "FaceXModel", "generic_neutral_mesh.obj", "vertex_indices.json"
# Vertices of the full model according to its README: face, head, neck and sockets, then the eyeballs (teeth, lashes and
# tear fluid are left out), and landmarks 17-67.
KEPT = (("skin", 0, 14_062), ("eyeballs", 21_451, 24_591))
INNER_LANDMARKS = np.array([
    268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360,
    1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213,
    6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
])  # fmt: skip


@dataclass(frozen=True, eq=False)
class IctHead:
    """ICT-FaceKit's meshes as directions, in its own frame, whose axes are ours.

    Args:
        neutral: mm.
        shape: mm, the identities, standard normal as they are.
        expression: mm per standard deviation, ``sigma`` of an expression's full strength.
        expressions: their names.
        sigma: the expressions run from 0 to 1; one standard deviation is worth this much.
    """

    neutral: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    shape: Float[np.ndarray, "S V 3"]
    expression: Float[np.ndarray, "E V 3"]
    expressions: tuple[str, ...]
    sigma: float = 0.25

    def to_fit(self) -> "IctHead":
        """The same head for the fit: every expression is complete on its own.

        ``mouthClose`` closes the lips of a jaw that ``jawOpen`` opens: alone it would tear the mouth.
        """
        if not {"jawOpen", "mouthClose"} <= set(self.expressions):
            return self
        expression = self.expression.copy()
        expression[self.expressions.index("mouthClose")] += expression[self.expressions.index("jawOpen")]
        return replace(self, expression=expression)

    def head_model(self, name: str = "ict", height: float = np.inf) -> HeadModel:
        """The HeadModel in the canonical frame, without regional bases; of the full model, skin and eyeballs only.

        Its expressions run one way, from rest to their full strength: see ``HeadModel.bounds``.

        Args:
            name: what the head is called.
            height: mm below the crown that are kept of the full model.
        """
        neutral, triangles, shape, expression = self.neutral, self.triangles, self.shape, self.expression
        parts = inner = None
        if is_full_model(neutral):
            inner = neutral[INNER_LANDMARKS]
            kept = np.concatenate([np.arange(start, end) for _, start, end in KEPT])
            parts = np.concatenate([np.full(end - start, PARTS.index(part)) for part, start, end in KEPT])
            triangles = submesh(triangles, kept, len(neutral))
            cut = Cut.above(neutral[kept, 1].max() - height, neutral[kept], triangles)
            neutral, shape, expression = (cut.of(values[..., kept, :]) for values in (neutral, shape, expression))
            triangles, parts = cut.triangles, parts[cut.ends[:, 0]]
        bounds = np.full((len(shape) + len(expression), 2), (-np.inf, np.inf), np.float32)
        bounds[len(shape) :] = 0.0, 1.0 / self.sigma
        provenance = {
            "source": "ICT-FaceKit light model, USC Institute for Creative Technologies (Li et al. 2020)",
            "licence": "MIT",
        }
        return linear_head(name, neutral, triangles, shape, expression, provenance, parts, inner, bounds)


def files_of(path: Path | str) -> list[Path]:
    """What ``read_ict`` looks at: an archive, or the files of a folder."""
    path = Path(path)
    try:
        return _meshes_in(path) if path.is_dir() else [path]
    except OSError:  # read_ict says what is wrong
        return [path]


def read_ict(path: Path | str, limits: Limits = Limits()) -> IctHead:
    """Read ICT-FaceKit from its folder, or from a zip or tar of it, which is never unpacked to disk.

    Args:
        path: of the repository, of its folder FaceXModel, or of an archive of either.

    Raises:
        HeadError: no such file, no ICT-FaceKit in it, or one that is broken or too large.
    """
    path = Path(path)
    if not path.is_dir() and not path.is_file():
        raise HeadError(f"no such folder or archive: {path.name} (python data_fetch.py ict fetches it)")
    try:
        files = _folder_files(path, limits) if path.is_dir() else read_archive(path, _wanted, limits)
        meshes, triangles, expressions = _read_meshes(files)
    except UNREADABLE as error:
        raise HeadError(f"cannot read ICT-FaceKit from {path.name}: {reason_of(error)}") from error
    neutral = meshes.pop(NEUTRAL)
    if any(len(vertices) != len(neutral) for vertices in meshes.values()):
        raise HeadError(f"the meshes in {path.name} differ in their number of vertices: it is damaged or mixed up")
    identities = sorted(mesh for mesh in meshes if re.fullmatch(r"identity\d{3}\.obj", mesh))
    shape = np.stack([meshes[mesh] for mesh in identities]) - neutral
    expression = (np.stack([meshes[mesh] for mesh in expressions]) - neutral) * IctHead.sigma
    return IctHead(neutral, triangles, shape, expression, tuple(name[:-4] for name in expressions))


def is_full_model(neutral: Float[np.ndarray, "V 3"], eyes: tuple[int, int] = (36 - 17, 45 - 17)) -> bool:
    """Whether the README's vertex numbers hold: all vertices, and outer corners of the ``eyes`` that mirror each other."""
    if len(neutral) != 26_719:
        return False
    right, left = neutral[INNER_LANDMARKS[list(eyes)]]
    return bool(right[0] < -20.0 and np.abs(right * (-1.0, 1.0, 1.0) - left).max() < 1.0)


def _wanted(name):
    """Whether a path names a mesh or the list of expressions, at the top or in FaceXModel."""
    path = PurePosixPath(name)
    return (path.suffix == ".obj" or path.name == CONFIG) and path.parent.name in ("", FOLDER)


def _meshes_in(path):
    """Paths of the model's files in a folder or its FaceXModel."""
    folder = path / FOLDER if (path / FOLDER).is_dir() else path
    return [file for file in sorted(folder.iterdir()) if _wanted(file.name) and file.is_file()]


def _folder_files(path, limits):
    """Name and bytes of the model's files in a folder or its FaceXModel."""
    for file in _meshes_in(path):
        check_size(file.name, file.stat().st_size, limits.member)
        yield file.name, file.read_bytes()


def _read_meshes(files: Iterable[tuple[str, bytes]], most_meshes=400, most_bytes=2**30):
    """Parse the model's files; the real one has 158 meshes of 400 MB.

    Returns:
        name to (V, 3) float32 mm, the neutral mesh's triangles (T, 3), and the names of the expressions' meshes.
    """
    meshes, triangles, config, size = {}, None, {}, 0
    for name, data in files:
        size += len(data)
        check_size("the whole model", size, most_bytes)
        if name == CONFIG:
            config = json.loads(data)
        elif name not in meshes and len(meshes) < most_meshes:
            meshes[name] = _vertices(data, name)
            triangles = _triangles(data, len(meshes[name])) if name == NEUTRAL else triangles
    listed = config.get("expressions") if isinstance(config, dict) else None
    if listed is None:
        listed = [name[:-4] for name in sorted(meshes) if name != NEUTRAL and not name.startswith("identity")]
    expressions = [f"{name}.obj" for name in listed]
    missing = [name for name in (NEUTRAL, "identity000.obj", *expressions) if name not in meshes]
    if missing or not expressions:
        raise HeadError(f"no ICT-FaceKit here: {missing[0] if missing else 'every expression'} is missing")
    return meshes, triangles, expressions


def _vertices(data, name):
    """The vertices (V, 3) float32 mm of an OBJ file in cm."""
    lines = _lines(data, b"v", name)
    vertices = np.loadtxt(lines, np.float32, comments=None, usecols=(0, 1, 2), ndmin=2) * np.float32(10.0)
    if vertices.shape != (len(lines), 3) or not np.abs(vertices).max() <= LARGEST_NUMBER:  # false for NaN, too
        raise HeadError(f"{name[:40]} has vertices that are not three numbers of a head's size")
    return vertices


def _lines(data, keyword, name, most=40_000):
    """What follows ``keyword`` on each of an OBJ file's lines that start with it; the real ones have up to 26,719."""
    found = re.finditer(rb"^%s[ \t]([^\r\n]*)" % keyword, data, re.MULTILINE)
    lines = [match[1] for match in islice(found, most + 1)]
    if not 0 < len(lines) <= most:
        number = f"more than {most}" if lines else "no"
        raise HeadError(f"{name[:40]} has {number} '{keyword.decode()}' lines: not a mesh of ICT-FaceKit")
    return lines


def _triangles(data, count, most_corners=8):
    """The faces of an OBJ file as triangles (T, 3), polygons cut into fans; ICT-FaceKit's have four corners."""
    triangles = []
    for line in _lines(data, b"f", NEUTRAL):
        corners = [int(corner.split(b"/")[0]) - 1 for corner in line.split(maxsplit=most_corners)]
        triangles += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
    triangles = np.array(triangles, np.int64).reshape(-1, 3)
    if len(triangles) == 0 or triangles.min() < 0 or triangles.max() >= count:
        raise HeadError(f"{NEUTRAL} has faces that point beyond its {count} vertices")
    return triangles
