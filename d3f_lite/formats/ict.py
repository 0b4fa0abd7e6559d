"""ICT-FaceKit's light model (Li et al. 2020, MIT): scanned identities and 53 expressions, read from OBJ files."""

import gzip
import json
import lzma
import re
import tarfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float, Int

from d3f_lite.errors import HeadError
from d3f_lite.files.arrays import LARGEST_NUMBER, UNREADABLE, bounded_member, reason_of
from d3f_lite.formats.cut import Cut
from d3f_lite.formats.transfer import transfer
from d3f_lite.heads.model import PARTS, Bases, HeadModel

FOLDER, NEUTRAL, CONFIG = "FaceXModel", "generic_neutral_mesh.obj", "vertex_indices.json"
LARGEST_MEMBER = 32 * 2**20  # bytes unpacked; the real ones take 3 MB
LARGEST_MODEL = 2**30  # bytes of all its meshes; the real ones take 400 MB
LARGEST_ARCHIVE = 4 * 2**30  # bytes, packed, or passed over in a tar
LARGEST_DICTIONARY = 256 * 2**20  # bytes that unpacking an xz may take; xz's own presets take 65 MB at most
CHUNK = 2**20  # bytes
GZIP, XZ = b"\x1f\x8b", b"\xfd7zXZ\0"  # what such files start with
MOST_MESHES = 400  # the real model has 158
MOST_LINES = 40_000  # of vertices or faces in one mesh; the real ones have 26,719 and 26,384
MOST_CORNERS = 8  # of a face; ICT-FaceKit's have four
MILLIMETRES = 10.0  # in ICT-FaceKit's centimetre
EXPRESSION_SIGMA = 0.25  # its expressions run from 0 to 1; one standard deviation is worth this much
JAW, LIPS = "jawOpen", "mouthClose"  # the second closes the lips of a jaw that the first opens: alone it tears the mouth
HEIGHT = 250.0  # mm below the crown that are kept: head and neck, without the shoulders
VERTICES = 26_719  # of the full model; its README tells which part has which:
KEPT = (("skin", 0, 14_062), ("eyeballs", 21_451, 24_591))  # face, head, neck, sockets; no teeth, lashes, tear fluid
INNER_LANDMARKS = np.array([
    268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360,
    1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213,
    6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
])  # fmt: skip  # vertices of points 17-67, from the same README
RIGHT_EYE, LEFT_EYE = 36 - 17, 45 - 17  # outer corners, counted from point 17
PROVENANCE = {
    "source": "ICT-FaceKit light model, USC Institute for Creative Technologies (Li et al. 2020)",
    "licence": "MIT",
}


@dataclass(frozen=True, eq=False)
class IctHead:
    """ICT-FaceKit's meshes as directions, in its own frame, whose axes are ours.

    Args:
        neutral: mm.
        shape: mm, the identities, standard normal as they are.
        expression: mm, times EXPRESSION_SIGMA.
        expressions: their names.
    """

    neutral: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    shape: Float[np.ndarray, "S V 3"]
    expression: Float[np.ndarray, "E V 3"]
    expressions: tuple[str, ...]

    def to_fit(self) -> "IctHead":
        """The same head as the fit wants it: every expression whole by itself, the lips that close with the jaw they close on."""
        if not {JAW, LIPS} <= set(self.expressions):
            return self
        expression = self.expression.copy()
        expression[self.expressions.index(LIPS)] += expression[self.expressions.index(JAW)]
        return replace(self, expression=expression)

    def head_model(self, name: str = "ict", height: float = np.inf) -> HeadModel:
        """The HeadModel in the canonical frame, without regional bases; of the full model, skin and eyeballs only.

        Its expressions run one way, from rest to their full strength: see ``HeadModel.bounds``.

        Args:
            height: mm below the crown that are kept of the full model.
        """
        neutral, triangles, shape, expression = self.neutral, self.triangles, self.shape, self.expression
        parts = inner = None
        if _is_full_model(neutral):
            inner = neutral[INNER_LANDMARKS]
            kept = np.concatenate([np.arange(start, end) for _, start, end in KEPT])
            parts = np.concatenate([np.full(end - start, PARTS.index(part)) for part, start, end in KEPT])
            renumbered = np.full(len(neutral), -1)
            renumbered[kept] = np.arange(len(kept))
            triangles = renumbered[triangles]
            triangles = triangles[(triangles >= 0).all(1)]
            cut = Cut.above(neutral[kept, 1].max() - height, neutral[kept], triangles)
            neutral, shape, expression = (cut.of(values[..., kept, :]) for values in (neutral, shape, expression))
            triangles, parts = cut.triangles, parts[cut.ends[:, 0]]
        anatomy = transfer(neutral, triangles, parts, inner)
        open_ends, one_way = ([-np.inf, np.inf], len(shape)), ([0.0, 1.0 / EXPRESSION_SIGMA], len(expression))
        return HeadModel(
            name=name,
            mean=(neutral - anatomy.centre).astype(np.float32),
            triangles=triangles.astype(np.int32),
            bases=Bases(shape, expression, np.zeros((0, *neutral.shape), np.float32), ()),
            regions=anatomy.regions,
            landmarks=anatomy.landmarks,
            albedo_regions=anatomy.albedo_regions,
            parts=anatomy.parts,
            provenance=PROVENANCE,
            bounds=np.concatenate([np.tile(np.array(ends, np.float32), (many, 1)) for ends, many in (open_ends, one_way)]),
        )


def files_of(path: Path | str) -> list[Path]:
    """What ``read_ict`` looks at: an archive, or the files of a folder."""
    path = Path(path)
    try:
        return _wanted_in(path) if path.is_dir() else [path]
    except OSError:  # read_ict says what is wrong
        return [path]


def read_ict(path: Path | str) -> IctHead:
    """Read ICT-FaceKit from its folder, or from a zip or tar of it, which is never unpacked to disk.

    Args:
        path: of the repository, of its folder FaceXModel, or of an archive of either.

    Raises:
        HeadError: no such file, no ICT-FaceKit in it, or one that is broken or too large.
    """
    path = Path(path)
    try:
        meshes, triangles, expressions = _read_meshes(_files(path))
    except UNREADABLE as error:
        raise HeadError(f"cannot read ICT-FaceKit from {path.name}: {reason_of(error)}") from error
    neutral = meshes.pop(NEUTRAL)
    if any(len(vertices) != len(neutral) for vertices in meshes.values()):
        raise HeadError(f"the meshes in {path.name} differ in their number of vertices: it is damaged or mixed up")
    identities = sorted(mesh for mesh in meshes if re.fullmatch(r"identity\d{3}\.obj", mesh))
    shape = np.stack([meshes[mesh] for mesh in identities]) - neutral
    expression = (np.stack([meshes[mesh] for mesh in expressions]) - neutral) * EXPRESSION_SIGMA
    return IctHead(neutral, triangles, shape, expression, tuple(name[:-4] for name in expressions))


def _is_full_model(neutral):
    """Whether the README's vertex numbers hold: all vertices, and outer eye corners that mirror each other."""
    if len(neutral) != VERTICES:
        return False
    right, left = neutral[INNER_LANDMARKS[[RIGHT_EYE, LEFT_EYE]]]
    return bool(right[0] < -20.0 and np.abs(right * (-1.0, 1.0, 1.0) - left).max() < 1.0)


def _read_meshes(files):
    """Parse the model's files.

    Args:
        files: iterable of (name, bytes).

    Returns:
        name to (V, 3) float32 mm, the neutral mesh's triangles (T, 3), and the names of the expressions' meshes.
    """
    meshes, triangles, config, size = {}, None, {}, 0
    for name, data in files:
        size += len(data)
        if size > LARGEST_MODEL:
            raise HeadError(f"its meshes take more than {LARGEST_MODEL >> 20} MB: not ICT-FaceKit")
        if name == CONFIG:
            config = json.loads(data)
        elif name not in meshes and len(meshes) < MOST_MESHES:
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
    """The vertices (V, 3) float32 mm of an OBJ file."""
    lines = _lines(data, b"v", name)
    vertices = np.loadtxt(lines, np.float32, comments=None, usecols=(0, 1, 2), ndmin=2) * np.float32(MILLIMETRES)
    if vertices.shape != (len(lines), 3) or not np.abs(vertices).max() <= LARGEST_NUMBER:  # false for NaN, too
        raise HeadError(f"{name[:40]} has vertices that are not three numbers of a head's size")
    return vertices


def _lines(data, keyword, name):
    """What follows ``keyword`` on each of an OBJ file's lines that start with it."""
    found = re.finditer(rb"^%s[ \t]([^\r\n]*)" % keyword, data, re.MULTILINE)
    lines = [match[1] for match in islice(found, MOST_LINES + 1)]
    if not 0 < len(lines) <= MOST_LINES:
        number = f"more than {MOST_LINES}" if lines else "no"
        raise HeadError(f"{name[:40]} has {number} '{keyword.decode()}' lines: not a mesh of ICT-FaceKit")
    return lines


def _triangles(data, count):
    """The faces of an OBJ file as triangles (T, 3), polygons cut into fans."""
    triangles = []
    for line in _lines(data, b"f", NEUTRAL):
        corners = [int(corner.split(b"/")[0]) - 1 for corner in line.split(maxsplit=MOST_CORNERS)]
        triangles += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
    triangles = np.array(triangles, np.int64).reshape(-1, 3)
    if len(triangles) == 0 or triangles.min() < 0 or triangles.max() >= count:
        raise HeadError(f"{NEUTRAL} has faces that point beyond its {count} vertices")
    return triangles


def _files(path):
    """The model's files as (name, bytes), from a folder or an archive."""
    if path.is_dir():
        return _folder_files(path)
    if not path.is_file():
        raise HeadError(f"no such folder or archive: {path.name} (python data_fetch.py ict fetches it)")
    if path.stat().st_size > LARGEST_ARCHIVE:
        raise HeadError(f"{path.name} has more than {LARGEST_ARCHIVE >> 30} GB: not ICT-FaceKit")
    return _zip_files(path) if zipfile.is_zipfile(path) else _tar_files(path)


def _folder_files(path):
    """The model's files in a folder or its FaceXModel."""
    for file in _wanted_in(path):
        _check_size(file.name, file.stat().st_size)
        yield file.name, file.read_bytes()


def _wanted_in(path):
    """Paths of the model's files in a folder or its FaceXModel."""
    folder = path / FOLDER if (path / FOLDER).is_dir() else path
    return [file for file in sorted(folder.iterdir()) if _wanted(file.name) and file.is_file()]


def _zip_files(path):
    """The model's files in a zip."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if _wanted(member.filename):
                yield PurePosixPath(member.filename).name, bounded_member(archive, member, LARGEST_MEMBER)


def _tar_files(path):
    """The model's files in a tar, packed with gzip, with xz, or not at all."""
    with open(path, "rb") as stream:
        start = stream.read(len(XZ))
    unpacked = 0
    opened = gzip.open if start.startswith(GZIP) else _Xz.open if start == XZ else open
    with opened(path, "rb") as stream, tarfile.open(fileobj=_Bounded(stream), mode="r:") as archive:
        for member in archive:
            unpacked += member.size
            if unpacked > LARGEST_ARCHIVE:
                raise HeadError(f"{path.name} unpacks to more than {LARGEST_ARCHIVE >> 30} GB: not ICT-FaceKit")
            if _wanted(member.name) and member.isreg():
                _check_size(member.name, member.size)
                yield PurePosixPath(member.name).name, archive.extractfile(member).read()


class _Bounded:
    """A stream that reads no more at once than a mesh has bytes: tarfile believes what a long name claims to take."""

    def __init__(self, stream):
        self._stream, self.tell, self.seek = stream, stream.tell, stream.seek

    def read(self, size):
        """At most ``size`` bytes."""
        if not 0 <= size <= LARGEST_MEMBER:
            raise ValueError("the archive asks for too much memory")
        return self._stream.read(size)


class _Xz:
    """What an xz file holds, read forwards, within bounds of memory that lzma.open does not know."""

    def __init__(self, stream):
        self._stream, self._place = stream, 0
        self._unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LARGEST_DICTIONARY)

    @classmethod
    @contextmanager
    def open(cls, path, mode):
        """As the built-in open does."""
        with open(path, mode) as stream:
            yield cls(stream)

    def read(self, size=-1):
        """The next ``size`` bytes, fewer at the end."""
        found = bytearray()
        while len(found) < size and not self._unpacker.eof:
            packed = self._stream.read(CHUNK) if self._unpacker.needs_input else b""
            if self._unpacker.needs_input and not packed:
                raise EOFError("the archive is cut off")
            found += self._unpacker.decompress(packed, size - len(found))
        self._place += len(found)
        return bytes(found)

    def tell(self):
        """Bytes that were read."""
        return self._place

    def seek(self, place, whence=0):
        """Go on at ``place``, which lies ahead."""
        if whence or place < self._place:
            raise ValueError("this archive is read forwards only")
        while place > self._place and self.read(min(place - self._place, CHUNK)):
            pass
        return self._place


def _wanted(name):
    """Whether a path names a mesh or the list of expressions, at the top or in FaceXModel."""
    path = PurePosixPath(name)
    return (path.suffix == ".obj" or path.name == CONFIG) and path.parent.name in ("", FOLDER)


def _check_size(name, size):
    """Refuse a file that no mesh of ICT-FaceKit could be."""
    if size > LARGEST_MEMBER:
        raise HeadError(f"{PurePosixPath(name).name[:40]} has {size >> 20} MB: not a mesh of ICT-FaceKit")
